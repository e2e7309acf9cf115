// SPDX-License-Identifier: MIT
// A handler that answers a request of `serve`, as its session sees it. What runs handlers is compiled only where a
// program adds one.

#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

struct ConnectionOptions;
struct HandlerRoute;
struct Request;
struct StreamOptions;

}  // namespace sse::inline SSE_ABI

namespace sse::inline SSE_ABI::detail {

class Session;
struct HandlerPlace;

/// Runs the handler of one request, or one HTTP/2 connection.
class HandlerDriver {
 public:
  HandlerDriver() = default;
  HandlerDriver(const HandlerDriver&) = delete;
  HandlerDriver& operator=(const HandlerDriver&) = delete;
  virtual ~HandlerDriver() = default;

  /// Starts the handler. `keep` is released when the handler has ended.
  virtual void start(IntrusivePtr<Session> keep) = 0;
  /// Tells the handler that `serve` is being stopped. From any thread.
  virtual void stop() = 0;
  /// Cancels the handler and closes the connection. From any thread.
  virtual void abort() = 0;
};

/// Makes the drivers of HTTP/2 connections: ServeOptions::http2. Thread-safe.
class Http2Acceptor {
 public:
  Http2Acceptor() = default;
  Http2Acceptor(const Http2Acceptor&) = delete;
  Http2Acceptor& operator=(const Http2Acceptor&) = delete;
  virtual ~Http2Acceptor() = default;

  /// Takes the session's socket, and its TLS. `received`: the first bytes. `stop` of the driver, and its deadlines, run
  /// on the session's strand.
  virtual std::shared_ptr<HandlerDriver> make_driver(Session& session, std::string received,
                                                     std::string remote_address) = 0;
};

/// Makes the driver of a request that Server::begin_handler has let in. The driver calls Server::handler_done in the
/// end. The route lives as long as the server.
std::shared_ptr<HandlerDriver> make_handling(HandlerPlace&& place, Request request, ConnectionOptions connection,
                                             StreamOptions options, const HandlerRoute& route);

using MakeHandling = std::shared_ptr<HandlerDriver> (*)(HandlerPlace&&, Request, ConnectionOptions, StreamOptions,
                                                        const HandlerRoute&);
/// Set where a handler is added.
inline std::atomic<MakeHandling> handling_maker{nullptr};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
