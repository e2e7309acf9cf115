// SPDX-License-Identifier: MIT
// The bodies of Audiences. See audience.hpp.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "sse/detail/base/name_hash.hpp"
#include "sse/detail/base/owned.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/hub/audience.hpp"
#include "sse/detail/hub/subscriptions.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL Audience& Audiences::get(std::size_t max_queue_size, const TopicSet* wanted, Filter* filter, Topics& topics,
                                  std::uint64_t sequence) {
  Audience::Key key;
  key.reserve((wanted ? wanted->size() : 0) + 2);
  key.push_back(max_queue_size);
  key.push_back(reinterpret_cast<std::uintptr_t>(filter) | (wanted ? 0 : Audience::wide));
  if (wanted) wanted->for_each([&](const Topic& topic) { key.push_back(reinterpret_cast<std::uintptr_t>(&topic)); });
  std::sort(key.begin() + 2, key.end());
  const HashedName name(Audience::name_of(key));
  if (Audience* const found = by_topics_.find(name)) return *found;
  Owned<Audience> made(new Audience(sequence, std::move(key), name.hash));
  try {
    if (wanted)
      wanted->for_each(
          [&](const Topic& topic) { made->add(nullptr, topics, HashedName(topic.name(), topic.name_hash())); });
  } catch (...) {
    made->remove_some(topics, Audience::max_topics);
    throw;
  }
  Audience& audience = *made.release();
  by_topics_.insert(audience);
  (wanted ? list_ : wide_).insert(audience);
  if (filter) ++filtered_;
  return audience;
}

SSE_DECL void Audiences::release(Audience& audience, Topics& topics) noexcept {
  if (audience.readers() != 0) return;
  if (audience.filter()) --filtered_;
  by_topics_.erase(audience);
  IntrusiveList<Backlog>::erase(audience);
  audience.remove_some(topics, Audience::max_topics);
  delete &audience;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
