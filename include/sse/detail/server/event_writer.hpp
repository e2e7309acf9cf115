// SPDX-License-Identifier: MIT
// Writes a stream's events to a socket: batches, keep-alives, time-outs and the end. Sessions of `serve` and
// write_events share it.

#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/base/platform.hpp"
#include "sse/detail/frame/batch.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/net/coarse_timer.hpp"
#include "sse/detail/net/lowest_layer.hpp"
#include "sse/event.hpp"
#include "sse/event_stream.hpp"
#include "sse/reason.hpp"

#if defined(SSE_SENDMSG)
#include <cerrno>
#endif

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Asio's own sockets take bytes at once and without a buffer of the writer's;
/// anything in between needs its own operations.
template <class Stream>
concept PlainSocket = requires(LowestLayer<Stream>& socket, const asio::const_buffer& buffer, error_code error) {
  requires !requires(Stream & stream) {
    stream.next_layer();
  };
  socket.non_blocking(true);
  socket.write_some(buffer, error);
  socket.async_wait(asio::socket_base::wait_read, [](error_code) {});
};

/// What std::allocator is, but Asio does not know it: Asio would keep a small
/// operation that waits for hours in the large block of an earlier one.
template <class T>
struct PlainAllocator : std::allocator<T> {
  PlainAllocator() = default;
  template <class U>
  PlainAllocator(const PlainAllocator<U>&) noexcept {}
};

/// Writes one stream of events: a state machine, because a coroutine's frame is
/// too much for each of 10,000 idle connections. All of it runs on the writer's
/// executor. It waits for events, for the peer's end, and for room to write;
/// the deadline is the keep-alive's or the write's.
///
/// A Writer derives from it, leaves the sweep in its destructor, and has
/// `stream()`, `get_executor()`, `keep_alive()`, `send_timeout()`,
/// `join_timer()`, `keep()` and `keep_if_alive()`, which return a pointer that
/// owns it or is null, and `ended(bool cancelled)`, which is called once
/// nothing refers to the stream any more.
template <class Writer, class Stream>
class EventWriter : public CoarseTimer::Deadline {
  static constexpr bool plain = PlainSocket<Stream>;
  static constexpr int max_batches = 2;  ///< then others have their turn
  static constexpr std::size_t max_unasked = 64 * 1024;

 public:
  EventWriter() = default;

  /// `head` is what goes out before the first event.
  void start(EventStream&& events, std::string head) {
    events_.emplace(std::move(events));
    step([&] {
      self().join_timer();
      if constexpr (plain) {
        error_code ignored;
        was_non_blocking_ = socket().non_blocking();
        if (!was_non_blocking_) socket().non_blocking(true, ignored);
      }
      wait_for_peer();
      write(raw_frame(std::move(head)));
    });
  }

  /// Not before `start`.
  void cancel_stream() {
    finish(true, EndReason::closed, "Cancelled by the service");
    settle();
  }
  /// The stream that is being written; null: none, or no longer.
  const EventStream* stream_of_events() const noexcept { return events_ && !finished_ ? &*events_ : nullptr; }

 protected:
  ~EventWriter() = default;

 private:
  Writer& self() noexcept { return static_cast<Writer&>(*this); }
  auto& socket() noexcept { return lowest_layer(self().stream()); }

  // What each operation completes with: the next step, on the writer's
  // executor.
  template <auto step>
  class Next {
   public:
    using executor_type = std::decay_t<decltype(std::declval<Writer&>().get_executor())>;
    executor_type get_executor() const noexcept { return writer_->get_executor(); }

    explicit Next(EventWriter& writer) : writer_(writer.self().keep()) { ++writer.pending_; }
    Next(Next&&) noexcept = default;
    ~Next() {
      if (writer_) --base().pending_;  // the operation could not be started
    }
    void operator()(error_code error = {}, std::size_t size = 0) {
      const auto writer = std::move(writer_);
      EventWriter& base = *writer;
      --base.pending_;
      base.step([&] { (base.*step)(error, size); });
    }

   private:
    EventWriter& base() noexcept { return *writer_; }

    decltype(std::declval<Writer&>().keep()) writer_;
  };
  template <auto step>
  struct LongNext : Next<step> {
    using Next<step>::Next;
    using allocator_type = PlainAllocator<void>;
    allocator_type get_allocator() const noexcept { return {}; }
  };

  template <class Function>
  void step(Function&& function) {
    try {
      if (!finished_) function();
    } catch (const std::exception& error) {
      finish(false, EndReason::failed, error.what());
    }
    settle();
  }

