// SPDX-License-Identifier: MIT
// A test kit for services, for any test framework. Nothing in it sleeps or polls; every call blocks its thread, so
// what it waits for must come from another.

#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/event.hpp"
#include "sse/event_manager.hpp"
#include "sse/event_stream.hpp"
#include "sse/http.hpp"
#include "sse/options.hpp"
#include "sse/stats.hpp"
#include "sse/testing_client.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::testing {

namespace detail {

/// False: the time is up.
inline bool wait_for_event(EventStream& stream, SteadyTime limit) {
  asio::io_context io(1);
  asio::cancellation_signal stop;
  const auto result = run_until(
      io, limit,
      [&](auto handler) {
        stream.async_wait(
            asio::bind_cancellation_slot(stop.slot(), asio::bind_executor(io.get_executor(), std::move(handler))));
      },
      [&] { stop.emit(asio::cancellation_type::terminal); });
  if (result && *result) throw system_error(*result, "sse::testing::take");
  return result.has_value();
}

}  // namespace detail

/// A clock that stands still until it is told to go on: `options.clock = clock;`. Its copies share one time, so that a
/// test keeps one and the manager another. With it, timestamps and ConnectionOptions::expires_at need no waiting.
///
/// A stream looks at the clock when it is read, and `serve` and `write_events` with each event, and four times a second
/// where a connection has its `expires_at`. The library's time-outs (keep-alive, sending) go by the real time, as do
/// the manager's ids.
///
/// Thread safety: any thread, at any time.
class ManualClock {
 public:
  using duration = std::chrono::system_clock::duration;      ///< of the clock that it stands for
  using time_point = std::chrono::system_clock::time_point;  ///< likewise

