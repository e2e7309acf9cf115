// SPDX-License-Identifier: MIT
// The bodies of Subscriptions. See subscriptions.hpp.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "sse/detail/base/name_hash.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/hub/subscriptions.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL void TopicSet::add(Connection* owner, Topics& topics, const HashedName& name) {
  Topic* topic = topics.find(name);
  if (topic && contains(*topic)) return;
  const std::size_t slot = list_.size();
  if (slot == list_.capacity()) list_.reserve(std::max<std::size_t>(2 * slot, 1));
  constexpr std::size_t short_list = 16;
  if (slot >= short_list && 2 * (slot + 1) > table_.size()) grow_table();
  if (!topic) {
    topic = new Topic(name);
    topics.insert(*topic);
  }
  try {
    topic->members.push_back({owner, this, slot});
  } catch (...) {
    release(topics, *topic);
    throw;
  }
  list_.push_back({topic, topic->members.size() - 1});
  if (!table_.empty()) entry_of(slot) = static_cast<std::uint32_t>(slot + 1);
}

SSE_DECL bool TopicSet::remove(Topics& topics, const HashedName& name) noexcept {
  const Topic* const topic = topics.find(name);
  const std::size_t slot = topic ? find(*topic) : nowhere;
  if (slot == nowhere) return false;
  leave(topics, slot);
  return true;
}

SSE_DECL bool TopicSet::remove_some(Topics& topics, std::size_t most) noexcept {
  for (; most > 0 && !list_.empty(); --most) leave(topics, list_.size() - 1);
  return !list_.empty();
}

SSE_DECL bool TopicSet::is_unique() const noexcept {
  return std::any_of(list_.begin(), list_.end(),
                     [](const Subscription& one) { return one.topic->members.size() == 1; });
}

SSE_DECL std::size_t TopicSet::find(const Topic& topic) const noexcept {
  if (table_.empty()) {
    for (std::size_t slot = 0; slot < list_.size(); ++slot)
      if (list_[slot].topic == &topic) return slot;
    return nowhere;
  }
  for (std::size_t at = home(topic);; at = (at + 1) & (table_.size() - 1)) {
    if (table_[at] == 0) return nowhere;
    if (const std::size_t slot = table_[at] - 1; list_[slot].topic == &topic) return slot;
  }
}

SSE_DECL void TopicSet::leave(Topics& topics, std::size_t slot) noexcept {
  Topic& topic = *list_[slot].topic;
  const std::size_t index = list_[slot].index, last = list_.size() - 1;
  if (!table_.empty()) erase_entry(slot);
  if (slot != last) {
    if (!table_.empty()) entry_of(last) = static_cast<std::uint32_t>(slot + 1);
    list_[slot] = list_[last];
    list_[slot].topic->members[list_[slot].index].slot = slot;
  }
  list_.pop_back();
  if (list_.empty()) table_ = {};
  topic.members[index] = topic.members.back();
  topic.members.pop_back();
  if (index < topic.members.size()) {
    const Topic::Member& moved = topic.members[index];
    moved.set->list_[moved.slot].index = index;
  }
  release(topics, topic);
}

SSE_DECL void TopicSet::release(Topics& topics, Topic& topic) noexcept {
  if (!topic.members.empty()) return;
  topics.erase(topic);
  delete &topic;
}

SSE_DECL std::size_t TopicSet::home(const Topic& topic) const noexcept {
  const std::uint64_t address = reinterpret_cast<std::uintptr_t>(&topic);
  return static_cast<std::size_t>(address * 0x9e3779b97f4a7c15 >> 32) & (table_.size() - 1);
}

/// The slot's place in the table, or the free one where it belongs.
SSE_DECL std::uint32_t& TopicSet::entry_of(std::size_t slot) noexcept {
  std::size_t at = home(*list_[slot].topic);
  while (table_[at] != 0 && table_[at] != slot + 1) at = (at + 1) & (table_.size() - 1);
  return table_[at];
}

/// A new table of twice the size, at least half of which is free.
SSE_DECL void TopicSet::grow_table() {
  std::size_t size = std::max<std::size_t>(2 * table_.size(), 64);
  std::vector<std::uint32_t> larger(size);
  table_.swap(larger);
  for (std::size_t slot = 0; slot < list_.size(); ++slot) entry_of(slot) = static_cast<std::uint32_t>(slot + 1);
}

/// Frees the slot's place, and moves the entries behind it that would not be found any more.
SSE_DECL void TopicSet::erase_entry(std::size_t slot) noexcept {
  const std::size_t mask = table_.size() - 1;
  auto hole = static_cast<std::size_t>(&entry_of(slot) - table_.data());
  for (std::size_t at = (hole + 1) & mask; table_[at] != 0; at = (at + 1) & mask) {
    const std::size_t from = home(*list_[table_[at] - 1].topic);
    if (((at - from) & mask) < ((at - hole) & mask)) continue;
    table_[hole] = table_[at];
    hole = at;
  }
  table_[hole] = 0;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
