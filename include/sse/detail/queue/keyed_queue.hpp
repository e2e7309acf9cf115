// SPDX-License-Identifier: MIT
// A queue that finds the events which a newer one of the same key supersedes. OverflowPolicy::keep_newest uses it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sse/detail/base/intrusive_list.hpp"
#include "sse/detail/base/intrusive_map.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/event.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// A queue of events in order. It also knows the events that have a newer one of the same key behind them. Not
/// thread-safe.
class KeyedQueue {
 public:
  KeyedQueue() = default;
  KeyedQueue(const KeyedQueue&) = delete;
  KeyedQueue& operator=(const KeyedQueue&) = delete;
  ~KeyedQueue() {
    while (first_) pop();
  }

  std::size_t size() const noexcept { return size_; }

  void push(const Event& event);

  /// Takes the oldest event; the queue must not be empty.
  Event pop() noexcept { return take(first_); }
  /// Takes an event that has a newer one of its key behind it. Empty: there is none.
  Event pop_superseded() noexcept { return take(superseded_.first()); }
  /// Takes the newest event of the key of `event`. Empty: there is none.
  Event pop_newest_of_key(const Event& event) noexcept {
    if (event.key().empty()) return {};
    return take(newest_.find(HashedName(event.key(), EventFactory::key_hash(event))));
  }

 private:
  /// An element of the queue. With a key it is also in newest_ or in superseded_.
  struct Node : IntrusiveList<Node>::Hook {
    Node(const Event& its_event, Node* before) noexcept : event(its_event), previous(before) {}
    std::string_view name() const noexcept { return event.key(); }
    std::uint64_t name_hash() const noexcept { return EventFactory::key_hash(event); }

    Event event;
    Node *previous, *next = nullptr;
    bool superseded = false;
  };

  /// Takes the event of a node and deletes the node. Null: an empty event.
  Event take(Node* node) noexcept;

  Node *first_ = nullptr, *last_ = nullptr;
  std::size_t size_ = 0;
  IntrusiveMap<Node> newest_;  ///< By their key.
  IntrusiveList<Node> superseded_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/queue/keyed_queue.ipp"
#endif
