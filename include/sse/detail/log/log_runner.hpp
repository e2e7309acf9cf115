// SPDX-License-Identifier: MIT
// The threads that work with a log: one appends, one reads, one watches the two. The same for all engines.

#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "sse/detail/base/mutex.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/thread_annotations.hpp"
#include "sse/detail/log/log_driver.hpp"
#include "sse/detail/log/log_position.hpp"
#include "sse/detail/log/log_status.hpp"
#include "sse/detail/log/outbox.hpp"
#include "sse/event.hpp"
#include "sse/event_log.hpp"
#include "sse/log_state.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Works with one log. The threads share its ownership and own all that they use, so that one which hangs in a call of
/// the log can be left behind. Thread-safe.
///
/// The watching thread calls neither the log nor a filter, so it goes on while both others hang. It tells the hub the
/// state, and that a call takes too long. It sleeps until a call that is under way is late, or a connection waits.
class LogRunner final : public LogDriver, public std::enable_shared_from_this<LogRunner> {
 public:
  LogRunner(std::shared_ptr<EventLog> log, const LogSettings& settings, std::weak_ptr<LogReader> reader);

  /// Starts the threads. Called once.
  void start();

  void emit(Event event) override;
  bool emit_local(LocalEvent&& local) override;
  bool shares_transient() const noexcept override { return log_->shares_transient(); }
  std::uint64_t last() const override;
  std::size_t undelivered(std::uint64_t last) override;
  void read_now() noexcept override;
  void tell_state() override;
  LogStats stats() const override;
  void stop(Clock::time_point limit) noexcept override;

 private:
  using Batch = std::vector<Outbox::Item>;

  struct Thread {
    std::thread thread;
    bool has_ended = false;
  };
  enum class Outcome { done, failed, interrupted };

  void start_thread(void (LogRunner::*loop)());
  void end_thread() noexcept;
  bool is_closing() const;

  // The appending thread:

  void append_all();
  /// Waits for a batch. Empty: the runner is closing.
  Batch next_batch();
  bool may_append() const SSE_REQUIRES(mutex_);
  void prepare(Batch& batch, std::vector<LoggedEvent>& events) const;
  /// Appends until the log has taken the batch. False: the runner is closing.
  bool append(Batch& batch);
  /// The batch is in the log. If the thread has the turn to deliver it, as it stands at `place`, returns the place in
  /// the outbox up to which everything is delivered then.
  std::optional<std::uint64_t> acknowledge(const Batch& batch, Clock::duration took, std::optional<LogPlace> place);
  /// Delivers a batch of this process, which the reading thread does not have to read then. The thread has the turn.
  /// `appended`: as `acknowledge` has returned it.
  void deliver_own(std::vector<ReadEvent>& events, std::uint64_t appended);

  // The reading thread:

  void read_all();
  void open();
  void read();
  /// Takes the turn to deliver what was read after the event `after`, without what the appending thread has delivered
  /// meanwhile. `appended`: up to there own events had been appended before the read. Returns the cursor; nullopt:
  /// there is nothing to deliver, because the log has to be opened again, or the runner is closing.
  std::optional<std::uint64_t> begin_turn(LogRead& read, std::uint64_t after, std::vector<ReadEvent>& events,
                                          std::uint64_t appended);
  void measure();

  // Both:

  /// Passes events on to the hub. The thread has the turn.
  void deliver(const LogRead& read, std::vector<ReadEvent>& events);
  /// Everything that was appended up to `place` has been delivered: local events behind it are due. The thread has the
  /// turn.
  void settle(std::uint64_t place);
  bool deliver_next_local();
  void end_turn();

  /// Calls the log, and sets the state by the result. An exception is the outcome, too.
  template <class Function>
  Outcome call(LogSide side, std::chrono::milliseconds expected, Function&& function);
  void begin_call(LogSide side, std::chrono::milliseconds expected);
  void end_call(LogSide side, LogState state, std::string_view what);
  /// Waits before the next attempt. False: the runner is closing.
  bool back_off(LogSide side, unsigned attempt);

