// SPDX-License-Identifier: MIT
// The interface of a log: it gives events their place and outlives the process. This header is all that another engine
// needs (PostgreSQL, Kafka, …); it uses neither Asio nor nlohmann/json.

#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/error.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class LogRunner;

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

struct LoggedEvent;
struct LogBegin;
struct LogRead;
struct LogPlace;
struct LogSize;
class LogError;

/// A log of events that several processes may share. It is the place where events get their order and their ids, and it
/// keeps the newest of them. EventManager delivers an event only after it is there, in the log's order, so that every
/// process delivers the same events in the same order, and no client sees an event that a crash can take back.
///
/// The interface is synchronous: each call blocks until it is done. The manager calls from two threads of its own, the
/// reading one (`open` and `read`) and the appending one (`append` and the two beside it), and owns the outbox, the
/// back-off and the states; an engine only does what it is asked once, and throws what went wrong.
///
/// An engine of one's own
/// - gives each event the number `n`, dense over the log's whole life and over all processes, from 1, and the `stamp`,
///   the Unix time of the append in ms. Neither ever falls from one event to the next: where the clock has been set
///   back, the stamp goes on from the newest one. Together they are the event's id, `<stamp>-<n>`;
/// - gives another stamp to an `n` that it gives a second time, after the log has lost its tail. Ids are compared for
///   equality, so a client that knows the lost event is told a reset instead of being given the wrong events. A
///   server's clock does that; where it stands still or was set back, add a random number;
/// - stores `stamp`, `n`, `is_message`, `type`, `topic`, `key` and `data` as they are, bytes of any value among them;
/// - keeps at least `history` events (of `open`), and removes older ones when it likes;
/// - connects when a call needs it, connects again in the next call after a failure, and never needs a restart.
///
/// @par Thread safety     `open` and `read` on one thread, the appends on another, at the same time. `interrupt` and
///                        `size` on any. The destructor runs when no call is left.
class EventLog {
 public:
  /// Receives one event. Its views are valid until it returns. It may throw; the call that it was given to then passes
  /// the exception on, and the event counts as not given.
  using Take = std::function<void(const LoggedEvent&)>;

  EventLog() noexcept;
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;
  virtual ~EventLog() = default;

  /// Opens the log, creates it where there is none, and gives the newest events, oldest first: at most `history`,
  /// without a hole in their `n`, and the last of them is the newest of the log (`LogBegin::tail`). Where an event
  /// before the tail is lost, only those after it are given. The next `read` is given `tail`.
  ///
  /// The manager calls it first, and again after `read` has told that the log was rewritten. `append` may run
  /// meanwhile.
  ///
  /// @par Errors            LogError.
  virtual LogBegin open(std::size_t history, const Take& take) = 0;

  /// Appends the events, in their order: all of them or none. When it returns they are in the log as firmly as the
  /// engine promises, and a `read` sees them. `stamp` and `n` of the argument are ignored; the log gives them.
  ///
  /// `number` rises from batch to batch. A batch whose number is not above the last one that this object has appended
  /// adds nothing, and the call succeeds. So the manager repeats a call that failed, with the same events and the same
  /// number, without knowing whether the failure came before or after the commit; the engine must know. An engine on a
  /// server stores the number beside the events, in the same transaction, under a random name of the object.
  ///
  /// A `read` that waits on the other thread of the same object must return soon after.
  ///
  /// @par Errors            LogError. It may also be thrown after an `interrupt`, with may_pass().
  virtual void append(std::span<const LoggedEvent> events, std::uint64_t number) = 0;

  /// As `append`, but says where the events stand, so that the manager can deliver them without a `read`: that saves
  /// the wake-up of a thread for each event. Until `release`, a `read` that waits need not return for them.
  ///
  /// Nullopt: `read` has to give them, which is always right. An engine also says so if nothing was added, or if `read`
  /// might not give each of the events as it was appended. By default it is `append` and nullopt.
  ///
  /// @par Errors            As `append`.
  virtual std::optional<LogPlace> append_held(std::span<const LoggedEvent> events, std::uint64_t number);

  /// Follows an `append_held` that has returned a place, on the same thread. It does not block.
  ///
  /// `delivered`: the events count as given. They follow the last ones given, so the next `read` gets the last of them
  /// as its `after`. One that is under way with an older `after`, and has given nothing, waits for what follows them,
  /// and returns with no events when there is something; it is called again. Otherwise a `read` that waits returns
  /// soon.
  virtual void release(bool delivered) noexcept;

