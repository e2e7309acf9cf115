// SPDX-License-Identifier: MIT
// The bodies of ReplayFilter. See replay_filter.hpp.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/history/history.hpp"
#include "sse/detail/hub/replay_filter.hpp"
#include "sse/detail/hub/subscriptions.hpp"
#include "sse/event.hpp"
#include "sse/options.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL ReplayFilter::ReplayFilter(const ConnectionOptions& settings, const History& history)
    : settings_(settings), history_(history), topics_(settings.topics.begin(), settings.topics.end()) {
  std::sort(topics_.begin(), topics_.end());
}

SSE_DECL void ReplayFilter::ask(std::uint64_t next, std::uint64_t last) {
  for (std::uint64_t n = next + wanted_.size(); n <= last; n = next + wanted_.size()) {
    const Event event = history_.from(n);
    if (event.empty()) return;  // the history is empty: this process is the child of a fork
    const std::uint64_t found = std::min(EventFactory::sequence(event), last + 1);
    wanted_.resize(static_cast<std::size_t>(found - next), true);  // events that are gone meanwhile count as wanted
    if (found > last) return;
    wanted_.push_back(wants(event));
  }
}

SSE_DECL bool ReplayFilter::wants(const Event& event) const noexcept {
  const bool of_topic =
      topics_.empty() || event.topic().empty() || std::binary_search(topics_.begin(), topics_.end(), event.topic());
  return of_topic && (!settings_.filter || Filter::ask(settings_.filter, event));
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
