// SPDX-License-Identifier: MIT
// Decides how `serve` answers a request: a stream, metrics, a refusal or an error. It reads no socket.

#pragma once

#include <cstddef>
#include <optional>

#include "sse/config.hpp"
#include "sse/detail/base/owned.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/gzip/event_chain.hpp"
#include "sse/detail/http1/response_text.hpp"
#include "sse/event_stream.hpp"
#include "sse/http_options.hpp"
#include "sse/options.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class Server;

/// The one who has asked, in whatever protocol: starts what the answer is if that takes longer.
class Requester {
 public:
  Requester(const Requester&) = delete;
  Requester& operator=(const Requester&) = delete;

  /// Takes `tap`, too, if there is one.
  virtual void start_stream(EventStream&& events, const StreamOptions& options) = 0;
  /// False: the protocol has none, and the requester has refused the request itself.
  virtual bool takes_handlers() = 0;
  /// Takes over the handler that Server::begin_handler has counted.
  virtual void start_handler(const Request& request, ConnectionOptions&& connection, StreamOptions&& options,
                             const HandlerRoute& route) = 0;

  const bool compresses;                  ///< False: its streams go out as they are.
  const std::optional<std::size_t> lane;  ///< See Hub::add.
  Owned<EventTap> tap;                    ///< Compresses the stream. Null: it goes out as it is.

 protected:
  explicit Requester(bool may_compress = false, std::optional<std::size_t> its_lane = {}) noexcept
      : compresses(may_compress), lane(its_lane) {}
  ~Requester() = default;
};

/// Answers a request. Nullopt: the requester has started a stream or a handler, or has refused it. Throws HttpError.
SSE_DECL std::optional<Answer> answer(Server& server, Requester& requester, const Request& request);

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
