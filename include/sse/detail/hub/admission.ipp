// SPDX-License-Identifier: MIT
// The bodies of Admission. See admission.hpp.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "sse/detail/base/mutex.hpp"
#include "sse/detail/base/name_hash.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/spin_mutex.hpp"
#include "sse/detail/hub/admission.hpp"
#include "sse/options.hpp"
#include "sse/reason.hpp"
#include "sse/stats.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL std::size_t KeyCounts::count(std::string_view key) const noexcept {
  const HashedName name(key);
  const MutexLock lock(mutex_);
  const Key* const found = keys_.find(name);
  return found ? found->connections : 0;
}

SSE_DECL bool KeyCounts::enter(std::string_view key, std::size_t most) {
  const HashedName name(key);
  const MutexLock lock(mutex_);
  Key* found = keys_.find(name);
  if (!found) keys_.insert(*(found = new Key(name)));
  if (found->connections >= most) return false;
  ++found->connections;
  return true;
}

SSE_DECL void KeyCounts::leave(std::string_view key) noexcept {
  const HashedName name(key);
  const MutexLock lock(mutex_);
  Key* const found = keys_.find(name);
  if (--found->connections != 0) return;
  keys_.erase(*found);
  delete found;
}

SSE_DECL void Admission::check_place(const Inherited& inherited, std::size_t taken) const {
  if (draining_.load()) throw Refused(RefusalReason::draining, "sse: the manager is being drained");
  if (!inherited.place && options_.max_connections != 0 && taken >= options_.max_connections)
    throw Refused(RefusalReason::max_connections,
                  "sse: Options::max_connections, " + std::to_string(options_.max_connections) + ", is reached");
}

SSE_DECL void Admission::refuse_key() const {
  throw Refused(
      RefusalReason::max_connections_per_key,
      "sse: Options::max_connections_per_key, " + std::to_string(options_.max_connections_per_key) + ", is reached");
}

SSE_DECL void Admission::check_room(std::string_view key, const Inherited& inherited) const {
  check_place(inherited, connections());
  if (counts_key(key, inherited) && keys_.count(key) >= options_.max_connections_per_key) refuse_key();
}

SSE_DECL void Admission::enter(std::string_view key, const Inherited& inherited) {
  std::size_t now = connections();
  do {
    check_place(inherited, now);
  } while (!inherited.place && !connections_.compare_exchange_weak(now, now + 1));
  if (!counts_key(key, inherited)) return;
  try {
    if (!keys_.enter(key, options_.max_connections_per_key)) refuse_key();
  } catch (...) {
    if (!inherited.place) connections_.fetch_sub(1);
    throw;
  }
}

SSE_DECL void Admission::leave(std::string_view key, const Inherited& inherited) noexcept {
  if (!inherited.place) connections_.fetch_sub(1);
  if (counts_key(key, inherited)) keys_.leave(key);
}

SSE_DECL Tally<RefusalReason> Admission::refused() const noexcept {
  Tally<RefusalReason> tally;
  for (std::size_t i = 0; i < refused_.size(); ++i)
    tally[static_cast<RefusalReason>(i)] = refused_[i].load(std::memory_order_relaxed);
  return tally;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
