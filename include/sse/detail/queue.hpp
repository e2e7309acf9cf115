#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "sse/detail/history.hpp"
#include "sse/detail/index.hpp"
#include "sse/detail/list.hpp"
#include "sse/event.hpp"
#include "sse/options.hpp"
#include "sse/ring_buffer.hpp"

namespace sse::detail {

/// Events in order, which also knows those that have a newer one of the same key behind them. Not thread-safe.
class KeyedQueue {
 public:
  KeyedQueue() = default;
  KeyedQueue(const KeyedQueue&) = delete;
  KeyedQueue& operator=(const KeyedQueue&) = delete;
  ~KeyedQueue() {
    while (first_) pop();
  }

  std::size_t size() const noexcept { return size_; }

  void push(const Event& event) {
    Node* const node = new Node(event, last_);
    (last_ ? last_->next : first_) = node;
    last_ = node;
    ++size_;
    if (node->name().empty()) return;
    if (Node* const older = newest_.find(node->name())) {
      newest_.erase(*older);
      superseded_.insert(*older);
      older->superseded = true;
    }
    newest_.insert(*node);
  }

  Event pop() noexcept { return take(first_); }

  /// Takes an event that has a newer one of its key behind it; or an empty one.
  Event pop_superseded() noexcept { return take(superseded_.first()); }

  Event pop_newest_of(std::string_view key) noexcept { return take(key.empty() ? nullptr : newest_.find(key)); }

 private:
  /// In newest_ or in superseded_, if it has a key.
  struct Node : List<Node>::Hook {
    Node(const Event& its_event, Node* before) noexcept : event(its_event), previous(before) {}
    std::string_view name() const noexcept { return event.key(); }

    Event event;
    Node *previous, *next = nullptr;
    bool superseded = false;
  };

  Event take(Node* node) noexcept {
    if (!node) return {};
    if (node->superseded)
      List<Node>::erase(*node);
    else
      newest_.erase(*node);
    (node->previous ? node->previous->next : first_) = node->next;
    (node->next ? node->next->previous : last_) = node->previous;
    --size_;
    Event event = std::move(node->event);
    delete node;
    return event;
  }

  Node *first_ = nullptr, *last_ = nullptr;
  std::size_t size_ = 0;
  Index<Node> newest_;  ///< by their key
  List<Node> superseded_;
};

/// The live events that wait for one reader, bounded in number and bytes. Not thread-safe.
class Queue {
 public:
  Queue(std::size_t max_size, std::size_t max_bytes, OverflowPolicy policy)
      : ring_(max_size), max_bytes_(max_bytes), keeps_newest_(policy == OverflowPolicy::keep_newest) {}

  std::size_t size() const noexcept { return keeps_newest_ ? keyed_.size() : ring_.size(); }
  bool empty() const noexcept { return size() == 0; }

  /// Whether `event` fits without a loss.
  bool fits(const Event& event) noexcept {
    if (empty()) return true;
    if (max_bytes_ != 0 && bytes_ + event.frame().size() > max_bytes_) return false;
    return keeps_newest_ ? keyed_.size() < ring_.capacity() : ring_.make_room();
  }

  /// Appends `event`; what has to go for it (or itself, without memory) is added to `lost`.
  void push(const Event& event, Loss& lost) noexcept {
    if (max_bytes_ != 0 || keeps_newest_) make_room(event, lost);
    try {
      if (keeps_newest_) {
        keyed_.push(event);
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
    Event event = keeps_newest_ ? keyed_.pop() : ring_.pop();
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
    if (keeps_newest_ && !fits(event)) {
      for (Event old = keyed_.pop_superseded(); !old.empty(); old = keyed_.pop_superseded()) lose(old);
      if (const Event old = keyed_.pop_newest_of(event.key()); !old.empty()) lose(old);
    }
    while (!fits(event)) lose(keeps_newest_ ? keyed_.pop() : ring_.pop());
  }
  void uncount(const Event& event) noexcept {
    if (max_bytes_ != 0) bytes_ -= event.frame().size();
  }

  RingBuffer<Event> ring_;
  std::size_t bytes_ = 0;  ///< counted where they are bounded
  const std::size_t max_bytes_;
  const bool keeps_newest_;
  KeyedQueue keyed_;  ///< where it keeps the newest; otherwise ring_
};

}  // namespace sse::detail
