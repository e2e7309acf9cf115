// SPDX-License-Identifier: MIT
// The bodies of handled_request.hpp. src.hpp compiles them once; else the header includes them.

#pragma once

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http1/response_text.hpp"
#include "sse/detail/server/answer_headers.hpp"
#include "sse/detail/server/write_text.hpp"
#include "sse/handled_request.hpp"
#include "sse/http_options.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

SSE_DECL asio::awaitable<void> HandledRequest::respond(unsigned status, Response response) {
  if (request.method == "HEAD") response.head_only = true;
  detail::add_cors(response.headers, options);
  return detail::write_text<asio::any_io_executor>(stream, detail::response_text(status, response));
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
