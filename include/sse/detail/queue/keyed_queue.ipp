// SPDX-License-Identifier: MIT
// The bodies of KeyedQueue. See keyed_queue.hpp.

#pragma once

#include <utility>

#include "sse/detail/base/intrusive_list.hpp"
#include "sse/detail/base/name_hash.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/queue/keyed_queue.hpp"
#include "sse/event.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL void KeyedQueue::push(const Event& event) {
  Node* const node = new Node(event, last_);
  (last_ ? last_->next : first_) = node;
  last_ = node;
  ++size_;
  if (node->name().empty()) return;
  if (Node* const older = newest_.find(HashedName(node->name(), node->name_hash()))) {
    newest_.erase(*older);
    superseded_.insert(*older);
    older->superseded = true;
  }
  newest_.insert(*node);
}

SSE_DECL Event KeyedQueue::take(Node* node) noexcept {
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

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
