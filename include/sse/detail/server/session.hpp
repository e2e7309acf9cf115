// SPDX-License-Identifier: MIT
// One accepted socket of `serve`: it reads a request, answers it, and writes a stream of events.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/intrusive_queue.hpp"
#include "sse/detail/http1/proxy_header.hpp"
#include "sse/detail/http1/request_reader.hpp"
#include "sse/detail/net/shared_strand.hpp"
#include "sse/detail/net/tls_layer.hpp"
#include "sse/detail/server/event_writer.hpp"
#include "sse/detail/server/handler_driver.hpp"
#include "sse/detail/server/server.hpp"
#include "sse/detail/server/socket_sink.hpp"
#include "sse/detail/server/write_loop.hpp"
#include "sse/http_error.hpp"
#include "sse/http_options.hpp"
#include "sse/options.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// One accepted socket of `serve`, from its head to its end: it reads a request and either writes a response and waits
/// for the peer to close, or becomes the loop that writes a stream. All of it runs on its strand, except the functions
/// that say otherwise. Its pending operations keep it alive; the last reference closes the socket.
class Session final
    : public WriteLoop<Session, asio::basic_stream_socket<asio::generic::stream_protocol, SharedStrandExecutor>>,
      public RefCounted,
      public IntrusiveQueue<Session>::Hook {
 public:
  using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, SharedStrandExecutor>;

  Session(IntrusivePtr<Server> its_server, const SharedStrand& strand);
  ~Session();

  /// Takes TLS that has begun on the socket already. Before `begin`.
  void take_over(std::unique_ptr<TlsLayer> tls);
  /// Begins to read the request. From any thread.
  void begin();
  /// Ends a stream in good order, unless ConnectionOptions::let_finish is set. A session that is no stream yet is
  /// closed at once. From any thread.
  void stop();
  /// Does the same for an HTTP/2 connection, and nothing for others. From any thread.
  void stop_http2();
  /// Closes the socket. From any thread.
  void abort();

  /// A stream has begun, or a handler. The destructor's and the strand's only.
  bool is_stream() const noexcept { return started() || (exchange_ && exchange_->is_stream); }
  /// Gives the socket to a handler, which answers the request.
  void start_handler(Request request, ConnectionOptions connection, StreamOptions options, const HandlerRoute& route);
  /// An HTTP/2 connection has its first stream.
  void begin_http2_stream() noexcept;
  /// Ends a stream in good order, unless ConnectionOptions::let_finish is set.
  static void drain_stream(Server& server, const EventStream& events);
  /// For the handler, or the HTTP/2 connection.
  std::unique_ptr<TlsLayer> take_tls_layer() noexcept { return std::move(exchange_->tls); }

  // For WriteLoop and Crowd:
#if defined(SSE_SENDMSG)
  CrowdEntry enter_crowd() noexcept;
  BatchPart leave_crowd() noexcept;
#endif
  Connection& connection() noexcept {
    return *events().connection_;
  }
  Socket& stream() noexcept {
    return socket_;
  }
  SharedStrandExecutor get_executor() noexcept {
    return socket_.get_executor();
  }
  TlsLayer* tls_layer() noexcept {
    return exchange_ ? exchange_->tls.get() : nullptr;
  }  ///< Null: no TLS.
  EventWriter::Times times() const noexcept;
  void join_timer() noexcept {}  // It has joined the timer already.
  CoarseTimer& timer() noexcept {
    return *server->timer;
  }
  void time_is_up() noexcept;
  IntrusivePtr<Session> keep() noexcept {
    return IntrusivePtr<Session>(this);
  }
  IntrusivePtr<Session> keep_if_alive() noexcept {
    return IntrusivePtr<Session>::if_alive(*this);
  }
  void ended(bool cancelled) noexcept;

  const IntrusivePtr<Server> server;

 private:
  class OnReady;
  enum class Phase : std::uint8_t { reading, handling, http2, writing, lingering };

  /// A request's head while it is read.
  struct Head {
    explicit Head(const RequestLimits& limits) : reader(limits) {}

    bool is_http1 = false;             ///< The first bytes were no preface of HTTP/2.
    std::optional<ProxyHeader> proxy;  ///< it has yet to come
    std::string remote_address;
    std::string preface;  ///< First bytes that may be the preface of HTTP/2.
    RequestReader reader;
  };

  /// The request and its response, and TLS. Freed when a stream begins; one over TLS has another for its TLS alone.
  struct Exchange {
    Phase phase = Phase::reading;
    bool is_stream = false;         ///< A handler, or HTTP/2 with a stream.
    std::unique_ptr<Head> head;     ///< Null: it was read.
    std::unique_ptr<TlsLayer> tls;  ///< Null: none, or the handshake has yet to begin.
    std::string response;
    /// Bytes of the response that were sent; while lingering, bytes that were read and discarded.
    std::size_t done = 0;
    std::shared_ptr<HandlerDriver> handling;  ///< Null, except in the phases `handling` and `http2`.
  };

  bool is_handled() const noexcept {
    return exchange_ && exchange_->phase == Phase::handling;
  }
  /// Another has the socket: a handler, or an HTTP/2 connection.
  bool is_driven() const noexcept {
    return exchange_ && exchange_->handling;
  }
  void wait_for(asio::socket_base::wait_type what);
  /// Waits until the socket is ready for what TLS wants; without TLS for `otherwise`.
  void wait_again(asio::socket_base::wait_type otherwise);
  std::size_t read_some(asio::mutable_buffer buffer, error_code& error);
  std::size_t write_some(asio::const_buffer buffer, error_code& error);
  void on_ready(error_code error) noexcept;
  void on_start();
  void on_stop();
  void on_head_timeout();
  void begin_exchange();
  bool begin_tls();
  void read_request();
  bool take_bytes(std::string_view bytes);
  bool take_request_bytes(std::string_view bytes);
  void start_http2(std::string received);
  std::optional<std::string> take_proxy_header(std::string_view bytes);
  void answer_request();
  void forget_request();
  void answer_error(const HttpError& error, bool head_only);
  void begin_response(std::string text);
  void write_response();
  void begin_linger();
  void linger();
  void close() noexcept;

  std::unique_ptr<Exchange> exchange_;  ///< Null: no bytes have arrived yet, or the session is a stream without TLS.
  Socket socket_;                       ///< Not open while another has it.
};

/// The connection of a request that a handler answers.
struct HandlerPlace {
  IntrusivePtr<Server> server;
  Session::Socket socket;
  std::unique_ptr<TlsLayer> tls;  ///< Null: none.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
