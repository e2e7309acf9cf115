// SPDX-License-Identifier: MIT
// A queue that finds the events which a newer one of the same key supersedes. It stands behind
// OverflowPolicy::keep_newest.

#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

#include "sse/detail/base/intrusive_list.hpp"
#include "sse/detail/base/intrusive_map.hpp"
#include "sse/event.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

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
  struct Node : IntrusiveList<Node>::Hook {
    Node(const Event& its_event, Node* before) noexcept : event(its_event), previous(before) {}
    std::string_view name() const noexcept { return event.key(); }

    Event event;
    Node *previous, *next = nullptr;
    bool superseded = false;
  };

  Event take(Node* node) noexcept {
    if (!node) return {};
    if (node->superseded)
      IntrusiveList<Node>::erase(*node);
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
  IntrusiveMap<Node> newest_;  ///< by their key
  IntrusiveList<Node> superseded_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
