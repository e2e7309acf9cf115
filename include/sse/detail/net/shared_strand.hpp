// SPDX-License-Identifier: MIT
// A strand that many sockets share, and its small executor. See decisions/shared-strands.md.

#pragma once

#include <cstddef>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/net/strand_turn.hpp"
#include "sse/detail/net/turn_queue.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// A strand shared by many sockets, so that no socket pays for one of its own and one post can wake all sockets of a
/// strand. Different strands still run in parallel.
struct SharedStrand {
  SharedStrand(const asio::any_io_executor& executor, TurnQueue& turns, std::size_t its_number)
      : context(&asio::query(executor, asio::execution::context)),
        number(its_number),
        turn(turns),
        strand(StrandTurnExecutor<false>(turn, *context)),
        posting(asio::require(strand, asio::execution::blocking.never)) {}

  asio::execution_context* const context;
  const std::size_t number;  ///< Among the strands of its `serve`.
  StrandTurn turn;
  const asio::strand<StrandTurnExecutor<false>> strand;
  const asio::strand<StrandTurnExecutor<true>> posting;
};

/// The executor of a SharedStrand, a single pointer because every pending operation holds two of them. It does not own
/// the strand, which the owner of the operation keeps alive, and counts no work. `posts`: it never runs a function
/// inside `execute`.
template <bool posts>
class BasicSharedStrandExecutor {
 public:
  explicit BasicSharedStrandExecutor(const SharedStrand& lane) noexcept : lane_(&lane) {}

  asio::execution_context& query(asio::execution::context_t) const noexcept { return *lane_->context; }
  static constexpr asio::execution::blocking_t query(asio::execution::blocking_t) noexcept {
    if constexpr (posts)
      return asio::execution::blocking.never;
    else
      return asio::execution::blocking.possibly;
  }
  BasicSharedStrandExecutor<true> require(asio::execution::blocking_t::never_t) const noexcept {
    return BasicSharedStrandExecutor<true>(*lane_);
  }
  BasicSharedStrandExecutor<false> require(asio::execution::blocking_t::possibly_t) const noexcept {
    return BasicSharedStrandExecutor<false>(*lane_);
  }

  template <class Function>
  void execute(Function&& function) const {
    const auto strand = [&] {  // a copy, because the function may destroy the SharedStrand
      if constexpr (posts)
        return lane_->posting;
      else
        return lane_->strand;
    }();
    strand.execute(std::forward<Function>(function));
  }

  bool operator==(const BasicSharedStrandExecutor&) const noexcept = default;
  const SharedStrand& lane() const noexcept { return *lane_; }
  std::size_t hash() const noexcept { return lane_->number; }

 private:
  const SharedStrand* lane_;
};

using SharedStrandExecutor = BasicSharedStrandExecutor<false>;

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
