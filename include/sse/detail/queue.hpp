#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "sse/detail/history.hpp"
#include "sse/event.hpp"
#include "sse/options.hpp"
#include "sse/ring_buffer.hpp"

namespace sse::detail {

/// Events in order, which also knows those that have a newer one of the same key behind them. Not thread-safe.
class KeyedQueue {
 public:
  std::size_t size() const noexcept { return events_.size(); }

  void push(const Event& event) {
    const auto last = events_.emplace_hint(events_.end(), next_, event);
    const std::string_view key = last->second.key();
    try {
      if (!key.empty()) {
        auto node = newest_.extract(key);  // the name in the index is the newest event's own
        if (node.empty()) {
          newest_.emplace(key, next_);
        } else {
          superseded_.insert(superseded_.end(), node.mapped());
          node.key() = key;
          node.mapped() = next_;
          newest_.insert(std::move(node));
        }
      }
    } catch (...) {
      events_.erase(last);
      throw;
    }
    ++next_;
  }

  Event pop() noexcept { return take(events_.begin()); }

  /// Takes an event that has a newer one of its key behind it; or an empty one.
  Event pop_superseded() noexcept { return superseded_.empty() ? Event() : take(events_.find(*superseded_.begin())); }

  Event pop_newest_of(std::string_view key) noexcept {
    const auto found = key.empty() ? newest_.end() : newest_.find(key);
    return found == newest_.end() ? Event() : take(events_.find(found->second));
  }

 private:
  Event take(std::map<std::uint64_t, Event>::iterator at) noexcept {
    Event event = std::move(at->second);
    if (superseded_.erase(at->first) == 0) {
      const auto found = newest_.find(event.key());
      if (found != newest_.end() && found->second == at->first) newest_.erase(found);
    }
    events_.erase(at);
    return event;
  }

  std::map<std::uint64_t, Event> events_;
  std::unordered_map<std::string_view, std::uint64_t> newest_;  ///< by key, its place in events_
  std::set<std::uint64_t> superseded_;
  std::uint64_t next_ = 0;
};

/// The live events that wait for one reader, bounded in number and bytes. Not thread-safe.
class Queue {
 public:
  Queue(std::size_t max_size, std::size_t max_bytes, OverflowPolicy policy)
      : ring_(max_size),
        max_bytes_(max_bytes),
        keyed_(policy == OverflowPolicy::keep_newest ? std::make_unique<KeyedQueue>() : nullptr) {}

  std::size_t size() const noexcept { return keyed_ ? keyed_->size() : ring_.size(); }
  bool empty() const noexcept { return size() == 0; }

  /// Whether `event` fits without a loss.
  bool fits(const Event& event) noexcept {
    if (empty()) return true;
    if (max_bytes_ != 0 && bytes_ + event.frame().size() > max_bytes_) return false;
    return keyed_ ? keyed_->size() < ring_.capacity() : ring_.make_room();
  }

  /// Appends `event`; what has to go for it (or itself, without memory) is added to `lost`.
  void push(const Event& event, Loss& lost) noexcept {
    if (max_bytes_ != 0 || keyed_) make_room(event, lost);
    try {
      if (keyed_) {
        keyed_->push(event);
      } else {
        if (!ring_.make_room()) lost.add(EventAccess::sequence(ring_[0]));
        ring_.push(event);
      }
      if (max_bytes_ != 0) bytes_ += event.frame().size();
    } catch (...) {
      lost.add(EventAccess::sequence(event));
    }
  }

  /// It must not be empty.
  Event pop() noexcept {
    Event event = keyed_ ? keyed_->pop() : ring_.pop();
    uncount(event);
    return event;
  }

  void clear() noexcept {
    while (!empty()) pop();
  }

 private:
  void make_room(const Event& event, Loss& lost) noexcept {
    const auto lose = [&](const Event& old) {
      uncount(old);
      lost.add(EventAccess::sequence(old));
    };
    if (keyed_ && !fits(event)) {
      for (Event old = keyed_->pop_superseded(); !old.empty(); old = keyed_->pop_superseded()) lose(old);
      if (const Event old = keyed_->pop_newest_of(event.key()); !old.empty()) lose(old);
    }
    while (!fits(event)) lose(keyed_ ? keyed_->pop() : ring_.pop());
  }
  void uncount(const Event& event) noexcept {
    if (max_bytes_ != 0) bytes_ -= event.frame().size();
  }

  RingBuffer<Event> ring_;
  std::size_t bytes_ = 0;  ///< counted where they are bounded
  const std::size_t max_bytes_;
  const std::unique_ptr<KeyedQueue> keyed_;
};

}  // namespace sse::detail
