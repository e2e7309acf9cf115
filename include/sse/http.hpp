// SPDX-License-Identifier: MIT
// Serves events over HTTP/1.1: `serve` for an acceptor, or the parts that it is made of. It includes the core.

#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/net/lowest_layer.hpp"
#include "sse/detail/net/tls_layer.hpp"
#include "sse/detail/server/socket_sink.hpp"
#include "sse/event_manager.hpp"
#include "sse/handled_request.hpp"
#include "sse/http_error.hpp"
#include "sse/http_options.hpp"
#include "sse/metrics.hpp"
#include "sse/origin.hpp"
#include "sse/read_body.hpp"
#include "sse/read_request.hpp"
#include "sse/request.hpp"
#include "sse/response.hpp"
#include "sse/sse.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// Serves the events of `events` to every client that connects. It answers GET of `options.path` with a stream, HEAD
/// with the stream's head, and the preflight of a page that may read. Other answers are 404 for other paths, 405 with
/// Allow for other methods, 503 past the manager's max_connections, an error status for a malformed head, and the
/// HttpError of `options.admit`. It keeps accepting after a shortage of descriptors and after peers that give up.
///
/// @par Errors             sse::system_error when the acceptor can't be used.
/// @par Cancellation       terminal. It stops accepting, ends its streams with `disconnect` over the time
///                         `options.spread`, waits until they are delivered, at most `options.grace`, and returns; a
///                         second cancellation cuts them at once. The call needs a coroutine of its own, whose
///                         cancellation state it clears.
/// @par Object lifetime    `events` must outlive the call.
/// @par Thread safety      The sessions run on a few strands over the acceptor's executor, of any type. If that has
///                         several threads, the call itself needs a strand, on which it is also cancelled.
SSE_DECL asio::awaitable<void> serve(tcp::acceptor acceptor, EventManager& events, ServeOptions options = {});

/// The same for an acceptor of any executor.
template <class Executor>
asio::awaitable<void> serve(asio::basic_socket_acceptor<tcp, Executor> acceptor, EventManager& events,
                            ServeOptions options = {}) {
  return serve(tcp::acceptor(std::move(acceptor)), events, std::move(options));
}

#if defined(SSE_LOCAL_SOCKETS)
/// The same over a Unix socket, behind a proxy on the same machine (nginx: `proxy_pass http://unix:/run/events.sock:`).
/// A peer has no address: Request::remote_address is empty.
SSE_DECL asio::awaitable<void> serve(asio::local::stream_protocol::acceptor acceptor, EventManager& events,
                                     ServeOptions options = {});
template <class Executor>
asio::awaitable<void> serve(asio::basic_socket_acceptor<asio::local::stream_protocol, Executor> acceptor,
                            EventManager& events, ServeOptions options = {}) {
  return serve(asio::local::stream_protocol::acceptor(std::move(acceptor)), events, std::move(options));
}
#endif

}  // namespace sse::inline SSE_ABI

namespace sse::inline SSE_ABI::detail {

SSE_DECL asio::awaitable<void> serve_connection(asio::basic_stream_socket<asio::generic::stream_protocol> socket,
                                                std::unique_ptr<TlsLayer> tls, EventManager& events,
                                                ServeOptions options);

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

/// Serves one connection that you have accepted yourself, as `serve` does those of its acceptor, until its end.
/// `stream` is a socket of Asio's (with `options.tls` it does the handshake) or a TlsStream, perhaps after its
/// handshake. Its socket is taken out of it at the call. The limits of `options` hold for this connection alone; those
/// of the manager for all of them. For a service with many connections `serve` needs less memory.
///
/// @par Errors             sse::system_error when the socket can't be used.
/// @par Cancellation       terminal, as of `serve`.
/// @par Object lifetime    `events` must outlive the call. `stream` may be destroyed.
/// @par Thread safety      As `serve`, over the stream's executor.
template <class Stream>
asio::awaitable<void> serve_connection(Stream&& stream, EventManager& events, ServeOptions options = {}) {
  auto& socket = detail::lowest_layer(stream);
  std::unique_ptr<detail::TlsLayer> tls;
  if constexpr (requires { stream.take_layer(); })
    tls = stream.take_layer();
  else
    static_assert(detail::PlainSocket<std::remove_reference_t<Stream>>,
                  "serve_connection takes a socket or a TlsStream");
  const auto protocol = socket.local_endpoint().protocol();
  asio::basic_stream_socket<asio::generic::stream_protocol> taken(socket.get_executor());
  taken.assign(protocol, socket.release());
  return detail::serve_connection(std::move(taken), std::move(tls), events, std::move(options));
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/server/accept_loop.ipp"
#include "sse/detail/server/answer.ipp"
#include "sse/detail/server/cors.ipp"
#include "sse/detail/server/crowd.ipp"
#include "sse/detail/server/serve.ipp"
#include "sse/detail/server/server.ipp"
#include "sse/detail/server/session.ipp"
#endif
