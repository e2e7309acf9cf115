// SPDX-License-Identifier: MIT
// The bodies of EventLog. Its constructor makes the threads that work with a log known to the hub.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/log/log_driver.hpp"
#include "sse/detail/log/log_runner.hpp"
#include "sse/event_log.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

SSE_DECL EventLog::EventLog() noexcept {
  detail::start_log.store(&detail::start_log_runner);
}

SSE_DECL std::optional<LogPlace> EventLog::append_held(std::span<const LoggedEvent> events, std::uint64_t number) {
  append(events, number);
  return std::nullopt;
}

SSE_DECL void EventLog::release(bool) noexcept {}

SSE_DECL LogSize EventLog::size() const noexcept {
  return {};
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