  /// Gives events that follow the one with the number `after`, in their order, or waits for at most `wait` until there
  /// are some. It may return with none before that time, and gives as many as are convenient (some hundreds); the
  /// caller reads on. `after` = 0 is the log's beginning. LogRead::tail is above the last event given while there are
  /// more.
  ///
  /// The events that it gives have no hole in their `n`. What is missing comes before the first of them, and is counted
  /// in LogRead::lost: the next `after` is `after` + `lost` + the number of events given, and that is the `n` of the
  /// last.
  ///
  /// If the log is not the one that was read so far (it was replaced, or has lost its tail), nothing is given and
  /// `lost` is empty. To know that, an engine remembers the stamp of the last event that it gave, and looks whether the
  /// event `after` still has it; an `after` beyond the tail is the same case. The caller then calls `open` again.
  ///
  /// @par Errors            LogError.
  virtual LogRead read(std::uint64_t after, std::chrono::milliseconds wait, const Take& take) = 0;

  /// Ends blocked calls soon: a `read` returns, with no events if there are none, and an `append` that waits for
  /// another process fails with an error that may pass. Where no `read` is under way the next one does not wait. It
  /// does not close the log.
  virtual void interrupt() noexcept = 0;

  /// True: `append` is given the transient events, too (LoggedEvent::is_transient), and `read` gives those of all
  /// processes. They have no `n` and no id, do not count in LogRead::lost, and `open` gives none. `read` gives one
  /// behind the event that was the log's newest when it was appended. False, by default: they stay in their process.
  virtual bool shares_transient() const noexcept { return false; }

  /// The space that the log takes, for metrics. Zeros: not known.
  virtual LogSize size() const noexcept;

 private:
  friend class detail::LogRunner;
  /// A manager has it. The numbers of its batches begin at 1, so a second manager's would be taken for repetitions.
  std::atomic<bool> has_manager_{false};
};

/// One event as a log keeps it.
struct LoggedEvent {
  std::uint64_t stamp = 0;  ///< The Unix time of the append in ms: the id's first half.
  std::uint64_t n = 0;      ///< Dense from 1 over the log's whole life: the id's second half.
  bool is_message = false;  ///< Emitted by emit_message: `data` goes on the wire as it is.
  std::string_view type;    ///< As it was given to emit_event.
  std::string_view topic;   ///< EmitOptions::topic.
  std::string_view key;     ///< EmitOptions::key.
  /// The event's JSON text, one line, as EventManager encodes it: `{"type":…,"data":…,"timestamp":…}`; of a message its
  /// data, which may have several lines.
  std::string_view data;
  /// Only where EventLog::shares_transient says so: an event that is delivered to who is connected, and not kept.
  bool is_transient = false;
};

/// The answer of EventLog::open.
struct LogBegin {
  bool created = false;    ///< There was no log: this object has just made it.
  std::uint64_t tail = 0;  ///< The newest event's `n`; 0: the log is empty.
  std::string note;        ///< For the person who runs the service, for example that rows were skipped. Empty: nothing.
};

/// The answer of EventLog::read.
struct LogRead {
  /// The number of events between `after` and the first event given that the log no longer has, or that it refused;
  /// nullopt: the log was rewritten, and how many cannot be known.
  std::optional<std::uint64_t> lost = 0;
  std::uint64_t tail = 0;  ///< The newest event's `n` at the time of the call: what is left to read is `tail` - `n`.
  std::string note;        ///< As LogBegin::note: why events were refused, or how the log was rewritten.
  /// The number of transient events that were given up before this process had read them.
  std::uint64_t lost_transient = 0;
};

/// The answer of EventLog::append_held: the place of the first event. Those after it have the same stamp.
struct LogPlace {
  std::uint64_t stamp = 0;  ///< As LoggedEvent::stamp.
  std::uint64_t n = 0;      ///< As LoggedEvent::n.
};

/// The answer of EventLog::size.
struct LogSize {
  std::uint64_t file_bytes = 0;  ///< The events' file.
  std::uint64_t wal_bytes = 0;   ///< The write-ahead log beside it.
};

/// A call of an EventLog has failed. `what()` names the log (its path, or its URL without a password) and the reason.
class LogError : public Error {
 public:
  LogError(const std::string& what, bool may_pass) : Error(errc::log_error, what), may_pass_(may_pass) {}

  /// True: the same call may succeed later (a full disk, a lock, a broken connection). False: it needs a person (a
  /// damaged file, a wrong password); the manager says so, and tries again now and then.
  bool may_pass() const noexcept { return may_pass_; }

 private:
  bool may_pass_;
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/log/event_log.ipp"
#endif
