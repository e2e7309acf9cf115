// SPDX-License-Identifier: MIT
// Brings the events of the log to the history and the connections of a hub.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "sse/detail/async/wakeups.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/thread_annotations.hpp"
#include "sse/detail/history/event_id.hpp"
#include "sse/detail/history/replay_plan.hpp"
#include "sse/detail/hub/log_waiters.hpp"
#include "sse/detail/hub/publisher.hpp"
#include "sse/detail/hub/shard.hpp"
#include "sse/detail/log/log_driver.hpp"
#include "sse/event.hpp"
#include "sse/log_state.hpp"
#include "sse/options.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class Connection;

/// The hub's side of a log. One thread at a time delivers: the driver's reading or its appending thread, whose turn it
/// is. The watching thread ends the waiting of connections whose time is up.
class LogDelivery final : public LogReader {
 public:
  LogDelivery(const Options& options, ShardMap& shards, Publisher& publisher, Notifier& notifier) noexcept
      : options_(options), shards_(shards), publisher_(publisher), notifier_(notifier) {}

  /// False: the log has not been opened yet.
  bool is_open() const noexcept { return waiters_.is_open(); }
  /// The connections that wait.
  LogWaiters& waiters() noexcept { return waiters_; }

  // Declared inline in a header-only program: else each of its files would compile the table of these functions.

  SSE_DECL Event restore(const StoredText& stored) const override;
  SSE_DECL Event encode_lost(std::uint64_t count) const override;
  SSE_DECL void log_opened(std::vector<ReadEvent>& newest, std::uint64_t tail) override;
  SSE_DECL void log_read(std::vector<ReadEvent>& events) override;
  SSE_DECL void log_missed(std::uint64_t count) override;
  SSE_DECL void deliver_local(LocalEvent& local) override;
  SSE_DECL void log_state(LogState state, std::string_view what) noexcept override;
  SSE_DECL bool log_tick() override;

 private:
  /// Connections that are destroyed, perhaps with a user's filter, after the locks are released.
  using Kept = std::vector<std::shared_ptr<Connection>>;

  Event encode_loss(std::string_view why, std::string_view members, EventKind kind, bool has_id) const;
  void fill_history(std::vector<ReadEvent>& newest, std::uint64_t tail);
  void begin(std::vector<ReadEvent>& newest, std::uint64_t tail);
  void begin_again(std::vector<ReadEvent>& newest, std::uint64_t tail);
  void tell_all_reset();
  /// Lets a held connection begin, with its replay, or, where the log is not open in time, without one.
  void release(LogWaiters::Held& held, bool is_open);
  /// Tells a reset to the connections: they get the events after the number `last`.
  void tell_reset(const std::vector<LogWaiters::Ahead>& waiting, std::uint64_t last, Wakeups& wakeups, Kept& kept);
  /// The event with this id and this number is next: clients that are said to have seen it have, or are of another log.
  void meet(const EventId& id, std::uint64_t sequence, Wakeups& wakeups, Kept& kept);

  const Options& options_;  ///< Immutable.
  ShardMap& shards_;
  Publisher& publisher_;
  Notifier& notifier_;
  LogWaiters waiters_;  ///< Guarded by the order mutex.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/hub/log_delivery.ipp"
#endif
