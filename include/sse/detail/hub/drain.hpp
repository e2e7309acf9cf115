// SPDX-License-Identifier: MIT
// Ends the connections of a manager over a time, and waits until their readers have seen the end, or for the log. It
// implements EventManager::drain and EventManager::flush.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/base/jitter.hpp"
#include "sse/detail/base/separate_compilation.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class Hub;

/// The calls of the hub that a drain makes, so that its coroutine, a template, does not need the type Hub.
class Drain {
 public:
  /// From now on the hub refuses new connections.
  explicit Drain(std::shared_ptr<Hub> hub) noexcept;

  /// The ids of the connections to end: all but those with ConnectionOptions::let_finish.
  std::vector<std::string> connections() const;
  void end(const std::string& connection_id, const std::string& reason, std::chrono::milliseconds spread) const;
  /// The number of streams whose readers have not seen the end.
  std::size_t unfinished() const noexcept;
  /// Ends every stream at once and discards its queued events.
  void cut(const std::string& reason) const;

 private:
  const std::shared_ptr<Hub> hub_;  ///< Immutable.
};

/// The events of a hub that were emitted before this object was made. Without a log all of them are delivered.
class LogFlush {
 public:
  explicit LogFlush(std::shared_ptr<Hub> hub);
  /// The number of events that are not in the log and delivered.
  std::size_t left() const;

 private:
  const std::shared_ptr<Hub> hub_;  ///< Immutable.
  const std::uint64_t last_;        ///< Immutable. The place of the last event.
};

/// The `retry:` of a client that is disconnected because the service stops: about the usual one (unset: a browser's 3
/// s), plus a random part of the time over which the clients are disconnected.
inline std::chrono::milliseconds retry_of_drained(std::optional<std::chrono::milliseconds> usual,
                                                  std::chrono::milliseconds spread) {
  return jittered(usual.value_or(std::chrono::seconds(3))) + jittered(spread) / 2;
}

/// Calls `end(item)` for each item, evenly over `spread`, and at least 100 times a second, so that few items do not
/// take long.
template <class Executor, class Item, class End>
asio::awaitable<void, Executor> end_each(std::vector<Item> items, std::chrono::milliseconds spread, End& end) {
  using Clock = std::chrono::steady_clock;
  const auto count = static_cast<Clock::rep>(items.size());
  const Clock::duration step =
      std::min<Clock::duration>(within_a_year(spread) / std::max<Clock::rep>(count, 1), std::chrono::milliseconds(10));
  const Clock::time_point start = Clock::now();
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (Clock::rep i = 0; i < count; ++i) {
    if (const auto due = start + step * i; due > Clock::now()) {
      timer.expires_at(due);
      co_await timer.async_wait(asio::use_awaitable_t<Executor>());
    }
    const Item item = std::move(items[static_cast<std::size_t>(i)]);  // `item` may hold the last reference
    end(item);
  }
}

/// EventManager::flush.
template <class Executor>
asio::awaitable<std::size_t, Executor> flush(LogFlush events, std::chrono::milliseconds timeout) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point last = Clock::now() + within_a_year(timeout);
  std::size_t left = events.left();
  if (left == 0) co_return 0;
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (std::chrono::milliseconds step(1); left != 0 && Clock::now() < last; left = events.left()) {
    timer.expires_after(std::min<Clock::duration>(last - Clock::now(), step));
    co_await timer.async_wait(asio::use_awaitable_t<Executor>());
    step = std::min(2 * step, std::chrono::milliseconds(10));
  }
  co_return left;
}

/// EventManager::drain.
template <class Executor>
asio::awaitable<std::size_t, Executor> drain(std::shared_ptr<Hub> hub, std::chrono::milliseconds deadline,
                                             std::chrono::milliseconds spread, std::string reason) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point last = Clock::now() + within_a_year(deadline);
  LogFlush events(hub);
  const Drain draining(std::move(hub));
  co_await flush<Executor>(std::move(events), within_a_year(deadline) / 2);  // the rest is for the streams
  const auto end = [&](const std::string& id) { draining.end(id, reason, spread); };
  co_await end_each<Executor>(draining.connections(), std::min(spread, deadline), end);
  asio::steady_timer timer(co_await asio::this_coro::executor);
  while (draining.unfinished() != 0 && Clock::now() < last) {
    timer.expires_after(std::min<Clock::duration>(last - Clock::now(), std::chrono::milliseconds(10)));
    co_await timer.async_wait(asio::use_awaitable_t<Executor>());
  }
  const std::size_t left = draining.unfinished();
  draining.cut(reason);
  co_return left;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/hub/drain.ipp"
#endif
