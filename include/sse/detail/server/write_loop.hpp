// SPDX-License-Identifier: MIT
// Drives an event writer over a socket, or over any stream around one. Sessions of `serve` and write_events derive from
// it.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/base/owned.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/gzip/event_chain.hpp"
#include "sse/detail/net/coarse_timer.hpp"
#include "sse/detail/net/lowest_layer.hpp"
#include "sse/detail/net/socket_options.hpp"
#include "sse/detail/net/tls_layer.hpp"
#include "sse/detail/server/event_writer.hpp"
#include "sse/detail/server/socket_sink.hpp"
#include "sse/event_stream.hpp"
#include "sse/reason.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The result of an owner's `enter_crowd`.
enum class CrowdEntry : std::uint8_t {
  entered,
  behind,   ///< The crowd has yet to write what the stream has written.
  refused,  ///< The stream writes by itself.
};

/// Drives an EventWriter over `Stream`: a state machine, because a coroutine's frame is too much for each of 10,000
/// idle connections. All of it runs on the owner's executor. It waits for events, for the peer's end, and for room to
/// write; the deadline is the keep-alive's or the write's.
///
/// An Owner derives from it, leaves the timer in its destructor, and has `stream()`, `get_executor()`, `times()`,
/// `join_timer()`, `timer()`, `keep()` and `keep_if_alive()`, which return a pointer that owns it or is null, and
/// `ended(bool cancelled)`, which is called once nothing refers to the stream any more. If it has `enter_crowd()` and
/// `leave_crowd()`, a crowd writes to it while it wants what all others want.
template <class Owner, class Stream>
class WriteLoop : public CoarseTimer::Deadline {
  static constexpr bool plain = PlainSocket<Stream>;

 public:
  WriteLoop() = default;

  /// Starts the loop. `head` is sent before the first event. `tap`: compresses what is behind the head of the response
  /// in it. Null: nothing is compressed.
  void start(EventStream&& events, std::string head, Owned<EventTap> tap) {
    if (tap) keep_little_unsent(socket());
    writer_.start(std::move(events), std::move(tap));
    step([&] {
      owner().join_timer();
      if constexpr (plain) {
        error_code ignored;
        was_non_blocking_ = socket().non_blocking();
        if (!was_non_blocking_) socket().non_blocking(true, ignored);
      }
      if (TlsLayer* const tls = layer()) tls->take_received();
      wait_for_peer();
      write(raw_frame(std::move(head)));
    });
  }

  /// Cancels the stream. Must not be called before `start`.
  void cancel_stream() {
    if (!writer_.finished()) cancelled_ = true;
    writer_.finish(EndReason::closed, "Cancelled by the service");
    settle();
  }
  /// The stream that is being written; null: none, or no longer.
  const EventStream* stream_of_events() const noexcept {
    return writer_.started() && !writer_.finished() ? &writer_.events() : nullptr;
  }

  // For the crowd. See crowd.hpp.

  /// It is in the crowd no longer, which has written `sent` bytes of `rest` to it, or none of it, and failed with
  /// `error`.
  void left_crowd(BatchPart&& rest, std::size_t sent, error_code error) {
    in_crowd_ = false;
    step([&] {
      if (error && !is_would_block(error)) return lose_peer(error);
      write_rest(std::move(rest), sent);
    });
  }
  /// It is in the crowd no longer, because everything ends.
  void forget_crowd() noexcept { in_crowd_ = false; }
  std::uint32_t crowd_index() noexcept { return writer_.crowd_index(); }
  void set_crowd_index(std::uint32_t index) noexcept { writer_.crowd_index() = index; }
  /// Null: the stream is not compressed.
  EventTap* tap() noexcept { return writer_.tap(); }

 protected:
  ~WriteLoop() = default;

  EventStream& events() noexcept { return writer_.events(); }
  bool in_crowd() const noexcept { return in_crowd_; }
  /// Leaves the crowd, and returns what that has taken for it and not written.
  BatchPart take_from_crowd() noexcept {
    if constexpr (has_crowds()) {
      if (in_crowd_) {
        in_crowd_ = false;
        return owner().leave_crowd();
      }
    }
    return {};
  }
  bool started() const noexcept { return writer_.started(); }
  /// Called on the owner's executor when a deadline has passed.
  void on_time() {
    if (writer_.finished()) return settle();
    step([&] {
      if (this->expired()) look_at_time();  // otherwise something was written meanwhile
    });
  }

 private:
  using Step = EventWriter::Step;

  static constexpr bool has_crowds() noexcept {
    return requires(Owner & owner) {
      owner.leave_crowd();
    };
  }