  // The watching thread:

  void watch_all();
  /// The time at which there may be something to see, unless the thread is notified before.
  Clock::time_point next_look() const SSE_REQUIRES(mutex_);
  void find_late_calls() SSE_REQUIRES(mutex_);
  void tick();
  bool tell_change();

  /// True if the reading thread may not know soon that everything has been delivered, and somebody waits for that.
  bool must_wake_reader() const SSE_REQUIRES(mutex_);
  void wake_reader() noexcept;

  // stop:

  /// True on the reading or the appending thread: in a filter that destroys the manager. Nothing more is delivered
  /// then.
  bool delivers_here() const SSE_REQUIRES(mutex_);
  bool appends_here() const SSE_REQUIRES(mutex_);
  bool is_done() const SSE_REQUIRES(mutex_);
  /// True while threads other than the present one run.
  bool others_run() const SSE_REQUIRES(mutex_);
  /// Waits until all is done, or until `limit`, and lets the threads end. Returns the number of events that are left.
  std::uint64_t close(Clock::time_point limit);
  void replace_appender();
  /// Waits for the threads until `limit`, and leaves the others behind. Returns their number.
  std::size_t join(Clock::time_point limit);

  const std::shared_ptr<EventLog> log_;    ///< Immutable.
  const std::weak_ptr<LogReader> reader_;  ///< Immutable.
  const std::size_t history_size_;         ///< Immutable.
  /// Immutable. Appends pause while the reading thread has more events than this to read: else a burst of this process
  /// would be trimmed off the log before it is read.
  const std::size_t max_lag_;

  mutable Mutex mutex_;
  std::condition_variable_any has_work_;    ///< For the appending thread.
  std::condition_variable_any has_change_;  ///< For the watching thread.
  std::condition_variable_any progress_;    ///< For stop, and for a thread that backs off or waits for its turn.
  Outbox outbox_ SSE_GUARDED_BY(mutex_);
  LogStatus status_ SSE_GUARDED_BY(mutex_);
  LogStats stats_ SSE_GUARDED_BY(mutex_);
  /// By LogSide: the time after which the call that is under way takes too long. Unset: there is no call.
  std::array<std::optional<Clock::time_point>, 2> late_ SSE_GUARDED_BY(mutex_);
  std::uint64_t read_since_ SSE_GUARDED_BY(mutex_) = 0;  ///< Outbox::appended() when the last read was begun.
  Clock::time_point look_at_ SSE_GUARDED_BY(mutex_);     ///< The watching thread sleeps until then.
  bool has_waiters_ SSE_GUARDED_BY(mutex_) = false;  ///< Connections may wait for the log: LogReader::log_tick is due.
  LogPosition position_ SSE_GUARDED_BY(mutex_);
  bool ignores_lag_ SSE_GUARDED_BY(mutex_) = false;  ///< Nobody reads any more, and the rest is appended at once.
  bool closing_ SSE_GUARDED_BY(mutex_) = false;
  /// The reading thread waits in a call that was begun when everything up to this place had been appended.
  std::optional<std::uint64_t> waits_since_ SSE_GUARDED_BY(mutex_);
  std::uint64_t flushed_to_ SSE_GUARDED_BY(mutex_) = 0;  ///< A flush waits until this place has been delivered.
  std::vector<Thread> threads_ SSE_GUARDED_BY(mutex_);   ///< The first one reads, the second appends.
  std::atomic<std::uint64_t> interrupts_{0};             ///< Calls of EventLog::interrupt.

  bool lags_ = false;           ///< Reading thread only. The log has more, but does not give it yet.
  Clock::time_point measured_;  ///< Reading thread only.
  std::uint64_t batches_ = 0;   ///< Appending thread only.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/log/log_runner.ipp"
#endif
