// SPDX-License-Identifier: MIT
// One connection's events, for the coroutine or thread that reads them. EventManager::add_connection makes it.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/async/wait_operation.hpp"
#include "sse/detail/frame/batch.hpp"
#include "sse/detail/hub/connection.hpp"
#include "sse/event.hpp"
#include "sse/reason.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

template <class Writer, class Stream>
class EventWriter;

class Session;

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

/// One connection's events, as an awaitable generator. Move-only; its destruction removes the connection from its
/// manager. A stream may outlive its manager: it ends. A moved-from stream can only be destroyed or assigned to.
///
/// Thread safety: one thread or strand at a time; the manager's pushes come from any thread. One wait at a time.
class EventStream {
 public:
  EventStream(EventStream&&) noexcept = default;
  EventStream& operator=(EventStream&& other) noexcept {
    EventStream old(std::move(other));
    std::swap(connection_, old.connection_);
    return *this;
  }
  ~EventStream() {
    if (connection_) connection_->close(EndReason::closed, "stream destroyed", asio::error::operation_aborted);
  }

  /// The generator's step: the next event, as soon as there is one; nullopt: the stream has ended.
  ///
  /// Errors, as sse::system_error: `asio::error::operation_aborted` when it is cancelled or the stream is destroyed
  /// meanwhile, `asio::error::already_started` when a wait is pending. Cancellation: terminal, partial and total; a
  /// cancelled step takes no event.
  template <class Executor = asio::any_io_executor>
  asio::awaitable<std::optional<Event>, Executor> next() {
    return step<Executor>(connection_);
  }

  /// Waits until an event waits or the stream has ended, and consumes nothing.
  ///
  /// Completion signature: `void(error_code)`; posted to the handler's associated executor (none:
  /// `asio::system_executor`), never run inside this call or `emit_event`. Errors: `already_started` when a wait is
  /// pending, `operation_aborted` when it is cancelled or the stream is destroyed; `close()` completes it with success.
  /// Cancellation: terminal, partial and total, to be emitted on the executor where the wait was started (Asio's rule
  /// for every operation). The pending wait is work for that executor.
  template <asio::completion_token_for<void(error_code)> CompletionToken>
  auto async_wait(CompletionToken&& token) {
    return asio::async_initiate<CompletionToken, void(error_code)>(
        detail::InitiateWait<detail::Connection>(connection_), token);
  }

  /// The next event at once; nullopt: nothing waits.
  [[nodiscard]] std::optional<Event> try_next() {
    Event event = take_one(*connection_);
    return event.empty() ? std::nullopt : std::optional<Event>(std::move(event));
  }

  /// Appends what waits, notices included, at most `max` events, and returns how many.
  std::size_t drain(std::vector<Event>& events, std::size_t max) {
    return take_from(*connection_, [&](detail::Connection& connection) {
      std::size_t count = std::min(max, connection.shared());
      if (count != 0) {
        if (const std::size_t needed = events.size() + count; needed > events.capacity())
          events.reserve(std::max(needed, 2 * events.capacity()));
        connection.take_shared(count, [&](const Event& event) { events.push_back(event); });
      }
      for (; count < max && connection.something_waits(); ++count) {
        events.emplace_back();  // before the event leaves the queue: running out of memory loses nothing
        try {
          events.back() = connection.take();
        } catch (...) {
          events.pop_back();
          throw;
        }
        if (events.back().empty()) {  // the history has let go of the rest
          events.pop_back();
          break;
        }
      }
      return count;
    });
  }

  /// The stream has ended, and all of it has been read.
  [[nodiscard]] bool done() const { return is_done(*connection_); }

  /// ConnectionOptions::connection_id, or the UUID in its place.
  const std::string& connection_id() const noexcept { return connection_->connection_id; }
  /// ConnectionOptions::request_id.
  const std::string& request_id() const noexcept { return connection_->request_id(); }

  /// Events lost so far, all gaps together.
  std::size_t dropped() const {
    const std::lock_guard lock(connection_->shard->mutex);
    return connection_->dropped();
  }

  /// Ends the stream at once: what waits is discarded, without `disconnect`. `reason` is for the manager's observer.
  void close(std::string_view reason = "stream closed") { close(EndReason::closed, reason); }

 private:
  friend class EventManager;
  friend class detail::Session;
  template <class Writer, class Stream>
  friend class detail::EventWriter;
  explicit EventStream(std::shared_ptr<detail::Connection> connection) noexcept : connection_(std::move(connection)) {}

  void close(EndReason why, std::string_view reason) { connection_->close(why, reason, {}); }
  bool expires() const noexcept { return connection_->expires(); }
  bool has_clock() const noexcept { return connection_->shard->options->clock != nullptr; }
  /// False: its time is not up.
  bool end_if_expired() const { return end_if_expired(*connection_); }
  static bool end_if_expired(const detail::Connection& connection) {
    if (!connection.expires() || connection.time_left().count() != 0) return false;
    connection.shard->on_expired(connection);
    return true;
  }
  std::chrono::system_clock::duration time_left() const { return connection_->time_left(); }
  bool lets_finish() const noexcept { return connection_->let_finish; }
  bool is_cut() const noexcept { return connection_->shard->cut.load(); }

  template <class Take>
  static std::invoke_result_t<Take&, detail::Connection&> take_from(detail::Connection& connection, Take&& take) {
    end_if_expired(connection);
    std::unique_lock lock(connection.shard->mutex);
    auto taken = take(connection);
    const bool found_gap = std::exchange(connection.found_gap, false);
    if (!found_gap && !connection.told) return taken;
    const auto told = std::move(connection.told);
    lock.unlock();
    if (found_gap) connection.shard->on_gap(connection);
    if (told) connection.shard->on_loss(connection, *told);
    return taken;
  }
  static Event take_one(detail::Connection& connection, bool* done = nullptr) {
    return take_from(connection, [=](detail::Connection& self) {
      Event event = self.take();
      if (done && event.empty()) *done = self.finish_if_done();
      return event;
    });
  }
  static bool is_done(detail::Connection& connection) {
    const std::lock_guard lock(connection.shard->mutex);
    return connection.finish_if_done();
  }

  detail::BatchPart take_batch(Event head) {
    return take_from(*connection_,
                     [&](detail::Connection& connection) { return connection.take_batch(std::move(head)); });
  }

  // It holds the connection and not the stream, which may be destroyed while the step waits.
  template <class Executor>
  static asio::awaitable<std::optional<Event>, Executor> step(std::shared_ptr<detail::Connection> connection) {
    const asio::cancellation_state before = co_await asio::this_coro::cancellation_state;
    const auto cancelled_before = before.cancelled();  // its copies share the state
    for (;;) {
      bool done = false;
      if (Event event = take_one(*connection, &done); !event.empty()) co_return event;
      if (done) co_return std::nullopt;
      co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void(error_code)>(
          detail::InitiateWait<detail::Connection>(connection), asio::use_awaitable_t<Executor>());
      // A cancellation between the wait's success and this: whoever cancelled would throw the event away.
      const asio::cancellation_state now = co_await asio::this_coro::cancellation_state;
      if (now.cancelled() != cancelled_before)
        throw system_error(asio::error::operation_aborted, "sse::EventStream::next");
    }
  }

  std::shared_ptr<detail::Connection> connection_;
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
