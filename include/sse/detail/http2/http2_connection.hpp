// SPDX-License-Identifier: MIT
// One HTTP/2 connection of `serve`: its socket, its timer and its turns of reading and writing. nghttp2 does the
// frames.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sse/config.hpp"
#include "sse/detail/base/intrusive_list.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http1/response_text.hpp"
#include "sse/detail/http2/frame_budget.hpp"
#include "sse/detail/http2/http2_frames.hpp"
#include "sse/detail/http2/http2_stream.hpp"
#include "sse/detail/http2/output.hpp"
#include "sse/detail/net/coarse_timer.hpp"
#include "sse/detail/net/tls_layer.hpp"
#include "sse/detail/server/event_writer.hpp"
#include "sse/detail/server/handler_driver.hpp"
#include "sse/detail/server/session.hpp"
#include "sse/event_stream.hpp"
#include "sse/http_options.hpp"
#include "sse/reason.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The settings of http2.hpp, as a connection needs them.
struct Http2Limits {
  std::size_t max_streams;
  std::chrono::milliseconds idle_timeout;
};

/// One connection. Its session, which owns it, is kept alive by each pending operation. All of it runs on the session's
/// strand, except `abort`.
class Http2Connection final : public HandlerDriver, public Http2Receiver, public CoarseTimer::Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  /// Takes the session's socket. `received`: the first bytes.
  Http2Connection(Session& session, const Http2Limits& limits, std::string received, std::string remote_address);
  ~Http2Connection() override;

  // For the session:
  void start(IntrusivePtr<Session> keep) override;
  void stop() override;
  void abort() override;

  // For its streams:
  Clock::time_point now() const noexcept { return now_; }  ///< The time at which the turn began.
  EventWriter::Times times() const noexcept { return session_.times(); }
  IntrusivePtr<Session> keep() noexcept { return session_.keep(); }
  /// A stream has data again.
  void resume(Http2Stream& stream);
  /// A stream has none, and on_time of it is due then.
  void pause(Clock::time_point due) noexcept;
  /// on_time is due then, or before.
  void due_by(Clock::time_point when) noexcept;
  /// There is no memory.
  void fail() noexcept { close(EndReason::failed, "The connection has no memory"); }
  /// Resets a stream.
  void give_up(Http2Stream& stream, EndReason why, std::string_view reason);
  void start_stream(Http2Stream& stream, EventStream&& events, const StreamOptions& options);
  void refuse_handler(Http2Stream& stream);
  void start_handler(Http2Stream& stream, const Request& request, ConnectionOptions&& connection,
                     StreamOptions&& options, const HandlerRoute& route);
  void respond(Http2Stream& stream, const HeaderBlock& head, bool has_body);
  void respond_interim(Http2Stream& stream, const HeaderBlock& head);
  /// Lets the peer send so many bytes more of a stream's body.
  void give_back(Http2Stream& stream, std::size_t size);

 private:
  template <auto step>
  class Next;

  // For the frames:
  bool on_frame(std::uint8_t type, std::uint8_t flags, std::size_t size) override;
  bool on_refused() override;
  void on_flooded() noexcept override { flooded_ = true; }
  bool on_request_begin(std::int32_t stream) override;
  void on_head_end() noexcept override { head_open_ = false; }
  bool on_field(Http2Stream& stream, std::string_view name, std::string_view value) override;
  void on_request(Http2Stream& stream) override;
  void on_body(Http2Stream& stream, std::string_view bytes) override;
  void on_body_end(Http2Stream& stream) override;
  void on_closed(Http2Stream& stream) override;
  bool on_data(Http2Stream& stream, std::string_view header, std::size_t size) override;

  void wait_for_input();
  void on_readable(error_code error);
  bool receive(std::string_view bytes);
  std::size_t read_some(asio::mutable_buffer buffer, error_code& error);

  void answer_request(Http2Stream& stream);
  void respond(Http2Stream& stream, const Answer& answer);

  void schedule();
  void turn();
  bool send(Output&& output);
  void on_writable(error_code error);
  void after_turn();

  void on_deadline(CoarseTimer::Owners& owners) noexcept override;
  CoarseTimer& coarse_timer() noexcept override { return session_.timer(); }
  void on_time();
  std::chrono::milliseconds idle_time() const noexcept;
  bool look_at_socket();
  void look_at_peer();
  void end(std::uint32_t code);
  void look_at_streams();
  void drain_some();

  void forget(Http2Stream& stream, EndReason why, std::string_view reason) noexcept;
  void forget_all(EndReason why, std::string_view reason) noexcept;
  void begin_linger();
  void close(EndReason why, std::string_view reason) noexcept;
  void lose_peer(error_code error) noexcept;

  Session& session_;
  Server& server_;
  Session::Socket socket_;
  std::unique_ptr<TlsLayer> tls_;  ///< Null: none.
  const Http2Limits limits_;
  const std::string remote_address_;
  std::string received_;  ///< Bytes from before the start.
  Http2Frames frames_;
  Clock::time_point now_ = Clock::now();
  FrameBudget budget_{now_};

  IntrusiveList<Http2Stream> streams_;  ///< Each holds a reference.
  std::size_t stream_count_ = 0;
  std::size_t ready_count_ = 0;  ///< Streams whose data waits.

  Output* output_ = nullptr;        ///< Of the turn that is running.
  std::unique_ptr<Output> unsent_;  ///< Null: the socket has taken all.
  int untaken_ = 0;                 ///< Bytes in the system's buffer, at the last look.
  Clock::time_point stuck_since_;   ///< The time since which the peer has taken no bytes.
  Clock::time_point idle_since_;    ///< The time since which there has been no stream.
  Clock::time_point head_since_;    ///< The time since which a block of fields is incomplete.
  Clock::time_point deadline_ = CoarseTimer::never;
  Clock::time_point drain_began_;
  std::size_t drain_total_ = 0, drained_ = 0;
  std::size_t lingered_ = 0;  ///< Bytes that were read and discarded.
  bool heard_ = false;        ///< A frame has come.
  bool head_open_ = false;    ///< A block of fields is incomplete.
  bool scheduled_ = false;    ///< A turn was posted.
  bool draining_ = false;
  bool flooded_ = false;
  bool ended_ = false;  ///< The last GOAWAY was submitted; no more frames are read.
  bool lingering_ = false;
  bool closed_ = false;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/http2/handler_relay.ipp"
#include "sse/detail/http2/http2_connection.ipp"
#include "sse/detail/http2/http2_stream.ipp"
#endif
