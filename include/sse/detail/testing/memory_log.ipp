// SPDX-License-Identifier: MIT
// The bodies of MemoryLog. See testing_log.hpp.

#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/log/kept_event.hpp"
#include "sse/event_log.hpp"
#include "sse/testing_log.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::testing {

/// The log that the nodes share.
struct MemoryLog::Store {
  std::uint64_t tail() const { return next_n - 1; }
  std::uint64_t first() const { return next_n - events.size(); }
  /// The stamp of event `n`. Nullopt: the log does not hold it.
  std::optional<std::uint64_t> stamp_of(std::uint64_t n) const {
    if (n < first() || n > tail()) return std::nullopt;
    return events[static_cast<std::size_t>(n - first())].stamp;
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<sse::detail::KeptEvent> events;
  std::uint64_t next_n = 1, next_stamp = 1'000;
};

/// The state of one node.
struct MemoryLog::Node {
  std::optional<LogError> refusal;
  std::optional<std::uint64_t> visible;  ///< Reads give nothing after this `n`.
  bool frozen = false, hangs = false, loses_answer = false;
  std::size_t blocked = 0;       ///< Calls that block.
  std::uint64_t interrupts = 0;  ///< Calls of interrupt().
  bool interrupted = false;      ///< The next read does not wait.
  std::uint64_t last_number = 0;
  std::size_t appends = 0;
  std::optional<std::uint64_t> cursor_stamp;  ///< The stamp of the last event that was given.
  std::optional<LogPlace> held;  ///< The last event of the last `append_held`, unless it was released unread.
  bool held_is_delivered = false;

