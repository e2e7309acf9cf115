// SPDX-License-Identifier: MIT
// The state of a log, made of those of its two threads, and the changes that the observer has not been told of.

#pragma once

#include <array>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/log_state.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The thread of a LogRunner that a state is of.
enum class LogSide { reading, appending };

/// The state of a log. The worse one of its threads' counts. Guarded by the runner's mutex.
class LogStatus {
 public:
  struct Change {
    LogState state;
    std::string what;
  };

  LogState state() const noexcept { return worse().state; }
  LogState state_of(LogSide side) const noexcept { return sides_[static_cast<std::size_t>(side)].state; }

  /// Sets one thread's state. If the log's state is another one now, that is to be told.
  void set(LogSide side, LogState state, std::string_view what);
  /// Tells the present state, with `what`, or with the reason that it has.
  void tell(std::string_view what = {});

  bool has_change() const noexcept { return !changes_.empty(); }
  /// Takes the oldest change that is to be told. Nullopt: there is none.
  std::optional<Change> take_change();

 private:
  const Change& worse() const noexcept;

  std::array<Change, 2> sides_{Change{LogState::opening, {}}, Change{LogState::ready, {}}};
  std::deque<Change> changes_;
  LogState told_ = LogState::opening;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/log/log_status.ipp"
#endif