  /// It begins on 2001-09-09, at Unix second 1,000,000,000, unless told otherwise.
  ManualClock() : ManualClock(time_point(std::chrono::seconds(1'000'000'000))) {}
  explicit ManualClock(time_point start)
      : time_(std::make_shared<std::atomic<duration::rep>>(start.time_since_epoch().count())) {}

  /// The time: what Options::clock asks.
  time_point operator()() const noexcept { return time_point(duration(time_->load())); }
  /// The same.
  time_point now() const noexcept { return (*this)(); }
  /// Backwards too, as a system's clock may go.
  void advance(duration by) noexcept { time_->fetch_add(by.count()); }
  /// Puts it to any time, an earlier one too.
  void set(time_point when) noexcept { time_->store(when.time_since_epoch().count()); }

 private:
  std::shared_ptr<std::atomic<duration::rep>> time_;
};

/// The next `count` events of a stream, notices included, as soon as they are there, from whichever thread they come.
///
/// Errors: Timeout, Ended where the stream ends before; either says what came, which is read then and lost.
/// sse::system_error with `asio::error::already_started` when a wait is pending. Thread safety: as EventStream's.
inline std::vector<Event> take(EventStream& stream, std::size_t count,
                               std::chrono::milliseconds patience = default_patience) {
  const detail::SteadyTime limit = detail::limit_of(patience);
  std::vector<Event> events;
  while (events.size() < count) {
    if (stream.drain(events, count - events.size()) > 0) continue;
    if (stream.done()) throw Ended("sse::testing: the stream ended after " + detail::count_of(events, count, "events"));
    if (!detail::wait_for_event(stream, limit))
      throw Timeout("sse::testing: the stream gave" + detail::not_within(patience) + ' ' +
                    detail::count_of(events, count, "events"));
  }
  return events;
}

/// All events of a stream to its end. Errors and thread safety: as take's.
inline std::vector<Event> take_all(EventStream& stream, std::chrono::milliseconds patience = default_patience) {
  constexpr std::size_t all = std::numeric_limits<std::size_t>::max();
  const detail::SteadyTime limit = detail::limit_of(patience);
  std::vector<Event> events;
  for (;;) {
    if (stream.drain(events, all) > 0) continue;
    if (stream.done()) return events;
    if (!detail::wait_for_event(stream, limit))
      throw Timeout("sse::testing: the stream did not end" + detail::not_within(patience) + ", and gave " +
                    detail::count_of(events, all, "events"));
  }
}

/// An observer that remembers, so that a test waits for a connection's end, not for a while. It may be told things as
/// late as the manager's end, and after its own. Thread safety: any thread, at any time.
class ObserverLog {
 public:
  /// A connection that has ended.
  struct Removed {
    ConnectionRow row;   ///< ConnectionRow::ended says why
    std::string reason;  ///< in words
  };
  /// What a connection has lost.
  struct Loss {
    ConnectionRow row;  ///< whose it is
    LostEvents lost;    ///< how many, and why
  };

  /// `manager.set_observer(log.observer());` it takes the place of another one.
  Observer observer() const {
    Observer observer;
    observer.connection_added = [state = state_](const ConnectionRow& row) { state->add(state->added, row); };
    observer.connection_removed = [state = state_](const ConnectionRow& row, std::string_view reason) {
      state->add(state->removed, Removed{row, std::string(reason)});
    };
    observer.loss = [state = state_](const ConnectionRow& row, const LostEvents& lost) {
      state->add(state->losses, Loss{row, lost});
    };
    return observer;
  }

  /// All so far, once there are `count` at least. Errors: Timeout.
  std::vector<ConnectionRow> added(std::size_t count, std::chrono::milliseconds patience = default_patience) const {
    return state_->wait(state_->added, count, patience, "added connections");
  }
  /// Likewise, of those that have ended.
  std::vector<Removed> removed(std::size_t count, std::chrono::milliseconds patience = default_patience) const {
    return state_->wait(state_->removed, count, patience, "removed connections");
  }
  /// Likewise, of what was lost.
  std::vector<Loss> losses(std::size_t count, std::chrono::milliseconds patience = default_patience) const {
    return state_->wait(state_->losses, count, patience, "gaps");
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<ConnectionRow> added;
    std::vector<Removed> removed;
    std::vector<Loss> losses;

    template <class Thing>
    void add(std::vector<Thing>& things, Thing thing) {
      const std::lock_guard lock(mutex);
      things.push_back(std::move(thing));
      changed.notify_all();
    }
    template <class Thing>
    std::vector<Thing> wait(const std::vector<Thing>& things, std::size_t count, std::chrono::milliseconds patience,
                            const std::string& name) {
      std::unique_lock lock(mutex);
      if (changed.wait_until(lock, detail::limit_of(patience), [&] { return things.size() >= count; })) return things;
      throw Timeout("sse::testing: there were" + detail::not_within(patience) + ' ' + std::to_string(things.size()) +
                    " of " + std::to_string(count) + ' ' + name);
    }
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

/// `serve` on a free port of 127.0.0.1, on a thread of its own. `events` must outlive it. Thread safety: one thread at
/// a time, which is not its own: not from `admit`.
class Server {
 public:
  explicit Server(EventManager& events, ServeOptions options = {}) {
    tcp::acceptor acceptor(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    port_ = acceptor.local_endpoint().port();
    asio::co_spawn(
        io_, serve(std::move(acceptor), events, std::move(options)),
        asio::bind_cancellation_slot(stop_.slot(), [this](const std::exception_ptr& error) { failure_ = error; }));
    thread_ = std::thread([this] { io_.run(); });
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  /// Cuts what is still connected.
  ~Server() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  /// Where it listens, on 127.0.0.1.
  std::uint16_t port() const noexcept { return port_; }
  /// Ends the streams in good order, as a `serve` that is cancelled does: returns when they are gone, at most after
  /// ServeOptions::grace. Throws what `serve` throws.
  void stop() {
    if (!thread_.joinable()) return;
    asio::post(io_, [this] { stop_.emit(asio::cancellation_type::terminal); });
    thread_.join();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  std::exception_ptr failure_;
  asio::cancellation_signal stop_;
  asio::io_context io_{1};
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace sse::inline SSE_ABI::testing

#include "sse/detail/base/pop_options.hpp"
