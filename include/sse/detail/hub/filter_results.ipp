// SPDX-License-Identifier: MIT
// The bodies of FilterResults. See filter_results.hpp.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/name_hash.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/spin_mutex.hpp"
#include "sse/detail/hub/audience.hpp"
#include "sse/detail/hub/connection.hpp"
#include "sse/detail/hub/filter.hpp"
#include "sse/detail/hub/filter_results.hpp"
#include "sse/detail/hub/shard.hpp"
#include "sse/detail/hub/subscriptions.hpp"
#include "sse/event.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL void FilterResults::ask(ShardMap& shards, const Event& event, const HashedName& topic) {
  const Parts all_before = std::move(parts_);
  for (Shard& shard : shards) parts_[shard.number] = find_wanting(shard, topic, shared_);
  for (std::size_t number = 0; number < parts_.size(); ++number) {
    Part& part = parts_[number];
    const Part& before = all_before[number];
    for (std::size_t i = 0; i < part.results.size(); ++i) {
      Result& result = part.results[i];
      if (result == Result::unwanted) continue;
      Filter& filter = *part.list->filters[i];
      if (filter.is_shared()) {
        add(shared_, filter);
        continue;
      }
      if (before.list) result = std::max(result, result_of(before, filter, i));
      if (result == Result::wanted) result = filter.accepts(event) ? Result::accepted : Result::refused;
    }
  }
  if (shared_.empty()) return;
  const auto address = [](const Shared& one) { return reinterpret_cast<std::uintptr_t>(one.filter.get()); };
  std::sort(shared_.begin(), shared_.end(), [&](const Shared& one, const Shared& other) {
    return address(one) != address(other) ? address(one) < address(other) : one.result > other.result;
  });
  const auto is_same = [&](const Shared& one, const Shared& other) { return address(one) == address(other); };
  shared_.erase(std::unique(shared_.begin(), shared_.end(), is_same), shared_.end());
  for (Shared& one : shared_)
    if (one.result == Result::wanted) one.result = one.filter->accepts(event) ? Result::accepted : Result::refused;
}

SSE_DECL FilterResults::Part FilterResults::find_wanting(Shard& shard, const HashedName& topic,
                                                         std::vector<Shared>& shared) {
  Part part;
  const auto want = [&](const Audience& audience) {
    if (Filter* const filter = audience.filter()) add(shared, *filter);
  };
  const SpinLock lock(shard.mutex);
  if (!shard.filtered.empty()) {
    if (!shard.filter_list) {
      const IntrusivePtr<FilterList> made(new FilterList);
      made->filters.reserve(shard.filtered.size());
      for (const Connection* connection : shard.filtered) {
        connection->assert_locked();
        made->filters.push_back(connection->subscriptions()->filter);
      }
      shard.filter_list = made;
    }
    part.list = shard.filter_list;
    part.results.resize(part.list->filters.size(), topic.text.empty() ? Result::wanted : Result::unwanted);
  }
  if (!part.list && !shard.audiences.has_filters()) return part;
  for (const Audience* one = shard.audiences.first_wide(); one; one = Audiences::next(*one)) want(*one);
  if (topic.text.empty()) {
    for (const Audience* one = shard.audiences.first(); one; one = Audiences::next(*one)) want(*one);
    return part;
  }
  const auto want_one = [&](const Connection& connection) {
    connection.assert_locked();
    const std::size_t index = connection.subscriptions()->filtered_index;
    if (index != Subscriptions::nowhere) part.results[index] = Result::wanted;
  };
  for (const Connection* connection : shard.wide) want_one(*connection);
  if (const Topic* const subscribed = shard.topics.find(topic))
    for (const Topic::Member& member : subscribed->members)
      member.connection ? want_one(*member.connection) : want(static_cast<const Audience&>(*member.set));
  return part;
}

SSE_DECL void FilterResults::add(std::vector<Shared>& shared, Filter& filter) {
  if (shared.empty() || shared.back().filter.get() != &filter) shared.push_back({IntrusivePtr<Filter>(&filter)});
}

/// `index`: where it was in the list, unless other connections have left since.
SSE_DECL FilterResults::Result FilterResults::result_of(const Part& part, const Filter& filter,
                                                        std::size_t index) noexcept {
  if (!part.list) return Result::unwanted;
  const auto& filters = part.list->filters;
  if (index < filters.size() && filters[index].get() == &filter) return part.results[index];
  for (std::size_t i = 0; i < filters.size(); ++i)
    if (filters[i].get() == &filter) return part.results[i];
  return Result::unwanted;
}

SSE_DECL bool FilterResults::accepts(const Shard& shard, const Filter& filter, std::size_t index) const noexcept {
  if (filter.is_shared()) return accepts(filter);
  return result_of(parts_[shard.number], filter, index) == Result::accepted;
}

SSE_DECL bool FilterResults::accepts(const Filter& shared) const noexcept {
  const auto found = std::lower_bound(
      shared_.begin(), shared_.end(), &shared,
      [](const Shared& one, const Filter* filter) { return std::less<const Filter*>()(one.filter.get(), filter); });
  return found != shared_.end() && found->filter.get() == &shared && found->result == Result::accepted;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
