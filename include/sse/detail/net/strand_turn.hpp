// SPDX-License-Identifier: MIT
// The executor below a shared strand. It keeps the strand usable if there is no memory to post its turn.

#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/async/unposted.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Posts the turns of one strand. A turn is the function that runs the strand's queue, and at most one is posted at a
/// time. If a post fails, Asio's strand waits for its turn for ever. Here the turn is kept, and posted as soon as there
/// is memory again.
class StrandTurn final : UnpostedFunction {
 public:
  explicit StrandTurn(const asio::any_io_executor& executor)
      : executor_(asio::require(executor, asio::execution::blocking.never)) {}
  ~StrandTurn() {
    Unposted::remove(*this);
    if (turn_) turn_(storage_, false);
  }

  template <class Turn>
  void post(Turn turn) noexcept {
    static_assert(sizeof(Turn) <= sizeof storage_ && alignof(Turn) <= alignof(std::max_align_t));
    ::new (static_cast<void*>(storage_)) Turn(std::move(turn));
    turn_ = [](void* storage, bool call) {
      Turn* const kept = std::launder(static_cast<Turn*>(storage));
      Turn taken(std::move(*kept));
      std::destroy_at(kept);
      if (call) taken();
    };
    if (!try_post()) Unposted::add(*this);
  }

 private:
  bool try_post() noexcept override {
    try {
      executor_.execute([this] { std::exchange(turn_, nullptr)(storage_, true); });
      return true;
    } catch (...) {
      return false;
    }
  }

  const asio::any_io_executor executor_;
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