  /// The newest event that this node sees.
  std::uint64_t tail(const Store& store) const { return std::min(visible.value_or(store.tail()), store.tail()); }
  /// Waits while `condition` holds, counted as a call that blocks.
  template <class Condition>
  void block_while(Store& store, std::unique_lock<std::mutex>& lock, Condition&& condition) {
    if (!condition()) return;
    ++blocked;
    store.changed.notify_all();
    store.changed.wait(lock, [&] { return !condition(); });
    --blocked;
  }
  void begin_call(Store& store, std::unique_lock<std::mutex>& lock) {
    block_while(store, lock, [&] { return hangs; });
    if (refusal) throw LogError(*refusal);
  }
};

SSE_DECL MemoryLog::MemoryLog() : MemoryLog(std::make_shared<Store>()) {}

SSE_DECL MemoryLog::MemoryLog(std::shared_ptr<Store> store) : store_(std::move(store)), node_(new Node) {}

SSE_DECL MemoryLog::~MemoryLog() = default;

SSE_DECL std::shared_ptr<MemoryLog> MemoryLog::node() const {
  return std::shared_ptr<MemoryLog>(new MemoryLog(store_));
}

template <class Change>
void MemoryLog::change(Change&& apply) {
  const std::lock_guard lock(store_->mutex);
  apply();
  store_->changed.notify_all();
}

SSE_DECL void MemoryLog::refuse(const std::string& what, bool may_pass) {
  change([&] { node_->refusal.emplace(what, may_pass); });
}

SSE_DECL void MemoryLog::accept() {
  change([&] { node_->refusal.reset(); });
}

SSE_DECL void MemoryLog::freeze() {
  change([&] { node_->frozen = true; });
}

SSE_DECL void MemoryLog::hang() {
  change([&] { node_->hangs = true; });
}

SSE_DECL void MemoryLog::thaw() {
  change([&] { node_->frozen = node_->hangs = false; });
}

SSE_DECL void MemoryLog::lag() {
  change([&] { node_->visible = store_->tail(); });
}

SSE_DECL void MemoryLog::catch_up() {
  change([&] { node_->visible.reset(); });
}

SSE_DECL void MemoryLog::lose_next_answer() {
  change([&] { node_->loses_answer = true; });
}

SSE_DECL bool MemoryLog::wait_until_blocked(std::chrono::milliseconds patience) const {
  std::unique_lock lock(store_->mutex);
  return store_->changed.wait_for(lock, patience, [&] { return node_->blocked != 0; });
}

SSE_DECL void MemoryLog::trim(std::size_t count) {
  change([&] {
    while (store_->events.size() > count) store_->events.pop_front();
  });
}

SSE_DECL void MemoryLog::cut(std::size_t count) {
  change([&] {
    for (; count > 0 && !store_->events.empty(); --count, --store_->next_n) store_->events.pop_back();
    ++store_->next_stamp;
  });
}

SSE_DECL void MemoryLog::clear() {
  change([&] {
    store_->events.clear();
    store_->next_n = 1;
    store_->next_stamp += 1'000;
  });
}

SSE_DECL std::size_t MemoryLog::count() const {
  const std::lock_guard lock(store_->mutex);
  return store_->events.size();
}

SSE_DECL std::size_t MemoryLog::appends() const {
  const std::lock_guard lock(store_->mutex);
  return node_->appends;
}

SSE_DECL LogBegin MemoryLog::open(std::size_t history, const Take& take) {
  std::unique_lock lock(store_->mutex);
  node_->begin_call(*store_, lock);
  LogBegin begin;
  begin.tail = node_->tail(*store_);
  begin.created = store_->next_n == 1;
  for (const sse::detail::KeptEvent& event : store_->events)
    if (event.n <= begin.tail && begin.tail - event.n < history) take(event.view());
  node_->cursor_stamp = store_->stamp_of(begin.tail);
  node_->held.reset();
  return begin;
}

SSE_DECL void MemoryLog::append(std::span<const LoggedEvent> events, std::uint64_t number) {
  if (append_held(events, number)) release(false);
}

SSE_DECL std::optional<LogPlace> MemoryLog::append_held(std::span<const LoggedEvent> events, std::uint64_t number) {
  std::unique_lock lock(store_->mutex);
  Node& node = *node_;
  const std::uint64_t interrupts = node.interrupts;
  node.begin_call(*store_, lock);
  node.block_while(*store_, lock, [&] { return node.frozen && node.interrupts == interrupts; });
  if (node.frozen) throw LogError("sse::testing::MemoryLog: interrupted while it is frozen", true);
  node.begin_call(*store_, lock);
  std::optional<LogPlace> place;
  if (number > node.last_number && !events.empty()) {
    if (!node.visible && !node.loses_answer) {
      place = LogPlace{store_->next_stamp, store_->next_n};
      node.held = LogPlace{store_->next_stamp, store_->next_n + events.size() - 1};
      node.held_is_delivered = false;
    }
    for (LoggedEvent event : events) {
      event.stamp = store_->next_stamp;
      event.n = store_->next_n++;
      store_->events.emplace_back(event);
    }
    ++store_->next_stamp;
    ++node.appends;
    node.last_number = number;
    store_->changed.notify_all();
  }
  if (std::exchange(node.loses_answer, false)) throw LogError("sse::testing::MemoryLog: the answer is lost", true);
  return place;
}

SSE_DECL void MemoryLog::release(bool delivered) noexcept {
  change([&] {
    node_->held_is_delivered = delivered;
    if (!delivered) node_->held.reset();
  });
}

SSE_DECL LogRead MemoryLog::read(std::uint64_t after, std::chrono::milliseconds wait, const Take& take) {
  std::unique_lock lock(store_->mutex);
  Node& node = *node_;
  // Whoever asks for what follows a batch has delivered it, and is about to say so.
  if (node.held && node.held->n == after) node.cursor_stamp = node.held->stamp;
  const auto is_passed = [&] { return node.held && node.held_is_delivered && node.held->n > after; };
  const auto is_rewritten = [&] {
    const std::uint64_t last = is_passed() ? node.held->n : after;
    const std::optional<std::uint64_t> stamp = store_->stamp_of(last),
                                       known = is_passed() ? node.held->stamp : node.cursor_stamp;
    return last > store_->tail() || (stamp && known && *stamp != *known);
  };
  const auto has_more = [&] { return node.tail(*store_) > std::max(after, node.held ? node.held->n : 0); };
  node.begin_call(*store_, lock);
  store_->changed.wait_for(
      lock, wait, [&] { return node.refusal || node.hangs || node.interrupted || is_rewritten() || has_more(); });
  node.interrupted = false;
  node.begin_call(*store_, lock);
  LogRead read;
  read.tail = store_->tail();
  if (is_rewritten()) {
    read.lost = std::nullopt;
    return read;
  }
  if (is_passed()) {
    read.tail = node.held->n;
    return read;
  }
  const std::uint64_t last = node.tail(*store_);
  if (last <= after) return read;
  read.lost = std::max(store_->first(), after + 1) - after - 1;
  for (const sse::detail::KeptEvent& event : store_->events) {
    if (event.n <= after || event.n > last) continue;
    take(event.view());
    node.cursor_stamp = event.stamp;
  }
  return read;
}

SSE_DECL void MemoryLog::interrupt() noexcept {
  change([&] {
    ++node_->interrupts;
    node_->interrupted = true;
  });
}

}  // namespace sse::inline SSE_ABI::testing

#include "sse/detail/base/pop_options.hpp"
