// SPDX-License-Identifier: MIT
// The manager of the whole process, for programs that need only one. It is made on first use.

#pragma once

#include <concepts>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/json_text.hpp"
#include "sse/event_manager.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// The process's manager, made on first use with the default Options. There is one, however many files include this.
/// Thread-safe.
std::shared_ptr<EventManager> get_sse_manager();

/// Calls `get_sse_manager()->emit_event(type, data)` and never throws: a failure is reported to the manager's observer.
/// Thread-safe.
template <std::derived_from<nlohmann::json> Json = nlohmann::json>
void emit_sse_event(std::string_view type, const Json& data) noexcept {
  try {
    get_sse_manager()->emit_event(type, data);
  } catch (...) {  // the observer was called
  }
}
/// The same for any type that nlohmann::json converts from, by a `to_json` that may throw.
template <detail::ConvertsToJson Data>
void emit_sse_event(std::string_view type, const Data& data) noexcept {
  try {
    get_sse_manager()->emit_event(type, data);
  } catch (...) {  // the observer was called
  }
}

/// Disconnects every connection of the process's manager and releases it; the next `get_sse_manager` makes a new one.
/// Thread-safe.
void cleanup_sse_manager();

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/hub/global.ipp"
#endif