  void write(Event first = Event()) {
    if (unsent_) return;
    bool more = true;
    for (int batches = 0; more && batches < max_batches; ++batches) {
      BatchPart part = events_->take_batch(std::exchange(first, Event()));
      more = part.more;
      if (part.size == 0) {
        if (events_->done()) return finish(false, EndReason::closed, "The stream ended");
      } else if (!send(std::move(part), 0)) {
        return;
      }
    }
    if (more) return asio::post(self().get_executor(), Next<&EventWriter::on_turn>(*this));
    ticks_since_write_ = 0;
    set_due(self().keep_alive());
    if (std::exchange(waiting_, true)) return;
    events_->async_wait(Next<&EventWriter::on_event>(*this));  // at once where one has come meanwhile
  }

  void on_turn(error_code, std::size_t) { write(); }
  void on_event(error_code error, std::size_t) {
    waiting_ = false;
    if (error) return finish(true, EndReason::closed, error.message());
    write();
  }

  // True: all of `part` has been taken, from its byte `sent` on; else the peer
  // is lost, or on_sent comes.
  bool send(BatchPart part, std::size_t sent) {
    std::size_t left = 0;
    for_each_frame(part, sent, [&](const asio::const_buffer& frame) { left += frame.size(); });
    if constexpr (plain) {
      for (error_code error; left > 0;) {
        const std::size_t taken = write_some(part, sent, error);
        sent += taken;
        left -= taken;
        if (error == asio::error::would_block || error == asio::error::try_again) break;
        if (error) {
          lose_peer(error);
          return false;
        }
      }
    }
    if (left == 0) return true;
    unsent_ = std::make_unique<Unsent>(Unsent{std::move(part), sent, count_untaken(), CoarseTimer::Clock::now()});
    set_due(look_again());
    if constexpr (plain) {
      socket().async_wait(asio::socket_base::wait_write, LongNext<&EventWriter::on_sent>(*this));
    } else {
      self().stream().async_write_some(frames_of(unsent_->part, sent), Next<&EventWriter::on_sent>(*this));
    }
    return false;
  }

