// SPDX-License-Identifier: MIT
// Decides which events of a stream are written next, and when. It knows no socket: sessions of `serve` and write_events
// drive it.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/base/owned.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/batch.hpp"
#include "sse/detail/gzip/event_chain.hpp"
#include "sse/event.hpp"
#include "sse/event_stream.hpp"
#include "sse/reason.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The writer of one stream of events: batches, keep-alive comments, expiry, time-outs and the end, without a socket.
/// Its driver has the socket and the timer, asks for each next step and reports the result. Not thread-safe.
class EventWriter {
 public:
  using Clock = std::chrono::steady_clock;

  /// StreamOptions of the same names.
  struct Times {
    std::chrono::milliseconds keep_alive, send_timeout;
  };

  /// One round of writing, after which other streams have their turn.
  class Turn {
   public:
    /// `first` goes out before the events; it may be empty.
    explicit Turn(Event first = Event()) noexcept : first_(std::move(first)) {}

    BatchPart part;  ///< The part to send, after EventWriter::next has returned Step::send.

   private:
    friend class EventWriter;
    static constexpr int max_batches = 2;

    Event first_;
    int batches_ = 0;
    bool more_ = true;
  };

  /// The driver's next step.
  enum class Step : std::uint8_t {
    send,   ///< Send Turn::part, and pass the bytes that the socket does not take to keep_unsent.
    yield,  ///< Let other streams have their turn, then begin a new one.
    wait,   ///< Wait for an event, and until due().
    end,    ///< Write nothing more.
  };

  /// The result of on_time.
  enum class Due : std::uint8_t {
    nothing,     ///< Wait until due().
    events,      ///< Begin a turn.
    keep_alive,  ///< Begin a turn with keep_alive().
    end,         ///< The stream has been given up.
  };

  /// Bytes that the socket had no room for.
  struct Unsent {
    BatchPart part;
    std::size_t sent;         ///< Bytes of `part` that have been sent.
    int untaken;              ///< Bytes in the system's buffer, at the last check.
    Clock::time_point since;  ///< The time since which the peer has taken no bytes.
  };

  static const Event& keep_alive_comment();
  /// The comment, or for a compressed stream an empty frame. Or, if events have passed a client that does not want
  /// them, a block of an id alone: it moves the client's place, so that no long replay follows the next cut, and
  /// dispatches nothing (WHATWG HTML, 9.2.6).
  Event keep_alive() const;

  EventWriter() noexcept : events_(nullptr) {}

  /// `tap`: compresses the stream. Null: it goes out as it is.
  void start(EventStream&& events, Owned<EventTap> tap = {}) {
    events_ = std::move(events);
    tap_ = std::move(tap);
  }
  bool started() const noexcept { return events_.connection_ != nullptr; }
  /// The index in its crowd, while it is in one.
  std::uint32_t& crowd_index() noexcept { return crowd_index_; }
  /// Null: the stream is not compressed, or its end has been sent.
  EventTap* tap() noexcept { return tap_ ? &*tap_ : nullptr; }
  EventStream& events() noexcept { return events_; }
  const EventStream& events() const noexcept { return events_; }

  /// Returns the next step. Must not be called while something is unsent.
  Step next(Turn& turn);

  /// `untaken`: bytes in the system's buffer that the peer has not taken yet; 0: unknown.
  void keep_unsent(BatchPart&& part, std::size_t sent, int untaken, Clock::time_point now);
  /// The bytes to send before anything else. Null: all have been sent.
  Unsent* unsent() noexcept { return unsent_.get(); }
  void all_sent() noexcept { unsent_.reset(); }

  /// The time at which on_time is to be called. max(): never.
  Clock::time_point due(Clock::time_point now, const Times& times) const;
  Due on_time(Clock::time_point now, int untaken, const Times& times);

  /// Counts bytes that the peer has sent after its request. False: too many, and the stream has been given up.
  bool allows(std::size_t bytes);
  /// Closes the stream because the socket has failed.
  void lose_peer(error_code error);

  /// Closes the stream, once.
  void finish(EndReason why, std::string_view reason);
  bool finished() const noexcept { return finished_; }

 private:
  bool look_at_unsent(Clock::time_point now, int untaken, const Times& times);
  bool looks_at_clock(const Times& times) noexcept;

  EventStream events_;  ///< Without a connection until `start`.
  Owned<EventTap> tap_;
  std::unique_ptr<Unsent> unsent_;
  std::uint32_t unexpected_bytes_ = 0;
  union {
    std::uint32_t ticks_since_write_ = 0;  ///< Checks of the user's own clock, of a stream that expires.
    std::uint32_t crowd_index_;            ///< The index in its crowd, which no stream enters that expires.
  };
  bool finished_ : 1 = false;
  bool expired_ : 1 = false;  ///< ConnectionOptions::expires_at has come
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/server/event_writer.ipp"
#endif
