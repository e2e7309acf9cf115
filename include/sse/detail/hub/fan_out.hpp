// SPDX-License-Identifier: MIT
// Delivers one event to the connections of each shard: into the backlogs, and into the queues of the other connections.

#pragma once

#include <cstddef>
#include <string_view>

#include "sse/detail/async/wakeups.hpp"
#include "sse/detail/base/name_hash.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/thread_annotations.hpp"
#include "sse/detail/hub/audience.hpp"
#include "sse/detail/hub/filter_results.hpp"
#include "sse/detail/hub/notifier.hpp"
#include "sse/detail/hub/shard.hpp"
#include "sse/detail/hub/subscriptions.hpp"
#include "sse/detail/queue/reader_queue.hpp"
#include "sse/event.hpp"
#include "sse/options.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The delivery of one event. It collects the calls of the observer, and makes them in notify().
class FanOut {
 public:
  FanOut(const Options& options, Notifier& notifier) noexcept
      : options_(options), notifier_(notifier), watched_(notifier.watches_overflow()) {}
  FanOut(const FanOut&) = delete;
  FanOut& operator=(const FanOut&) = delete;

  /// Delivers the event to the shard's connections that want it, and returns their number.
  std::size_t deliver(Shard& shard, const Event& event, const HashedName& topic, const FilterResults& filters,
                      Wakeups& wakeups) SSE_REQUIRES(shard.mutex);
  /// Delivers the event to one connection, regardless of its topics and its filter.
  void deliver_to(Shard& shard, Connection& connection, const Event& event, Wakeups& wakeups) SSE_REQUIRES(shard.mutex);
  /// Calls the observer; no lock may be held.
  void notify() const noexcept;

 private:
  std::size_t append(Shard& shard, Backlog& backlog, const Event& event, Wakeups& wakeups) noexcept
      SSE_REQUIRES(shard.mutex);
  /// Appends the event if the audience's filter accepts it.
  std::size_t append(Shard& shard, Audience& audience, const Event& event, const FilterResults& filters,
                     Wakeups& wakeups) noexcept SSE_REQUIRES(shard.mutex);
  std::size_t push(Connection& connection, const Event& event, const FilterResults& filters, Wakeups& wakeups) noexcept;
  /// Pushes to a member of a topic, which may not be in the map yet, or not any more.
  std::size_t push_topic(Connection& connection, const Event& event, const FilterResults& filters,
                         Wakeups& wakeups) noexcept;
  std::size_t pushed(Connection& connection, PushResult result) noexcept;
  /// Ends the connections that the event did not fit into. Called after the loops over the shard's lists, which it
  /// changes.
  void end_refused(Wakeups& wakeups) noexcept;

  const Options& options_;
  Notifier& notifier_;
  const bool watched_;  ///< True: the observer has Observer::overflow.
  Notifier::Rows gaps_, ended_;
  /// The first connection that the event did not fit into. The others follow by Subscriptions::next_refused.
  Connection* refused_ = nullptr;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/hub/fan_out.ipp"
#endif
