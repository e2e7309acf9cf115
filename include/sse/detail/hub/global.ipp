// SPDX-License-Identifier: MIT
// The bodies of global.hpp: the process's manager and the mutex that guards it.

#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/event_manager.hpp"
#include "sse/global.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

struct GlobalManager {
  std::mutex mutex;
  std::shared_ptr<EventManager> manager;  ///< Guarded by mutex.
};

// Never destroyed, so that a thread or a static destructor may still emit while the process ends.
SSE_DECL GlobalManager& global_manager() {
  static GlobalManager& global = *new GlobalManager;
  return global;
}

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

SSE_DECL std::shared_ptr<EventManager> get_sse_manager() {
  detail::GlobalManager& global = detail::global_manager();
  const std::lock_guard lock(global.mutex);
  if (!global.manager) global.manager = std::make_shared<EventManager>();
  return global.manager;
}

SSE_DECL void cleanup_sse_manager() {
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
