// SPDX-License-Identifier: MIT
// Applies a returning client's topics and filter to the events of the history. No lock is held while the filter runs.

#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/history/history.hpp"
#include "sse/event.hpp"
#include "sse/options.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Selects the events of the history that one connection wants. Used by the thread that adds it. Refers to its options,
/// which must outlive it.
class ReplayFilter {
 public:
  ReplayFilter(const ConnectionOptions& settings, const History& history);

  /// False: the connection wants every event.
  bool asks() const noexcept { return !topics_.empty() || settings_.filter; }
  /// Applies topics and filter to the events from `next` to `last` that it has not seen before. `next` must be the same
  /// in every call.
  void ask(std::uint64_t next, std::uint64_t last);
  /// Takes the results: a bit for each event from `next`.
  std::vector<bool> take() noexcept { return std::move(wanted_); }

 private:
  bool wants(const Event& event) const noexcept;

  const ConnectionOptions& settings_;
  const History& history_;
  std::vector<std::string_view> topics_;  ///< Sorted.
  std::vector<bool> wanted_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/hub/replay_filter.ipp"
#endif