  std::size_t write_some(const BatchPart& part, std::size_t sent, error_code& error) {
    if (part.size == 1) return socket().write_some(part.frames()[0] + sent, error);
#if defined(SSE_SENDMSG)
    std::array<iovec, Batch::max_size> frames;
    std::size_t count = 0;
    for_each_frame(part, sent, [&](const asio::const_buffer& frame) {
      frames[count++] = {const_cast<void*>(frame.data()), frame.size()};
    });
    msghdr message{};
    message.msg_iov = frames.data();
    message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(count);
    ssize_t taken = 0;
    do {
      taken = ::sendmsg(socket().native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (taken < 0 && errno == EINTR);
    if (taken >= 0) return static_cast<std::size_t>(taken);
    error.assign(errno, asio::error::get_system_category());
    return 0;
#else
    return socket().write_some(frames_of(part, sent), error);
#endif
  }

  /// Visits what of the frames is behind their first `skip` bytes.
  template <class Visit>
  static void for_each_frame(const BatchPart& part, std::size_t skip, Visit&& visit) {
    for (std::size_t i = 0; i < part.size; ++i) {
      const asio::const_buffer& frame = part.frames()[i];
      const std::size_t cut = std::min(skip, frame.size());
      skip -= cut;
      if (cut < frame.size()) visit(frame + cut);
    }
  }
  static std::vector<asio::const_buffer> frames_of(const BatchPart& part, std::size_t skip) {
    std::vector<asio::const_buffer> frames;
    for_each_frame(part, skip, [&](const asio::const_buffer& frame) { frames.push_back(frame); });
    return frames;
  }

  // Bytes that the peer's system has not taken yet. A full socket is writable
  // again only when a good part of it is free: a slow peer may need longer for
  // that than the time-out and is not dead. 0 where the system does not tell.
  int count_untaken() {
    int bytes = 0;
#if defined(SSE_SIOCOUTQ)
    if constexpr (plain) {
      if (::ioctl(socket().native_handle(), SSE_SIOCOUTQ, &bytes) != 0) bytes = 0;
    }
#endif
    return bytes;
  }

  void on_sent(error_code error, std::size_t size) {
    const std::unique_ptr<Unsent> rest = std::move(unsent_);
    if (error) return lose_peer(error);
    if (send(std::move(rest->part), rest->sent + size)) write();
  }

  void wait_for_peer() {
    if constexpr (plain) {
      socket().async_wait(asio::socket_base::wait_read, LongNext<&EventWriter::on_peer>(*this));
    } else {
      if (!read_buffer_) read_buffer_ = std::make_unique<std::array<char, 512>>();
      self().stream().async_read_some(asio::buffer(*read_buffer_), Next<&EventWriter::on_peer>(*this));
    }
  }

  void on_peer(error_code error, std::size_t size) {
    std::size_t unexpected_bytes = unexpected_bytes_ + size;
    if constexpr (plain) {
      std::array<char, 4096> ignored;
      while (!error && unexpected_bytes <= max_unasked)
        unexpected_bytes += socket().read_some(asio::buffer(ignored), error);
      if (error == asio::error::would_block || error == asio::error::try_again) error = {};
    }
    unexpected_bytes_ = static_cast<std::uint32_t>(unexpected_bytes);
    if (error) return lose_peer(error);
    if (unexpected_bytes > max_unasked)
      return finish(false, EndReason::flooded, "The peer sent more than 64 KiB after its request");
    wait_for_peer();
  }

  void lose_peer(error_code error) {
    if (error == asio::error::operation_aborted)
      finish(false, EndReason::drained, "Cut by the service");
    else
      finish(false, EndReason::peer_gone, "The peer is gone: " + error.message());
  }

  void set_due(std::chrono::milliseconds time) {
    CoarseTimer::Clock::time_point due = CoarseTimer::after(time);
    if (events_->expires() && !expired_) {
      std::chrono::milliseconds left{1};  // the sweep's next tick
      if (!events_->has_clock())
        left = std::max(left, std::chrono::ceil<std::chrono::milliseconds>(events_->time_left()));
      due = std::min(due, CoarseTimer::after(left));
    }
    this->expire_at(due);
  }
  /// A clock of the user's own may go on at any moment: it is looked at with each tick. True: this was for that alone.
  bool looks_at_clock() {
    if (expired_ || !events_->expires() || !events_->has_clock()) return false;
    const std::chrono::milliseconds keep_alive = self().keep_alive();
    if (keep_alive.count() > 0 && CoarseTimer::interval * ++ticks_since_write_ >= keep_alive) return false;
    set_due(keep_alive);
    return true;
  }
  void on_deadline() noexcept override {
    auto writer = self().keep_if_alive();
    if (!writer) return;
    this->post(self().get_executor(), [writer = std::move(writer)] {
      EventWriter& base = *writer;
      if (base.finished_)
        base.cancel();
      else
        base.step([&] { base.on_time(); });
    });
  }
  void on_time() {
    if (!this->expired()) return;  // something was written meanwhile
    const bool time_is_up = !expired_ && events_->end_if_expired();
    expired_ = expired_ || time_is_up;
    if (unsent_) return look_at_unsent();
    if (time_is_up) return write();
    if (looks_at_clock()) return;
    static const Event comment = raw_frame(": keep-alive\n\n");
    write(comment);
  }

  /// At what could not be sent: in time for the time-out, and soon after a cut.
  std::chrono::milliseconds look_again() noexcept {
    constexpr std::chrono::milliseconds most{1'000};
    const std::chrono::milliseconds timeout = self().send_timeout();
    return timeout.count() > 0 ? std::min(timeout, most) : most;
  }
  void look_at_unsent() {
    if (events_->is_cut()) return finish(false, EndReason::drained, "Cut by the service");
    const int untaken = count_untaken();
    const auto now = CoarseTimer::Clock::now();
    if (std::exchange(unsent_->untaken, untaken) > untaken) unsent_->since = now;
    const std::chrono::milliseconds timeout = self().send_timeout();
    if (timeout.count() <= 0 || now - unsent_->since < timeout) return set_due(look_again());
    finish(false, EndReason::send_timeout, "Sending timed out after " + std::to_string(timeout.count()) + " ms");
  }

  void finish(bool cancelled, EndReason why, std::string_view reason) {
    if (std::exchange(finished_, true)) return;
    cancelled_ = cancelled;
    events_->close(why, reason);
    cancel();
  }

  // Again and again until all has come back: between two steps of a composed
  // operation there is nothing to cancel.
  void cancel() {
    if (ended_) return;
    this->expire_at(CoarseTimer::Clock::now());
    error_code ignored;
    socket().cancel(ignored);
  }

  void settle() {
    if (!finished_ || pending_ != 0 || std::exchange(ended_, true)) return;
    this->expire_at(CoarseTimer::never);
    error_code ignored;
    if constexpr (plain) {
      if (!was_non_blocking_) socket().non_blocking(false, ignored);
    }
    self().ended(cancelled_);
  }

  /// What the socket has no room for yet.
  struct Unsent {
    BatchPart part;
    std::size_t sent;                      ///< bytes of `part`
    int untaken;                           ///< count_untaken() when it was last looked at
    CoarseTimer::Clock::time_point since;  ///< the peer has taken nothing
  };
  struct Nothing {};

  std::optional<EventStream> events_;
  std::unique_ptr<Unsent> unsent_;
  [[no_unique_address]] std::conditional_t<plain, Nothing, std::unique_ptr<std::array<char, 512>>> read_buffer_;
  std::uint32_t unexpected_bytes_ = 0;
  std::uint16_t pending_ = 0, ticks_since_write_ = 0;  ///< ticks_since_write_: ticks since the last write
  bool waiting_ = false, finished_ = false, ended_ = false;
  bool cancelled_ : 1 = false, was_non_blocking_ : 1 = false, expired_ : 1 = false;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