  Owner& owner() noexcept { return static_cast<Owner&>(*this); }
  auto& socket() noexcept { return lowest_layer(owner().stream()); }
  /// TLS on the plain socket; null: none.
  TlsLayer* layer() noexcept {
    if constexpr (requires { owner().tls_layer(); })
      return owner().tls_layer();
    else
      return nullptr;
  }

  /// Each operation completes with the next step, on the owner's executor.
  template <auto step>
  class Next {
   public:
    using executor_type = std::decay_t<decltype(std::declval<Owner&>().get_executor())>;
    executor_type get_executor() const noexcept { return loop_->get_executor(); }

    explicit Next(WriteLoop& loop) : loop_(loop.owner().keep()) { ++loop.pending_; }
    Next(Next&&) noexcept = default;
    ~Next() {
      if (loop_) --base().pending_;  // The operation could not be started.
    }
    void operator()(error_code error = {}, std::size_t size = 0) {
      const auto loop = std::move(loop_);
      WriteLoop& base = *loop;
      --base.pending_;
      base.step([&] { (base.*step)(error, size); });
    }

   private:
    WriteLoop& base() noexcept { return *loop_; }

    decltype(std::declval<Owner&>().keep()) loop_;
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
      if (!writer_.finished()) function();
    } catch (const std::exception& error) {
      writer_.finish(EndReason::failed, error.what());
    }
    settle();
  }

  void write(Event first = Event()) {
    if (writer_.unsent()) return;
    EventWriter::Turn turn(std::move(first));
    for (;;) switch (writer_.next(turn)) {
        case Step::send:
          if (!send(turn.part)) return;
          break;
        case Step::yield: return asio::post(owner().get_executor(), Next<&WriteLoop::on_turn>(*this));
        case Step::wait: return wait_for_events();
        case Step::end: return;
      }
  }
  void wait_for_events() {
    if constexpr (has_crowds()) {
      if (joins_crowd()) return;
    }
    set_due();
    if (waiting_) return;
    waiting_ = true;
    writer_.events().async_wait(Next<&WriteLoop::on_event>(*this));  // completes at once if an event has come meanwhile
  }
  /// True: it is in a crowd, or tries again in its next turn.
  bool joins_crowd() {
    if (waiting_ || unwatched_ || layer()) return false;
    switch (owner().enter_crowd()) {
      case CrowdEntry::entered:
        in_crowd_ = true;
        entering_ = false;
        this->expire_at(CoarseTimer::never);
        return true;
      case CrowdEntry::behind:
        entering_ = !entering_;
        if (!entering_) return false;
        asio::post(owner().get_executor(), Next<&WriteLoop::on_turn>(*this));
        return true;
      case CrowdEntry::refused: break;
    }
    return entering_ = false;
  }
  /// Writes what the crowd has not, and goes on.
  void write_rest(BatchPart&& rest, std::size_t sent) {
    if (rest.size == 0) return write();
    if (writer_.tap() && !rest.packed) rest = writer_.tap()->pack(rest);
    writer_.keep_unsent(std::move(rest), sent, 0, EventWriter::Clock::now());
    on_sent({}, 0);
  }
  void on_turn(error_code, std::size_t) { write(); }
  void on_event(error_code error, std::size_t) {
    waiting_ = false;
    if (!error) return write();
    cancelled_ = true;
    writer_.finish(EndReason::closed, error.message());
  }

  /// True: all of `part` has been sent. False: the peer is lost, or on_sent will be called.
  bool send(BatchPart& part) {
    std::size_t sent = 0;
    if constexpr (plain) {
      if (send(part, sent)) return true;
      if (writer_.finished()) return false;
    } else if (part.bytes() == 0) {
      return true;
    }
    writer_.keep_unsent(std::move(part), sent, untaken(), EventWriter::Clock::now());
    send_unsent();
    return false;
  }
  /// Sends to a plain socket, or to the TLS on it. False: the peer is lost, or the socket has no room.
  bool send(const BatchPart& part, std::size_t& sent) {
    error_code error;
    if (TlsLayer* const tls = layer())
      send_records(*tls, part, sent, error);
    else
      SocketSink(socket()).send(part, sent, error);
    if (!error) return true;
    if (!is_would_block(error)) lose_peer(error);
    return false;
  }
  void send_unsent() {
    set_due();
    if constexpr (plain) {
      TlsLayer* const tls = layer();
      socket().async_wait(tls ? tls->wanted() : asio::socket_base::wait_write, LongNext<&WriteLoop::on_sent>(*this));
    } else {
      owner().stream().async_write_some(frames_of(writer_.unsent()->part, writer_.unsent()->sent),
                                        Next<&WriteLoop::on_sent>(*this));
    }
  }
  void on_sent(error_code error, std::size_t size) {
    if (error) return lose_peer(error);
    EventWriter::Unsent& unsent = *writer_.unsent();
    unsent.sent += size;
    bool all = false;
    if constexpr (plain)
      all = send(unsent.part, unsent.sent);
    else
      all = unsent.sent == unsent.part.bytes();
    if (writer_.finished()) return;
    if (all) {
      writer_.all_sent();
      return write();
    }
    unsent.untaken = untaken();
    unsent.since = EventWriter::Clock::now();
    send_unsent();
  }
  // A socket that the service has closed fails with bad_descriptor where a write comes after that, and on Windows in
  // other ways: none of them is the peer's doing.
  void lose_peer(error_code error) {
    if constexpr (requires { socket().is_open(); })
      if (!socket().is_open()) error = asio::error::operation_aborted;
    writer_.lose_peer(error);
  }
  int untaken() {
    if constexpr (plain)
      return SocketSink(socket()).untaken();
    else
      return 0;
  }

  void wait_for_peer() {
    unwatched_ = false;
    try {
      if constexpr (plain) {
        socket().async_wait(asio::socket_base::wait_read, LongNext<&WriteLoop::on_peer>(*this));
      } else {
        if (!read_buffer_) read_buffer_ = std::make_unique<std::array<char, 512>>();
        owner().stream().async_read_some(asio::buffer(*read_buffer_), Next<&WriteLoop::on_peer>(*this));
      }
    } catch (const std::bad_alloc&) {  // the next tick tries again
      unwatched_ = true;
      set_due();
    }
  }
  void on_peer(error_code error, std::size_t size) {
    bool allowed = writer_.allows(size);
    if constexpr (plain) {
      std::array<char, 4096> ignored;
      if (TlsLayer* const tls = layer()) {  // bytes of TLS itself count, too
        while (!error && allowed) {
          tls->read_some(asio::buffer(ignored), error);
          allowed = writer_.allows(tls->take_received());
        }
      } else {
        while (!error && allowed) allowed = writer_.allows(socket().read_some(asio::buffer(ignored), error));
      }
      if (is_would_block(error)) error = {};
    }
    if (!allowed) return;
    if (error) return lose_peer(error);
    wait_for_peer();
    if (in_crowd_ && unwatched_) write_rest(take_from_crowd(), 0);
  }

  void set_due() {
    const auto now = EventWriter::Clock::now();
    this->expire_at(unwatched_ ? now : writer_.due(now, owner().times()));
  }
  void on_deadline(CoarseTimer::Owners& owners) noexcept override {
    auto loop = owner().keep_if_alive();
    if (!loop) return;
    owners.keep(loop);
    this->post(owner().get_executor(), [loop = std::move(loop)] { loop->time_is_up(); });
  }
  CoarseTimer& coarse_timer() noexcept override { return owner().timer(); }
  void look_at_time() {
    if (unwatched_) {
      wait_for_peer();
      return set_due();
    }
    const int untaken_bytes = writer_.unsent() ? untaken() : 0;
    switch (writer_.on_time(EventWriter::Clock::now(), untaken_bytes, owner().times())) {
      case EventWriter::Due::nothing: return set_due();
      case EventWriter::Due::events: return write();
      case EventWriter::Due::keep_alive: return write(writer_.keep_alive());
      case EventWriter::Due::end: return;
    }
  }

  /// Ends the loop once the writer has finished and every operation has come back. Until then they are cancelled with
  /// each tick, because between two steps of a composed operation there is nothing to cancel.
  void settle() {
    if (!writer_.finished() || ended_) return;
    take_from_crowd();
    error_code ignored;
    if (pending_ != 0) {
      this->expire_at(EventWriter::Clock::now());
      socket().cancel(ignored);
      return;
    }
    ended_ = true;
    this->expire_at(CoarseTimer::never);
    if constexpr (plain) {
      if (!was_non_blocking_) socket().non_blocking(false, ignored);
    }
    owner().ended(cancelled_);
  }

  struct Nothing {};

  [[no_unique_address]] EventWriter writer_;
  bool waiting_ : 1 = false;  ///< Waiting for an event.
  bool ended_ : 1 = false;
  bool cancelled_ : 1 = false;
  bool was_non_blocking_ : 1 = false;
  bool unwatched_ : 1 = false;  ///< There was no memory to wait for the peer.
  bool in_crowd_ : 1 = false;
  bool entering_ : 1 = false;  ///< It tries a second time to enter a crowd.
  std::uint16_t pending_ = 0;  ///< Operations that have not completed.
  [[no_unique_address]] std::conditional_t<plain, Nothing, std::unique_ptr<std::array<char, 512>>> read_buffer_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
