// SPDX-License-Identifier: MIT
// The bodies of event_stream.hpp and of its waits. They are in this room because they use Connection.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/async/initiate.hpp"
#include "sse/detail/async/wait_place.hpp"
#include "sse/detail/base/prefetch.hpp"
#include "sse/detail/base/spin_mutex.hpp"
#include "sse/detail/frame/batch.hpp"
#include "sse/detail/hub/connection.hpp"
#include "sse/detail/hub/hub.hpp"
#include "sse/detail/hub/notifier.hpp"
#include "sse/event.hpp"
#include "sse/event_stream.hpp"
#include "sse/reason.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL WaitCanceller::WaitCanceller(const std::shared_ptr<Connection>& connection, std::uint64_t key) noexcept
    : place_(std::shared_ptr<WaitPlace>(connection, &connection->waits)), key_(key) {}

SSE_DECL void WaitCanceller::operator()(asio::cancellation_type type) const noexcept {
  if (type == asio::cancellation_type::none) return;
  const std::uint64_t key = key_;  // the resumed coroutine may destroy *this
  if (const std::shared_ptr<WaitPlace> alive = place_.lock()) alive->cancel(key);
}

SSE_DECL asio::any_io_executor given_executor(const Connection& connection) noexcept {
  return connection.executor();
}

SSE_DECL std::uint64_t next_wait_key(Connection& connection) noexcept {
  return connection.waits.next_key();
}

SSE_DECL void start_wait(Connection& connection, Waiter* waiter, std::uint64_t key, asio::execution_context* context) {
  connection.waits.wait(waiter, key, context, [&] {
    connection.assert_locked();
    return connection.ready();
  });
}

SSE_DECL void prefetch(const Connection& connection) noexcept {
  prefetch(&connection, sizeof connection);
}

/// Ends a connection whose expires_at has passed. False: it has not.
inline bool end_if_expired(const Connection& connection) {
  if (!connection.expires() || connection.time_left().count() != 0) return false;
  connection.shard->hub->expire(connection);
  return true;
}

/// Calls `take(connection)` under the lock, and the observer after releasing it. Ends a raw stream that has come to a
/// loss.
template <class Take>
std::invoke_result_t<Take&, Connection&> take_from(Connection& connection, Take&& take) {
  end_if_expired(connection);
  SpinLock lock(connection.shard->mutex);
  auto taken = take(connection);
  const LossReport::Due due = connection.take_due();
  const bool must_end = connection.must_end();
  lock.unlock();
  if (must_end) connection.shard->hub->end_broken(connection);
  if (due.gap_found) connection.shard->notifier->overflow(connection);
  if (due.losses) connection.shard->notifier->lost(connection, *due.losses);
  return taken;
}

SSE_DECL Event take_event(Connection& connection, bool& done) {
  return take_from(connection, [&](Connection& self) {
    self.assert_locked();
    Event event = self.take();
    if (event.empty()) done = self.finish_if_done();
    return event;
  });
}

SSE_DECL Event take_awaited_event(Connection& connection, std::uint64_t key, bool& cancelled, bool& done) {
  return take_from(connection, [&](Connection& self) {
    self.assert_locked();
    cancelled = self.waits.was_cancelled(key);
    Event event = cancelled ? Event() : self.take();
    if (event.empty() && !cancelled) done = self.finish_if_done();
    return event;
  });
}

SSE_DECL bool finds_at_once(const Connection& connection) {
  if (connection.expires() && connection.time_left().count() == 0) return true;
  const SpinLock lock(connection.shard->mutex);
  connection.assert_locked();
  return connection.ready();
}

/// Appends at most `max` events and returns their number.
inline std::size_t drain_into(Connection& connection, std::vector<Event>& events, std::size_t max) {
  connection.assert_locked();
  std::size_t count = std::min(max, connection.plain());
  if (count != 0) {
    if (const std::size_t needed = events.size() + count; needed > events.capacity())
      events.reserve(std::max(needed, 2 * events.capacity()));
    connection.take_plain(count, [&](auto&& event) { events.push_back(std::forward<decltype(event)>(event)); });
  }
  for (; count < max && connection.something_waits(); ++count) {
    events.emplace_back();  // allocates before the event leaves the queue, so that bad_alloc loses nothing
    try {
      events.back() = connection.take();
    } catch (...) {
      events.pop_back();
      throw;
    }
    if (events.back().empty()) {  // the history has dropped the rest
      events.pop_back();
      break;
    }
  }
  return count;
}

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

SSE_DECL EventStream& EventStream::operator=(EventStream&& other) noexcept {
  EventStream old(std::move(other));
  std::swap(connection_, old.connection_);
  return *this;
}

SSE_DECL EventStream::~EventStream() {
  if (connection_) connection_->close(EndReason::closed, "stream destroyed", asio::error::operation_aborted);
}

SSE_DECL std::optional<Event> EventStream::try_next() {
  Event event = detail::take_from(*connection_, [](detail::Connection& connection) {
    connection.assert_locked();
    return connection.take();
  });
  return event.empty() ? std::nullopt : std::optional<Event>(std::move(event));
}

SSE_DECL std::size_t EventStream::drain(std::vector<Event>& events, std::size_t max) {
  return detail::take_from(*connection_,
                           [&](detail::Connection& connection) { return detail::drain_into(connection, events, max); });
}

SSE_DECL bool EventStream::done() const {
  const detail::SpinLock lock(connection_->shard->mutex);
  return connection_->finish_if_done();
}

SSE_DECL const std::string& EventStream::connection_id() const noexcept {
  return connection_->connection_id;
}

SSE_DECL const std::string& EventStream::request_id() const noexcept {
  return connection_->request_id();
}

SSE_DECL std::size_t EventStream::dropped() const {
  const detail::SpinLock lock(connection_->shard->mutex);
  return connection_->dropped();
}

SSE_DECL void EventStream::close(std::string_view reason) {
  close(EndReason::closed, reason);
}

SSE_DECL detail::BatchPart EventStream::take_batch(Event head) {
  return detail::take_from(*connection_, [&](detail::Connection& connection) {
    connection.assert_locked();
    return connection.take_batch(std::move(head));
  });
}

SSE_DECL std::string EventStream::moved_place() const {
  return connection_->shard->hub->moved_place(*connection_);
}

SSE_DECL void EventStream::close(EndReason why, std::string_view reason) {
  connection_->close(why, reason, {});
}

SSE_DECL bool EventStream::expires() const noexcept {
  return connection_->expires();
}

SSE_DECL bool EventStream::has_clock() const noexcept {
  return connection_->shard->options->clock != nullptr;
}

SSE_DECL bool EventStream::end_if_expired() const {
  return detail::end_if_expired(*connection_);
}

SSE_DECL std::chrono::system_clock::duration EventStream::time_left() const {
  return connection_->time_left();
}

SSE_DECL bool EventStream::lets_finish() const noexcept {
  return connection_->lets_finish();
}

SSE_DECL bool EventStream::is_cut() const noexcept {
  return connection_->shard->cut.load();
}

#if !defined(SSE_HEADER_ONLY)
template asio::awaitable<std::optional<Event>> EventStream::next_of(const std::shared_ptr<detail::Connection>&);
#endif

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
