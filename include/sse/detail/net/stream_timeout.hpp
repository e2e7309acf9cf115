// SPDX-License-Identifier: MIT
// Cancels the operations on a stream after a time. For coroutines that read or write.

#pragma once

#include <chrono>
#include <memory>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/net/coarse_timer.hpp"
#include "sse/detail/net/lowest_layer.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Cancels the operations on a stream after a time. It is a local of a coroutine, on whose executor it cancels.
template <class Stream>
class StreamTimeout final : CoarseTimer::Deadline {
 public:
  StreamTimeout(Stream& stream, asio::any_io_executor executor, std::chrono::milliseconds time)
      : timer_(coarse_timer_of(executor)),
        executor_(std::move(executor)),
        state_(std::make_shared<State>(State{&stream})) {
    expire_at(CoarseTimer::after(time));
    if constexpr (requires { lowest_layer(stream).get_executor().lane(); })
      timer_->add(*this, lowest_layer(stream).get_executor().lane().strand.get_inner_executor());
    else
      timer_->add(*this, executor_);
  }
  ~StreamTimeout() {
    state_->stream = nullptr;
    timer_->remove(*this);
  }
  bool passed() const noexcept { return state_->passed; }

 private:
  struct State {
    Stream* stream;
    bool passed = false;
  };

  // It cancels with each tick until it is destroyed, because between two steps of a composed operation there is nothing
  // to cancel. The function keeps no deadline alive.
  void on_deadline(CoarseTimer::Owners&) noexcept override {
    expire_at(CoarseTimer::Clock::now());
    post(executor_, [state = state_] {
      if (!state->stream) return;
      state->passed = true;
      error_code ignored;
      lowest_layer(*state->stream).cancel(ignored);
    });
  }
  CoarseTimer& coarse_timer() noexcept override { return *timer_; }

  std::shared_ptr<CoarseTimer> timer_;
  asio::any_io_executor executor_;
  std::shared_ptr<State> state_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
