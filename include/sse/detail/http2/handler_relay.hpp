// SPDX-License-Identifier: MIT
// A handler's request and response over HTTP/2. The handler has one end of a pair of local sockets and speaks HTTP/1.1
// there, as on any connection; the relay has the other end.

#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sse/config.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http1/response_reader.hpp"
#include "sse/detail/server/handler_driver.hpp"
#include "sse/detail/server/session.hpp"
#include "sse/http_options.hpp"
#include "sse/options.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class Http2Connection;
class Http2Stream;

/// The relay of one stream. It holds at most one piece of the response, and of the request what the stream's window
/// admits. All of it runs on the session's strand; its pending operations keep it alive, and the session, too.
class HandlerRelay final : public RefCounted {
 public:
  /// Whether the system has pairs of local sockets.
  static bool possible() noexcept;

  /// Makes the handler.
  HandlerRelay(Http2Connection& connection, Http2Stream& stream, const Request& request, ConnectionOptions&& options,
               StreamOptions&& stream_options, const HandlerRoute& route);

  void start();
  /// Takes bytes of the request's body.
  void take_body(std::string_view bytes);
  /// The request's body has ended.
  void end_body();
  /// All that the relay had is sent: it reads more. The stream is told when there is some.
  void read();
  /// The response is complete.
  bool ended() const noexcept { return ended_; }
  /// `serve` is being stopped.
  void stop() { driver_->stop(); }
  /// Ends the request: its handler's peer is gone. `cancel`: the handler is cancelled, too.
  void close(bool cancel) noexcept;

 private:
  template <auto step>
  class Next;

  static constexpr std::size_t piece_size = 16 * 1024;  ///< Of the response, at a time.
  static constexpr std::size_t max_head = 256 * 1024, max_headers = 1024;

  void on_readable(error_code error);
  bool feed(std::string_view bytes);
  void take_head();
  void end();
  void write();
  void on_writable(error_code error);
  void lose_handler();

  Http2Connection* connection_;  ///< Null once the request has ended.
  Http2Stream* stream_;          ///< Null, too.
  Session::Socket socket_;
  std::shared_ptr<HandlerDriver> driver_;
  std::unique_ptr<ResponseHead> head_;  ///< Null once the response's head is complete.
  std::optional<BodyDecoder> decoder_;
  std::string piece_;      ///< The response's body that has been read last.
  std::string unsent_;     ///< Of the request's body, as HTTP/1.1 has it.
  std::size_t taken_ = 0;  ///< Bytes of the body in unsent_.
  const bool is_head_;
  const bool chunked_;    ///< The request's body.
  bool has_body_ = true;  ///< The response.
  bool writing_ = false;  ///< Waits until the socket takes more.
  bool ended_ = false;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/http2/http2_connection.hpp"  // with the bodies of all
#endif
