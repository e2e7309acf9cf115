// SPDX-License-Identifier: MIT
// The bodies of http2.hpp. http2_src.hpp compiles them once; else the header includes them.

#pragma once

#include <memory>
#include <string>
#include <utility>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http2/http2_connection.hpp"
#include "sse/detail/server/handler_driver.hpp"
#include "sse/http2.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

SSE_DECL std::shared_ptr<detail::HandlerDriver> Http2Server::make_driver(detail::Session& session, std::string received,
                                                                         std::string remote_address) {
  const detail::Http2Limits limits{options_.max_streams, options_.idle_timeout};
  return std::make_shared<detail::Http2Connection>(session, limits, std::move(received), std::move(remote_address));
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
