// SPDX-License-Identifier: MIT
// The executor below a shared strand. It keeps the strand's turn until the queue of turns comes to it.

#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/net/turn_queue.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Keeps the turn of one strand in a TurnQueue. A turn is the function that runs the strand's queue, and at most one
/// waits at a time. It is kept here and not posted: if a post fails, Asio's strand waits for its turn for ever.
class StrandTurn final : TurnQueue::Turn {
 public:
  explicit StrandTurn(TurnQueue& queue) noexcept : queue_(queue) {}
  ~StrandTurn() {
    queue_.remove(*this);
    if (turn_) turn_(storage_, false);
  }

  template <class Function>
  void post(Function turn) noexcept {
    static_assert(sizeof(Function) <= sizeof storage_ && alignof(Function) <= alignof(std::max_align_t));
    ::new (static_cast<void*>(storage_)) Function(std::move(turn));
    turn_ = [](void* storage, bool call) {
      Function* const kept = std::launder(static_cast<Function*>(storage));
      Function taken(std::move(*kept));
      std::destroy_at(kept);
      if (call) taken();
    };
    queue_.push(*this);
  }

 private:
  void run() override { std::exchange(turn_, nullptr)(storage_, true); }

  TurnQueue& queue_;
  void (*turn_)(void* storage, bool call) = nullptr;
  alignas(std::max_align_t) std::byte storage_[64];
};

/// `posts`: the strand above never runs a function inside `execute`. A turn is always posted.
template <bool posts>
class StrandTurnExecutor {
 public:
  StrandTurnExecutor(StrandTurn& turn, asio::execution_context& context) noexcept : turn_(&turn), context_(&context) {}

  asio::execution_context& query(asio::execution::context_t) const noexcept { return *context_; }
  static constexpr asio::execution::blocking_t query(asio::execution::blocking_t) noexcept {
    if constexpr (posts)
      return asio::execution::blocking.never;
    else
      return asio::execution::blocking.possibly;
  }
  StrandTurnExecutor<true> require(asio::execution::blocking_t::never_t) const noexcept { return {*turn_, *context_}; }
  StrandTurnExecutor<false> require(asio::execution::blocking_t::possibly_t) const noexcept {
    return {*turn_, *context_};
  }

  template <class Turn>
  void execute(Turn&& turn) const noexcept {
    turn_->post(std::decay_t<Turn>(std::forward<Turn>(turn)));
  }

  bool operator==(const StrandTurnExecutor&) const noexcept = default;

 private:
  StrandTurn* turn_;
  asio::execution_context* context_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
