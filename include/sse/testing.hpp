// SPDX-License-Identifier: MIT
// A test kit for services, for any test framework. It neither sleeps nor polls. Every call blocks its thread, so the
// awaited events must come from another thread.

#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/event.hpp"
#include "sse/event_manager.hpp"
#include "sse/event_stream.hpp"
#include "sse/http.hpp"
#include "sse/log_state.hpp"
#include "sse/options.hpp"
#include "sse/stats.hpp"
#include "sse/testing_client.hpp"
#include "sse/testing_log.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::testing {

/// A clock that stands still until it is told to go on: `options.clock = clock;`. Its copies share one time, so that a
/// test keeps one and the manager another. With it, timestamps and ConnectionOptions::expires_at need no waiting.
///
/// A stream reads the clock when it is read. `serve` and `write_events` read it with each event, and four times a
/// second for a connection with `expires_at`. The library's time-outs (keep-alive, sending) and the manager's ids use
/// the real time.
///
/// Thread safety: any thread, at any time.
class ManualClock {
 public:
  using duration = std::chrono::system_clock::duration;      ///< the system clock's
  using time_point = std::chrono::system_clock::time_point;  ///< the system clock's

  /// Begins at `start`, by default on 2001-09-09 at Unix second 1,000,000,000.
  ManualClock() : ManualClock(time_point(std::chrono::seconds(1'000'000'000))) {}
  explicit ManualClock(time_point start)
      : time_(std::make_shared<std::atomic<duration::rep>>(start.time_since_epoch().count())) {}

  /// The time, in the form that Options::clock needs.
  time_point operator()() const noexcept { return time_point(duration(time_->load())); }
  /// The time.
  time_point now() const noexcept { return (*this)(); }
  /// Moves the clock by `by`, which may be negative, as a system's clock may jump back.
  void advance(duration by) noexcept { time_->fetch_add(by.count()); }
  /// Sets the clock, also to an earlier time.
  void set(time_point when) noexcept { time_->store(when.time_since_epoch().count()); }

 private:
  std::shared_ptr<std::atomic<duration::rep>> time_;
};

/// Takes the next `count` events of a stream, notices included. It waits for them, from any thread.
///
/// Errors: Timeout; Ended if the stream ends before. The text of either quotes the events that came, which are lost.
/// sse::system_error with `asio::error::already_started` when a wait is pending. Thread safety: as EventStream's.
SSE_DECL std::vector<Event> take(EventStream& stream, std::size_t count,
                                 std::chrono::milliseconds patience = default_patience);

/// Takes all events of a stream to its end. Errors and thread safety: as take's.
SSE_DECL std::vector<Event> take_all(EventStream& stream, std::chrono::milliseconds patience = default_patience);

/// An observer that records its calls, so that a test can wait for a connection's end instead of sleeping. It may be
/// called until the manager's destruction, also after the log's own. Thread safety: any thread, at any time.
class ObserverLog {
 public:
  /// A connection that has ended.
  struct Removed {
    ConnectionRow row;   ///< ConnectionRow::ended has the reason.
    std::string reason;  ///< The reason in words.
  };
  /// A loss of a connection.
  struct Loss {
    ConnectionRow row;  ///< The connection.
    LostEvents lost;    ///< The number of lost events, and the reason.
  };
  /// A state of Options::log.
  struct StateChange {
    LogState state;    ///< The state.
    std::string what;  ///< The reason.
  };

  ObserverLog();

  /// The observer to set: `manager.set_observer(log.observer());`. It replaces the manager's observer.
  Observer observer() const;

  /// Waits for `count` added connections, and returns all so far. Errors: Timeout.
  std::vector<ConnectionRow> added(std::size_t count, std::chrono::milliseconds patience = default_patience) const;
  /// Waits likewise for connections that have ended.
  std::vector<Removed> removed(std::size_t count, std::chrono::milliseconds patience = default_patience) const;
  /// Waits likewise for losses.
  std::vector<Loss> losses(std::size_t count, std::chrono::milliseconds patience = default_patience) const;
  /// Waits until the log has been in a state since the observer was set, and returns the first call that says so.
  StateChange log_state(LogState state, std::chrono::milliseconds patience = default_patience) const;
  /// Forgets the states of the log so far.
  void forget_log_states();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Runs `serve` on a free port of 127.0.0.1, on a thread of its own. `events` must outlive it. Thread safety: one
/// thread at a time, and never its own thread, for example in `admit`.
class Server {
 public:
  explicit Server(EventManager& events, ServeOptions options = {});
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  /// Cuts the connections that are still open.
  ~Server();

  /// The port, on 127.0.0.1.
  std::uint16_t port() const noexcept { return port_; }
  /// Ends the streams in good order, as a `serve` that is cancelled does: returns when they are gone, at most after
  /// ServeOptions::grace. Throws what `serve` throws.
  void stop();

 private:
  std::exception_ptr failure_;
  asio::cancellation_signal stop_;
  asio::io_context io_{1};
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace sse::inline SSE_ABI::testing

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/testing/testing.ipp"
#endif
