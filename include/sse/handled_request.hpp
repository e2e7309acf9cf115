// SPDX-License-Identifier: MIT
// A request that a handler of `serve` answers (ServeOptions::handle), and the stream of its connection. Including
// http.hpp is enough.

#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/net/shared_strand.hpp"
#include "sse/detail/net/tls_layer.hpp"
#include "sse/detail/net/tls_operation.hpp"
#include "sse/http_options.hpp"
#include "sse/options.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class Handling;
template <class Stream, class Producer>
class AnswerOperation;

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

/// The connection of a request that a handler answers: a stream for read_body, write_response, answer_events and Asio's
/// own functions, with TLS or without. It lives as long as the handler's coroutine, and is used on the coroutine's
/// executor only.
class HandlerStream {
 public:
  /// The type of the socket, TCP or a Unix socket.
  using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, detail::SharedStrandExecutor>;
  /// The type of the coroutine's executor.
  using executor_type = asio::any_io_executor;

  HandlerStream(Socket socket, executor_type executor, std::unique_ptr<detail::TlsLayer> tls = nullptr)
      : socket_(std::move(socket)), executor_(std::move(executor)), tls_(std::move(tls)) {}
  HandlerStream(const HandlerStream&) = delete;
  HandlerStream& operator=(const HandlerStream&) = delete;

  /// The coroutine's executor.
  executor_type get_executor() const noexcept { return executor_; }
  /// The socket, below TLS. Writing to it directly hides the bytes from `serve`, which then takes the request for
  /// unanswered.
  Socket& next_layer() noexcept { return socket_; }

  /// Reads as Asio's own function does, for every completion token.
  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return start(detail::TlsRead<Buffers>(buffers), std::forward<Token>(token));
  }
  /// Writes as Asio's own function does, for every completion token.
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    written_ = true;
    return start(detail::TlsWrite<Buffers>(buffers), std::forward<Token>(token));
  }

  /// True once a byte of the response was given to the socket.
  bool written() const noexcept { return written_; }
  /// True once `serve` is being stopped. The handler may go on for ServeOptions::grace, and is cancelled then.
  bool stopping() const noexcept { return stopping_; }
  /// Sets the function that is called once when `serve` is stopped, at once if it is already. answer_events sets its
  /// own. Null: none.
  void on_stopping(std::function<void()> function) {
    if (stopping_ && function) return function();
    on_stopping_ = std::move(function);
  }

 private:
  friend class detail::Handling;
  template <class Stream, class Producer>
  friend class detail::AnswerOperation;

  /// Null: there is TLS over it.
  Socket* plain_socket() noexcept { return tls_ ? nullptr : &socket_; }

  /// Starts an operation on the socket itself, or on the TLS over it.
  template <class Attempt>
  class Initiation {
   public:
    using executor_type = Socket::executor_type;
    executor_type get_executor() const noexcept { return stream_.socket_.get_executor(); }

    explicit Initiation(HandlerStream& stream) : stream_(stream) {}

    template <class Handler>
    void operator()(Handler&& handler, Attempt attempt) const {
      using Plain = std::decay_t<Handler>;
      Socket& socket = stream_.socket_;
      if (stream_.tls_) {
        asio::async_compose<Plain, void(error_code, std::size_t)>(
            detail::TlsOperation<Socket, Attempt>(socket, *stream_.tls_, std::move(attempt)), handler, socket);
      } else if constexpr (Attempt::writes) {
        socket.async_write_some(attempt.buffers(), std::forward<Handler>(handler));
      } else {
        socket.async_read_some(attempt.buffers(), std::forward<Handler>(handler));
      }
    }

   private:
    HandlerStream& stream_;
  };
  template <class Attempt, class Token>
  auto start(Attempt attempt, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(Initiation<Attempt>(*this), token,
                                                                      std::move(attempt));
  }

  Socket socket_;
  const executor_type executor_;
  const std::unique_ptr<detail::TlsLayer> tls_;  ///< Null: none.
  std::function<void()> on_stopping_;
  bool written_ = false;
  bool stopping_ = false;
};

/// A request that `serve` has admitted, for the handler that answers it.
struct HandledRequest {
  HandledRequest(Request its_request, ConnectionOptions its_connection, StreamOptions its_options,
                 HandlerStream::Socket socket, asio::any_io_executor executor,
                 std::unique_ptr<detail::TlsLayer> tls = nullptr)
      : request(std::move(its_request)),
        connection(std::move(its_connection)),
        options(std::move(its_options)),
        stream(std::move(socket), std::move(executor), std::move(tls)) {}

  /// Answers with one response, which gets the CORS headers of the request, and no body for a HEAD. Make a JSON before
  /// the call.
  ///
  /// @par Errors             As write_response.
  /// @par Cancellation       terminal, partial.
  /// @par Object lifetime    The request lives as long as its handler's coroutine.
  /// @par Thread safety      The coroutine's executor only.
  asio::awaitable<void> respond(unsigned status, Response response = {});

  Request request;               ///< The request, without its body.
  ConnectionOptions connection;  ///< As ServeOptions::admit has set it: the user's limit_key, for example.
  StreamOptions options;         ///< ServeOptions::stream, with the CORS headers for the request's origin.
  HandlerStream stream;          ///< The connection. `serve` closes it when the handler has returned.
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/server/handled_request.ipp"
#include "sse/detail/server/handling.hpp"
#endif
