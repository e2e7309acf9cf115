// SPDX-License-Identifier: MIT
// The chains of a manager with compression: one of all events, and one for each set of topics that has compressed
// readers.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sse/detail/base/mutex.hpp"
#include "sse/detail/base/name_hash.hpp"
#include "sse/detail/base/owned.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/thread_annotations.hpp"
#include "sse/detail/gzip/event_chain.hpp"
#include "sse/event.hpp"
#include "sse/stats.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

class Compression;

}  // namespace sse::inline SSE_ABI

namespace sse::inline SSE_ABI::detail {

/// Connections with the same topics have a chain of their own: a text that only some of them may see would tell the
/// others of itself by the length of what is compressed after it. Thread-safe.
class Chains {
 public:
  /// The topics that a set may have.
  static constexpr std::size_t max_topics = 32;

  explicit Chains(std::shared_ptr<const Compression> compression);
  Chains(const Chains&) = delete;
  Chains& operator=(const Chains&) = delete;
  ~Chains();

  /// Opens a tap for a connection that gets all events.
  Owned<EventTap> open(std::size_t max_queue_size) { return all_->open_tap(max_queue_size); }
  /// Opens a tap for a connection with topics. Null: the set has no chain yet, and `may_make` is false or the manager
  /// has the most already.
  Owned<EventTap> open(std::vector<std::string> topics, std::size_t max_queue_size, bool may_make);

  /// EventChain::number in each chain that gets the event. False: none does.
  bool number(const Event& event, const HashedName& topic) noexcept;
  /// EventChain::add in each chain that has numbered the event.
  void add(const Event& event, const HashedName& topic) noexcept;

  CompressionStats stats() const noexcept;
  std::uint64_t saved_bytes() const noexcept { return counters_.saved_bytes.load(std::memory_order_relaxed); }

 private:
  class OfTopics;

  OfTopics* find(const std::vector<std::string>& topics) noexcept SSE_REQUIRES(mutex_);
  void leave(OfTopics& chain) noexcept SSE_EXCLUDES(mutex_);

  ChainCounters counters_;
  const std::shared_ptr<const Compression> compression_;  ///< Immutable.
  const std::unique_ptr<EventChain> all_;                 ///< Immutable.

  Mutex mutex_;                                                              ///< Locked before a chain's.
  std::vector<std::unique_ptr<OfTopics>> of_topics_ SSE_GUARDED_BY(mutex_);  ///< Each has readers.
  std::uint64_t last_id_ SSE_GUARDED_BY(mutex_);
  std::atomic<std::size_t> count_{0};  ///< Of of_topics_. Written under mutex_.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/hub/chains.ipp"
#endif
