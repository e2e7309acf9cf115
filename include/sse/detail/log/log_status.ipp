// SPDX-License-Identifier: MIT
// The bodies of LogStatus. See log_status.hpp.

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/log/log_status.hpp"
#include "sse/log_state.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL const LogStatus::Change& LogStatus::worse() const noexcept {
  const auto badness = [](LogState state) { return state == LogState::opening ? LogState::ready : state; };
  const Change &reading = sides_[0], &appending = sides_[1];
  return badness(appending.state) > badness(reading.state) ? appending : reading;
}

SSE_DECL void LogStatus::set(LogSide side, LogState state, std::string_view what) {
  Change& own = sides_[static_cast<std::size_t>(side)];
  if (own.state == state && own.what == what) return;
  own = {state, std::string(what)};
  if (worse().state != told_) tell();
}

SSE_DECL void LogStatus::tell(std::string_view what) {
  constexpr std::size_t most = 64;
  const Change& now = worse();
  told_ = now.state;
  if (what.empty() && !changes_.empty() && changes_.back().state == now.state) return;
  if (changes_.size() == most) changes_.pop_front();
  changes_.push_back({now.state, std::string(what.empty() ? std::string_view(now.what) : what)});
}

SSE_DECL std::optional<LogStatus::Change> LogStatus::take_change() {
  if (changes_.empty()) return std::nullopt;
  std::optional<Change> change(std::move(changes_.front()));
  changes_.pop_front();
  return change;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
