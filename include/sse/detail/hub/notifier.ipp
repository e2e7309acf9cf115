// SPDX-License-Identifier: MIT
// The bodies of Notifier. See notifier.hpp.

#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/mutex.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/spin_mutex.hpp"
#include "sse/detail/hub/connection.hpp"
#include "sse/detail/hub/notifier.hpp"
#include "sse/log_state.hpp"
#include "sse/observer.hpp"
#include "sse/options.hpp"
#include "sse/reason.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL void Notifier::set_observer(Observer observer) {
  IntrusivePtr<SharedObserver> shared(new SharedObserver(std::move(observer)));
  const MutexLock lock(mutex_);
  watches_overflow_ = shared->overflow != nullptr;
  watches_loss_ = shared->loss != nullptr;
  std::swap(observer_, shared);
}

template <class Function, class Call>
void Notifier::with(Function Observer::*function, Call&& call) const noexcept {
  IntrusivePtr<SharedObserver> current;
  {
    const MutexLock lock(mutex_);
    current = observer_;
  }
  if (!current || !((*current).*function)) return;
  try {
    call((*current).*function);
  } catch (...) {  // ignored, see the class
  }
}

SSE_DECL void Notifier::added(const Connection& connection) const noexcept {
  with(&Observer::connection_added, [&](const auto& call) { call(locked_row(connection)); });
}

SSE_DECL void Notifier::removed(const Connection& connection, std::string_view reason) const noexcept {
  with(&Observer::connection_removed, [&](const auto& call) { call(locked_row(connection), reason); });
}

SSE_DECL void Notifier::removed(const Rows& rows, std::string_view reason) const noexcept {
  for (const ConnectionRow& row : rows)
    with(&Observer::connection_removed, [&](const auto& call) { call(row, reason); });
}

SSE_DECL void Notifier::refused(const ConnectionOptions& connection, RefusalReason reason) const {
  with(&Observer::connection_refused, [&](const auto& call) {
    ConnectionRow row;
    row.connection_id = connection.connection_id;
    row.request_id = connection.request_id;
    row.limit_key = connection.limit_key;
    call(row, reason);
  });
}

SSE_DECL void Notifier::overflow(const Connection& connection) const noexcept {
  with(&Observer::overflow, [&](const auto& call) { call(locked_row(connection)); });
}

SSE_DECL void Notifier::overflow(const Rows& rows) const noexcept {
  for (const ConnectionRow& row : rows) with(&Observer::overflow, [&](const auto& call) { call(row); });
}

SSE_DECL void Notifier::lost(const Connection& connection, const std::vector<LostEvents>& lost) const noexcept {
  for (const LostEvents& events : lost)
    with(&Observer::loss, [&](const auto& call) { call(locked_row(connection), events); });
}

SSE_DECL void Notifier::format_failure(std::string_view type, std::string_view what) const noexcept {
  with(&Observer::format_failure, [&](const auto& call) { call(type, what); });
}

SSE_DECL void Notifier::log_state(LogState state, std::string_view what) const noexcept {
  with(&Observer::log_state, [&](const auto& call) { call(state, what); });
}

SSE_DECL ConnectionRow Notifier::row(const Connection& connection) {
  connection.assert_locked();
  ConnectionRow row;
  row.connection_id = connection.connection_id;
  row.request_id = connection.request_id();
  row.limit_key = connection.limit_key();
  row.queued = connection.queued();
  row.dropped = connection.dropped();
  row.ended = connection.ended();
  return row;
}

SSE_DECL ConnectionRow Notifier::locked_row(const Connection& connection) {
  const SpinLock lock(connection.shard->mutex);
  return row(connection);
}

SSE_DECL void Notifier::add_row(Rows& rows, const Connection& connection, std::optional<EndReason> ended) noexcept {
  try {
    rows.push_back(row(connection));
    rows.back().ended = ended;
  } catch (...) {  // left out, see the class
  }
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
