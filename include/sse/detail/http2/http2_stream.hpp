// SPDX-License-Identifier: MIT
// One stream of an HTTP/2 connection: its request, then its events or the body of its response. It knows no socket.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "sse/config.hpp"
#include "sse/detail/base/intrusive_list.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http2/output.hpp"
#include "sse/detail/http2/request_head.hpp"
#include "sse/detail/server/event_writer.hpp"
#include "sse/event_stream.hpp"
#include "sse/reason.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class HandlerRelay;
class Http2Connection;

/// One stream. All of it runs on the session's strand. Its pending wait keeps it alive, and the session, too.
class Http2Stream final : public RefCounted, public IntrusiveList<Http2Stream>::Hook {
 public:
  using Clock = std::chrono::steady_clock;

  /// The data of one frame.
  struct Chunk {
    std::size_t size;
    bool last;  ///< No data comes after it.
  };

  Http2Stream(Http2Connection& connection, std::int32_t its_id);
  ~Http2Stream();

  const std::int32_t id;
  std::unique_ptr<RequestHead> head;  ///< Null once it is complete.
  IntrusivePtr<Http2Stream> listed;   ///< The reference of the connection's list.
  bool peer_done = false;             ///< The peer sends no more in this stream.
  bool drained = false;               ///< It was told that `serve` is being stopped.
  Clock::time_point due;              ///< The time at which on_time is to be called.

  /// Starts a stream of events. `preamble`: text before the first of them.
  void start(EventStream&& events, std::string preamble);
  /// Starts the body of a response, or a piece of it that a relay has.
  void start(std::string body);
  /// Starts a handler.
  void start(IntrusivePtr<HandlerRelay> relay);
  /// Null: no handler answers the request.
  HandlerRelay* relay() const noexcept { return relay_ ? &*relay_ : nullptr; }
  /// Data waits for a window or for the socket.
  bool is_ready() const noexcept { return sending_ != nullptr; }
  bool has_events() const noexcept { return writer_.started(); }
  /// The events that are being written; null: none, or no longer.
  const EventStream* events() const noexcept;

  /// Takes the data of the next frame, at most so many bytes. Nullopt: none waits; the connection is told when one
  /// does.
  std::optional<Chunk> pull(std::size_t most);
  /// Appends the data that `pull` has taken.
  void write(Output& output, std::size_t size);

  /// Looks at the time. `blocked`: a window is closed. False: the stream has been given up.
  bool on_time(Clock::time_point now, bool blocked);
  /// Ends the stream, which the connection forgets.
  void detach(EndReason why, std::string_view reason) noexcept;

 private:
  class OnEvent;

  /// Data that is being sent: a batch of events, or a body.
  struct Sending {
    EventWriter::Turn turn;  ///< With the batch.
    std::string body;
    std::size_t sent = 0, left = 0;  ///< Bytes.
    Clock::time_point progress;
  };

  bool take_batch();
  void wait_for_events();
  void on_event(error_code error);
  void become_ready(EventWriter::Turn&& turn, std::string body = {});

  Http2Connection* connection_;  ///< Null once it is detached.
  EventWriter writer_;
  IntrusivePtr<HandlerRelay> relay_;
  std::unique_ptr<Sending> sending_;  ///< Null while an idle stream waits for events.
  bool waiting_ = false;              ///< For an event.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/http2/http2_connection.hpp"  // with the bodies of both
#endif
