// SPDX-License-Identifier: MIT
// The bodies of Chains. See chains.hpp.

#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sse/compression.hpp"
#include "sse/detail/base/mutex.hpp"
#include "sse/detail/base/name_hash.hpp"
#include "sse/detail/base/owned.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/frame/packed_group.hpp"
#include "sse/detail/gzip/event_chain.hpp"
#include "sse/detail/hub/chains.hpp"
#include "sse/event.hpp"
#include "sse/stats.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The chain of a set of topics.
class Chains::OfTopics final : public ChainOwner {
 public:
  OfTopics(Chains& chains, std::vector<std::string> topics) : chains_(chains), topics_(std::move(topics)) {
    for (const std::string& topic : topics_) hashes_.push_back(secret_hash(topic));
  }

  bool is_of(const std::vector<std::string>& topics) const noexcept { return topics_ == topics; }
  /// True if connections with the set get the events of a topic.
  bool gets(const HashedName& topic) const noexcept {
    if (topic.text.empty()) return true;
    for (std::size_t i = 0; i < topics_.size(); ++i)
      if (hashes_[i] == topic.hash && topics_[i] == topic.text) return true;
    return false;
  }
  void leave() noexcept override { chains_.leave(*this); }

  std::unique_ptr<EventChain> chain;

 private:
  Chains& chains_;
  const std::vector<std::string> topics_;  ///< Immutable. In their order.
  std::vector<std::uint64_t> hashes_;      ///< Immutable.
};

/// Puts the topics in order, and leaves out those that are there twice.
inline void sort_topics(std::vector<std::string>& topics) {
  std::sort(topics.begin(), topics.end());
  topics.erase(std::unique(topics.begin(), topics.end()), topics.end());
}

SSE_DECL Chains::Chains(std::shared_ptr<const Compression> compression)
    : compression_(std::move(compression)),
      all_(compression_->make_chain(ChainPlace{ChainLink::all, 1, counters_, nullptr})),
      last_id_(ChainLink::all) {}

SSE_DECL Chains::~Chains() = default;

SSE_DECL Chains::OfTopics* Chains::find(const std::vector<std::string>& topics) noexcept {
  for (const std::unique_ptr<OfTopics>& one : of_topics_)
    if (one->is_of(topics)) return one.get();
  return nullptr;
}

SSE_DECL Owned<EventTap> Chains::open(std::vector<std::string> topics, std::size_t max_queue_size, bool may_make) {
  sort_topics(topics);
  const MutexLock lock(mutex_);
  if (OfTopics* const found = find(topics)) return found->chain->open_tap(max_queue_size);
  if (!may_make || of_topics_.size() + 1 >= compression_->max_chains()) return {};
  of_topics_.reserve(of_topics_.size() + 1);
  constexpr std::size_t least_readers = 2;
  auto made = std::make_unique<OfTopics>(*this, std::move(topics));
  made->chain = compression_->make_chain(ChainPlace{++last_id_, least_readers, counters_, made.get()});
  Owned<EventTap> tap = made->chain->open_tap(max_queue_size);
  of_topics_.push_back(std::move(made));
  count_.store(of_topics_.size(), std::memory_order_relaxed);
  return tap;
}

SSE_DECL void Chains::leave(OfTopics& chain) noexcept {
  std::unique_ptr<OfTopics> gone;  // destroyed without the lock
  const MutexLock lock(mutex_);
  chain.chain->close_tap();
  if (chain.chain->readers() != 0) return;
  for (std::unique_ptr<OfTopics>& one : of_topics_) {
    if (one.get() != &chain) continue;
    gone = std::move(one);
    one = std::move(of_topics_.back());
    of_topics_.pop_back();
    break;
  }
  count_.store(of_topics_.size(), std::memory_order_relaxed);
}

SSE_DECL bool Chains::number(const Event& event, const HashedName& topic) noexcept {
  bool is_numbered = all_->has_enough_readers() && all_->number(event);
  if (count_.load(std::memory_order_relaxed) == 0) return is_numbered;
  const MutexLock lock(mutex_);
  for (const std::unique_ptr<OfTopics>& one : of_topics_)
    if (one->chain->has_enough_readers() && one->gets(topic)) is_numbered = one->chain->number(event) || is_numbered;
  return is_numbered;
}

SSE_DECL void Chains::add(const Event& event, const HashedName& topic) noexcept {
  if (EventFactory::link(event, ChainLink::all)) all_->add(event);
  if (count_.load(std::memory_order_relaxed) == 0) return;
  const MutexLock lock(mutex_);
  for (const std::unique_ptr<OfTopics>& one : of_topics_)
    if (one->gets(topic) && EventFactory::link(event, one->chain->id())) one->chain->add(event);
}

SSE_DECL CompressionStats Chains::stats() const noexcept {
  CompressionStats stats;
  stats.on = true;
  stats.events = counters_.events.load(std::memory_order_relaxed);
  stats.groups = counters_.groups.load(std::memory_order_relaxed);
  stats.text_bytes = counters_.text_bytes.load(std::memory_order_relaxed);
  stats.packed_bytes = counters_.packed_bytes.load(std::memory_order_relaxed);
  stats.sent_packed = counters_.sent_packed.load(std::memory_order_relaxed);
  stats.sent_stored = counters_.sent_stored.load(std::memory_order_relaxed);
  return stats;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
