#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/deadline.hpp"
#include "sse/event_stream.hpp"

#if __has_include(<netinet/tcp.h>)
#include <netinet/tcp.h>
#endif
#if __has_include(<linux/sockios.h>)
#include <linux/sockios.h>
#include <sys/ioctl.h>
#endif

#if defined(__GNUC__) && \
    !defined(__clang__)  // g++ 12 takes Asio's own new and delete of a coroutine's frame for a mismatch
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace sse::detail {

/// Asio's own sockets take bytes at once and without a buffer of the writer's; anything in between needs its own
/// operations.
template <class Stream>
concept PlainSocket = requires(LowestLayer<Stream>& socket, const asio::const_buffer& buffer, error_code error) {
  requires !requires(Stream & stream) {
    stream.next_layer();
  };
  socket.non_blocking(true);
  socket.write_some(buffer, error);
  socket.async_wait(asio::socket_base::wait_read, [](error_code) {});
};

/// Writes one stream of events: a state machine, because a coroutine's frame is too much for each of 10,000 idle
/// connections. All of it runs on the handler's executor. It waits for events, for the peer's end, and for room to
/// write; the deadline is the keep-alive's or the write's.
template <class Stream, class Handler>
class EventWriter final : public std::enable_shared_from_this<EventWriter<Stream, Handler>>, Sweep::Entry {
  using Executor = asio::associated_executor_t<Handler, typename LowestLayer<Stream>::executor_type>;
  static constexpr bool plain = PlainSocket<Stream>;
  static constexpr std::size_t max_batch =
      64;                                ///< frames of one gathered write: what Asio passes to the system at most
  static constexpr int max_batches = 4;  ///< then others have their turn
  static constexpr std::size_t max_unasked = 64 * 1024;

 public:
  EventWriter(Stream& stream, EventStream&& events, std::chrono::milliseconds keep_alive,
              std::chrono::milliseconds send_timeout, Handler&& handler)
      : stream_(stream),
        executor_(asio::get_associated_executor(handler, lowest_layer(stream).get_executor())),
        sweep_(sweep_of(executor_)),
        events_(std::move(events)),
        keep_alive_(keep_alive),
        send_timeout_(send_timeout),
        handler_(std::move(handler)) {}
  ~EventWriter() { sweep_->remove(*this); }

  /// `head` is what goes out before the first event.
  void start(std::string head) {
    auto slot = asio::get_associated_cancellation_slot(*handler_);
    if (slot.is_connected())
      slot.assign([weak = this->weak_from_this()](asio::cancellation_type type) {
        const auto self = weak.lock();
        if (!self || type == asio::cancellation_type::none) return;
        self->finish(asio::error::operation_aborted, "Cancelled by the service");
        self->settle();
      });
    step([&] {
      sweep_->add(*this, executor_);
      prepare_socket();
      unsent_.push_back(raw_frame(std::move(head)));
      wait_for_peer();
      write();
    });
  }

 private:
  // What each operation completes with: the next step, on the handler's executor.
  struct Next {
    using executor_type = Executor;
    executor_type get_executor() const noexcept { return self->executor_; }

    Next(std::shared_ptr<EventWriter> writer, void (EventWriter::*step)(error_code, std::size_t)) noexcept
        : self(std::move(writer)), then(step) {
      ++self->pending_;
    }
    Next(Next&&) noexcept = default;
    ~Next() {
      if (self) --self->pending_;  // the operation could not be started
    }
    void operator()(error_code error, std::size_t size = 0) {
      const std::shared_ptr<EventWriter> writer = std::move(self);
      --writer->pending_;
      writer->step([&] { (writer.get()->*then)(error, size); });
    }

    std::shared_ptr<EventWriter> self;
    void (EventWriter::*then)(error_code, std::size_t);
  };
  struct Turn {
    Next next;
    void operator()() { next({}); }
  };
  Next next(void (EventWriter::*then)(error_code, std::size_t)) { return Next(this->shared_from_this(), then); }

  template <class Function>
  void step(Function&& function) {
    try {
      if (!finished_) function();
    } catch (const std::exception& error) {
      finish({}, error.what());
    }
    settle();
  }

  void prepare_socket() {
    auto& socket = lowest_layer(stream_);
    error_code ignored;
    if constexpr (plain) {
      was_non_blocking_ = socket.non_blocking();
      socket.non_blocking(true, ignored);
    }
    if constexpr (requires { socket.set_option(asio::ip::tcp::no_delay(true), ignored); }) {
      socket.set_option(asio::ip::tcp::no_delay(true), ignored);
      socket.set_option(asio::socket_base::keep_alive(true), ignored);
#if defined(TCP_USER_TIMEOUT)
      // For a peer that vanishes while nothing waits to be sent. Far longer than the writer's own time-out, because
      // Linux counts a small window of a slow peer as none.
      constexpr std::int64_t longest = std::numeric_limits<int>::max() / 10;
      const auto timeout = static_cast<unsigned>(10 * std::clamp<std::int64_t>(send_timeout_.count(), 0, longest));
      ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout);
#endif
    }
  }

  void write() {
    if (writing_) return;
    for (int batches = 0;; ++batches) {
      if (unsent_.empty() && batches == max_batches) return asio::post(executor_, Turn{next(&EventWriter::on_turn)});
      if (unsent_.empty() && events_.drain(unsent_, max_batch) == 0) break;
      if (!send()) return;
      unsent_.clear();
    }
    if (events_.done()) return finish({}, "The stream ended");
    std::vector<Event>().swap(unsent_);
    set_due(keep_alive_);
    if (waiting_) return;
    waiting_ = true;
    events_.async_wait(next(&EventWriter::on_event));
  }

  void on_turn(error_code, std::size_t) {
    write();
  }
  void on_event(error_code error, std::size_t) {
    waiting_ = false;
    if (error) return finish(error, error.message());
    write();
  }

  // True: all of `unsent_` has been taken; else on_sent comes.
  bool send() {
    std::array<asio::const_buffer, max_batch> buffers;
    for (;;) {
      std::size_t skip = sent_, count = 0;
      for (const Event& event : unsent_) {
        const std::size_t cut = std::min(skip, event.frame().size());
        skip -= cut;
        if (cut < event.frame().size()) buffers[count++] = asio::buffer(event.frame().substr(cut));
      }
      if (count == 0) break;
      const std::span<const asio::const_buffer> rest(buffers.data(), count);
      if constexpr (plain) {
        error_code error;
        sent_ += lowest_layer(stream_).write_some(rest, error);
        if (!error) continue;
        if (error != asio::error::would_block && error != asio::error::try_again) {
          lose_peer(error);
          return false;
        }
      }
      writing_ = true;
      untaken_ = count_untaken();
      set_due(send_timeout_);
      if constexpr (plain)
        lowest_layer(stream_).async_wait(asio::socket_base::wait_write, next(&EventWriter::on_sent));
      else
        stream_.async_write_some(std::vector<asio::const_buffer>(rest.begin(), rest.end()),
                                 next(&EventWriter::on_sent));
      return false;
    }
    sent_ = 0;
    return true;
  }

  // Bytes that the peer's system has not taken yet. A full socket is writable again only when a good part of it is
  // free: a slow peer may need longer for that than the time-out and is not dead. 0 where the system does not tell.
  int count_untaken() {
    int bytes = 0;
#if defined(SIOCOUTQ)
    if constexpr (plain) {
      if (::ioctl(lowest_layer(stream_).native_handle(), SIOCOUTQ, &bytes) != 0) bytes = 0;
    }
#endif
    return bytes;
  }

  void on_sent(error_code error, std::size_t size) {
    writing_ = false;
    sent_ += size;
    if (error) return lose_peer(error);
    if (send()) {
      unsent_.clear();
      write();
    }
  }

  void wait_for_peer() {
    if constexpr (plain) {
      lowest_layer(stream_).async_wait(asio::socket_base::wait_read, next(&EventWriter::on_peer));
    } else {
      if (!read_buffer_) read_buffer_ = std::make_unique<std::array<char, 512>>();
      stream_.async_read_some(asio::buffer(*read_buffer_), next(&EventWriter::on_peer));
    }
  }

  void on_peer(error_code error, std::size_t size) {
    unasked_ += size;
    if constexpr (plain) {
      std::array<char, 4096> ignored;
      while (!error && unasked_ <= max_unasked)
        unasked_ += lowest_layer(stream_).read_some(asio::buffer(ignored), error);
      if (error == asio::error::would_block || error == asio::error::try_again) error = {};
    }
    if (error) return lose_peer(error);
    if (unasked_ > max_unasked) return finish({}, "The peer sent more than 64 KiB after its request");
    wait_for_peer();
  }

  void lose_peer(error_code error) {
    finish({}, error == asio::error::operation_aborted ? "Cut by the service" : "The peer is gone: " + error.message());
  }

  void set_due(std::chrono::milliseconds time) {
    due_ = Sweep::after(time);
    expire_at(due_);
  }
  void on_deadline() noexcept override {
    auto self = this->weak_from_this().lock();
    if (!self) return;
    post(executor_, [self = std::move(self)] {
      if (self->finished_)
        self->cancel();
      else
        self->step([&] { self->on_time(); });
    });
  }
  void on_time() {
    if (Sweep::Clock::now() < due_) return expire_at(due_);  // something was written meanwhile
    if (writing_) {
      const int untaken = count_untaken();
      if (std::exchange(untaken_, untaken) > untaken) return set_due(send_timeout_);
      return finish({}, "Sending timed out after " + std::to_string(send_timeout_.count()) + " ms");
    }
    static const Event comment = raw_frame(": keep-alive\n\n");
    unsent_.push_back(comment);
    write();
  }

  void finish(error_code result, std::string_view reason) {
    if (std::exchange(finished_, true)) return;
    result_ = result;
    events_.close(reason);
    cancel();
  }

  // Again and again until all has come back: between two steps of a composed operation there is nothing to cancel.
  void cancel() {
    if (!handler_) return;
    expire_at(Sweep::Clock::now());
    error_code ignored;
    lowest_layer(stream_).cancel(ignored);
  }

  // Completes once nothing refers to the stream any more.
  void settle() {
    if (!finished_ || pending_ != 0 || !handler_) return;
    expire_at(Sweep::never);
    error_code ignored;
    if constexpr (plain) lowest_layer(stream_).non_blocking(was_non_blocking_, ignored);
    Completion<Handler> completion{std::move(*handler_), result_};
    handler_.reset();
    asio::post(executor_, std::move(completion));
  }

  Stream& stream_;
  const Executor executor_;
  const std::shared_ptr<Sweep> sweep_;
  EventStream events_;
  std::vector<Event> unsent_;
  std::size_t sent_ = 0;  ///< bytes of `unsent_`
  std::size_t unasked_ = 0;
  std::unique_ptr<std::array<char, 512>> read_buffer_;
  Sweep::Clock::time_point due_ = Sweep::never;
  const std::chrono::milliseconds keep_alive_, send_timeout_;
  std::optional<Handler> handler_;
  error_code result_;
  unsigned pending_ = 0;
  int untaken_ = 0;
  bool waiting_ = false, writing_ = false, finished_ = false, was_non_blocking_ = false;
};

}  // namespace sse::detail

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
