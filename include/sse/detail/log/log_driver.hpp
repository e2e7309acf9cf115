// SPDX-License-Identifier: MIT
// The two sides between the hub and the threads that work with a log: neither needs the other's types. A program
// without a log compiles only this.

#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sse/detail/history/event_id.hpp"
#include "sse/event.hpp"
#include "sse/log_state.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

class EventLog;

}  // namespace sse::inline SSE_ABI

namespace sse::inline SSE_ABI::detail {

/// An event of a log, with its id there.
struct ReadEvent {
  Event event;
  EventId id;
  bool is_transient = false;  ///< It has no id.
};

/// An event that is not for the log, and is delivered in this process only: transient, or for one connection.
struct LocalEvent {
  Event event;
  std::string connection_id;  ///< Empty: for all connections that want it.
  /// Not 0: so many local events were dropped here. `event` is then empty.
  std::uint64_t dropped = 0;
};

/// The parts of a stored event.
struct StoredText {
  bool is_message = false;
  std::string_view type, topic, key, data;
  bool is_transient = false;
};

/// The hub's side. Called on the driver's threads, and without a lock of the driver's.
class LogReader {
 public:
  /// Makes an event of stored bytes, which may be of any kind. It has room for an id, if it is not transient.
  virtual Event restore(const StoredText& stored) const = 0;
  /// The event that goes into the log in place of `count` events that the outbox had no room for.
  virtual Event encode_lost(std::uint64_t count) const = 0;

  // On the thread whose turn it is to deliver, the reading or the appending one; `log_opened` on the reading one:

  /// The log is open, and the events that `newest` holds are its last ones. `tail` is its last event's `n`. Called
  /// again when the log was rewritten.
  virtual void log_opened(std::vector<ReadEvent>& newest, std::uint64_t tail) = 0;
  /// The next events, in the log's order.
  virtual void log_read(std::vector<ReadEvent>& events) = 0;
  /// The next `count` events are lost.
  virtual void log_missed(std::uint64_t count) = 0;
  virtual void deliver_local(LocalEvent& local) = 0;

  // On the watching thread:

  virtual void log_state(LogState state, std::string_view what) noexcept = 0;
  /// Ends the waits of connections whose time is up. Called some times a second until no connection waits: false.
  virtual bool log_tick() = 0;

 protected:
  ~LogReader() = default;
};

/// The settings of a driver.
struct LogSettings {
  std::size_t history_size = 0;
  std::size_t max_events = 0, max_bytes = 0;  ///< The limits of the outbox.
};

/// The log's side: the outbox, and the threads that append and read. Thread-safe.
class LogDriver {
 public:
  using Clock = std::chrono::steady_clock;

  LogDriver() = default;
  LogDriver(const LogDriver&) = delete;
  LogDriver& operator=(const LogDriver&) = delete;
  virtual ~LogDriver() = default;

  /// Puts an event into the outbox. It never waits for the log.
  virtual void emit(Event event) = 0;
  /// Delivers a local event when everything that was emitted before has been delivered. False: it has been, and the
  /// caller delivers the event, which was not moved from.
  virtual bool emit_local(LocalEvent&& local) = 0;

  /// True: transient events are emitted as all others, because the log brings them to every process.
  virtual bool shares_transient() const noexcept = 0;

  /// The place behind the last emitted event, for `undelivered`.
  virtual std::uint64_t last() const = 0;
  /// The number of events up to the place `last` that are not in the log and delivered.
  virtual std::size_t undelivered(std::uint64_t last) = 0;

  /// Reads at once: a client has seen events that this process has not read.
  virtual void read_now() noexcept = 0;
  /// Tells the hub the present state once more: it has a new observer.
  virtual void tell_state() = 0;
  virtual LogStats stats() const = 0;

  /// Waits until everything is in the log and delivered, at most until `limit`, and ends the threads. One that hangs in
  /// a call of the log is left behind. Called once.
  virtual void stop(Clock::time_point limit) noexcept = 0;
};

/// Starts the threads for a log.
using StartLog = std::shared_ptr<LogDriver> (*)(std::shared_ptr<EventLog>, const LogSettings&,
                                                std::weak_ptr<LogReader>);

/// Starts a LogRunner.
std::shared_ptr<LogDriver> start_log_runner(std::shared_ptr<EventLog> log, const LogSettings& settings,
                                            std::weak_ptr<LogReader> reader);

/// Set by EventLog's constructor. So only a program that makes a log compiles the threads and what they need.
inline std::atomic<StartLog> start_log{nullptr};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
