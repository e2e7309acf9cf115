// SPDX-License-Identifier: MIT
// The queue in which the shared strands of one `serve` wait for their turns. See decisions/turns-in-one-queue.md.

#pragma once

#include <utility>

#include "sse/config.hpp"
#include "sse/detail/async/unposted.hpp"
#include "sse/detail/base/intrusive_queue.hpp"
#include "sse/detail/base/spin_mutex.hpp"
#include "sse/detail/base/thread_annotations.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Turns that run one after the other, each by a function that is posted to the context. A turn that begins posts the
/// next one: so at most one function waits in the context, whatever else waits there comes between two turns, and
/// other threads take the turns behind. Thread-safe.
class TurnQueue final : UnpostedFunction {
 public:
  /// A turn that waits. It stays until `run` is called.
  class Turn : public IntrusiveQueue<Turn>::Hook {
   public:
    /// Called once for each push. It may destroy the turn and the queue.
    virtual void run() = 0;

   protected:
    Turn() = default;
    ~Turn() = default;
  };

  explicit TurnQueue(const asio::any_io_executor& executor)
      : executor_(asio::require(executor, asio::execution::blocking.never)) {}
  ~TurnQueue() { Unposted::remove(*this); }

  /// Appends a turn, which must not wait already.
  void push(Turn& turn) noexcept {
    {
      const SpinLock lock(mutex_);
      turns_.push_back(turn);
      if (std::exchange(posted_, true)) return;
    }
    post();
  }
  /// Drops a turn. Does nothing for one that does not wait.
  void remove(Turn& turn) noexcept {
    const SpinLock lock(mutex_);
    if (turn.is_queued()) turns_.erase(turn);
  }

 private:
  void post() noexcept {
    if (!try_post()) Unposted::add(*this);
  }
  bool try_post() noexcept override {
    try {
      executor_.execute([this] { run_first(); });
      return true;
    } catch (...) {
      return false;
    }
  }
  // A turn that waits keeps the queue: its functions own the server.
  void run_first() {
    Turn* turn = nullptr;
    bool more = false;
    {
      const SpinLock lock(mutex_);
      turn = turns_.first();
      if (turn) turns_.erase(*turn);
      more = posted_ = turns_.first() != nullptr;
    }
    if (more) post();
    if (turn) turn->run();
  }

  const asio::any_io_executor executor_;
  SpinMutex mutex_;
  IntrusiveQueue<Turn> turns_ SSE_GUARDED_BY(mutex_);
  bool posted_ SSE_GUARDED_BY(mutex_) = false;  ///< True: `run_first` will be called.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
