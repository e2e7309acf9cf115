// SPDX-License-Identifier: MIT
// The connections that wait for the log: until it is open, or until this process has read as far as their clients have.

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "sse/detail/history/event_id.hpp"
#include "sse/options.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class Connection;

/// The connections that wait for the log, and until when. Guarded by the order mutex.
class LogWaiters {
 public:
  using Clock = std::chrono::steady_clock;

  /// A connection that came before the log was open. Its reader gets nothing.
  struct Held {
    std::weak_ptr<Connection> connection;
    ConnectionOptions settings;
    Clock::time_point limit;
  };
  /// A connection whose client has seen the event `seen`, which this process has not read yet. The events up to it are
  /// not for its queue.
  struct Ahead {
    std::weak_ptr<Connection> connection;
    EventId seen;
    Clock::time_point limit;
  };

  /// The time that a connection which is ahead waits.
  static constexpr std::chrono::milliseconds longest_ahead{1'000};

  /// Also without the order mutex, for a first look.
  bool is_open() const noexcept { return open_.load(std::memory_order_acquire); }
  bool any_ahead() const noexcept { return !ahead_.empty(); }
  bool any() const noexcept { return !held_.empty() || !ahead_.empty(); }

  /// Makes room, so that the next `add` of either kind throws nothing.
  void reserve_one() {
    make_room(held_);
    make_room(ahead_);
  }
  void add(Held held) { held_.push_back(std::move(held)); }
  void add(Ahead ahead) { ahead_.push_back(std::move(ahead)); }

  /// The log is open. Takes the held connections.
  std::vector<Held> open() noexcept {
    open_.store(true, std::memory_order_release);
    return std::exchange(held_, {});
  }
  /// Takes the held connections whose time is up.
  std::vector<Held> expired_held(Clock::time_point now) {
    return take_if(held_, [&](const Held& one) { return one.limit <= now; });
  }
  /// Takes the connections that are ahead and for which `is_due` is true.
  template <class IsDue>
  std::vector<Ahead> take_ahead(IsDue&& is_due) {
    return take_if(ahead_, is_due);
  }

 private:
  template <class T>
  static void make_room(std::vector<T>& list) {
    if (list.size() == list.capacity()) list.reserve(2 * list.size() + 8);
  }
  template <class T, class Condition>
  static std::vector<T> take_if(std::vector<T>& from, Condition&& condition) {
    std::vector<T> taken, left;
    for (T& one : from) (condition(one) ? taken : left).push_back(std::move(one));
    from = std::move(left);
    return taken;
  }

  std::atomic<bool> open_{false};
  std::vector<Held> held_;
  std::vector<Ahead> ahead_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
