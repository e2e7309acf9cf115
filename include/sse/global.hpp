// SPDX-License-Identifier: MIT
// The manager of the whole process, for programs that need only one. It is made on first use.

#pragma once

#include <concepts>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

#include "sse/event_manager.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

namespace detail {

struct GlobalManager {
  std::mutex mutex;
  std::shared_ptr<EventManager> manager;
};

// Never destroyed, so that a thread or a static destructor that emits while the process ends finds it.
inline GlobalManager& global_manager() {
  static GlobalManager& global = *new GlobalManager;
  return global;
}

}  // namespace detail

/// The process's manager, made on first use with the default Options; one, however many files include this.
/// Thread-safe.
inline std::shared_ptr<EventManager> get_sse_manager() {
  detail::GlobalManager& global = detail::global_manager();
  const std::lock_guard lock(global.mutex);
  if (!global.manager) global.manager = std::make_shared<EventManager>();
  return global.manager;
}

/// `get_sse_manager()->emit_event(type, data)` that never throws: what fails is told to the manager's observer.
/// Thread-safe.
template <std::derived_from<nlohmann::json> Json = nlohmann::json>
void emit_sse_event(std::string_view type, const Json& data) noexcept {
  try {
    get_sse_manager()->emit_event(type, data);
  } catch (...) {  // the observer has been told
  }
}
/// The same for any type that nlohmann::json converts from, by a `to_json` that may throw.
template <detail::ConvertsToJson Data>
void emit_sse_event(std::string_view type, const Data& data) noexcept {
  try {
    get_sse_manager()->emit_event(type, data);
  } catch (...) {  // the observer has been told
  }
}

/// Disconnects all of the process's manager and lets go of it; the next `get_sse_manager` makes a new one. Thread-safe.
inline void cleanup_sse_manager() {
  std::shared_ptr<EventManager> manager;
  {
    detail::GlobalManager& global = detail::global_manager();
    const std::lock_guard lock(global.mutex);
    manager = std::exchange(global.manager, nullptr);
  }
  if (manager) manager->disconnect_all("The event manager was cleaned up");
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
