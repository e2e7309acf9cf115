// SPDX-License-Identifier: MIT
// A timing wheel: deadlines in buckets, one for each tick of a clock. It has no clock, and no lock.

#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "sse/config.hpp"
#include "sse/detail/base/intrusive_list.hpp"
#include "sse/detail/base/separate_compilation.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Deadlines, each in the bucket of the tick at which it is looked at. One that moves to a later tick stays in its
/// bucket, and gets its new one when it is looked at. Allocates nothing. Not thread-safe, except the functions of
/// Entry.
class DeadlineWheel {
 public:
  using Tick = std::uint32_t;
  static constexpr Tick never = std::numeric_limits<Tick>::max();
  static constexpr Tick last_tick = never - 2;  ///< The last tick at which something can be due.

  /// A deadline. It must stay where it is while it is in a wheel.
  class Entry : public IntrusiveList<Entry>::Hook {
   public:
    /// Moves the deadline. True: it would be looked at too late now, so `move` must be called. From any thread.
    bool set(Tick due) noexcept {
      due_.store(due);  // in one order with looked_at_, so that either this call or `place` sees the other's value
      return due < looked_at_.load();
    }
    /// The deadline was taken, and no new one was set. From any thread.
    bool taken() const noexcept { return due_.load(std::memory_order_relaxed) == taken_; }

   protected:
    Entry() = default;
    ~Entry() = default;

   private:
    friend class DeadlineWheel;
    static constexpr Tick taken_ = never - 1;

    std::atomic<Tick> due_{never};
    std::atomic<Tick> looked_at_{0};  ///< 0: it is in no wheel, or is about to be inserted.
  };

  /// Begins at `now`, with nothing in it.
  void start(Tick now) noexcept { tick_ = now; }
  void insert(Entry& entry) noexcept;
  /// False: it was not there.
  bool erase(Entry& entry) noexcept;
  /// Looks at an entry earlier, because its deadline has moved. Does nothing for one that is not there.
  void move(Entry& entry) noexcept;

  /// Takes an entry that is due at `now` or before. It must be inserted again, or be erased. Null: there are no more.
  Entry* take_due(Tick now) noexcept;
  /// The first tick, of the next `count`, at which there may be something to do; the last of them if there is nothing.
  Tick next(Tick count) const noexcept;

 private:
  static constexpr Tick size = 128;  ///< 32 s: more than the usual keep-alive and time-out.

  IntrusiveList<Entry>& bucket(Tick looked_at) noexcept {
    return buckets_[looked_at == never ? size : looked_at % size];
  }
  Tick place(Entry& entry) noexcept;

  std::array<IntrusiveList<Entry>, size + 1> buckets_;  ///< The last one has those that are never due.
  Tick tick_ = 0;                                       ///< The tick that take_due has come to.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/net/deadline_wheel.ipp"
#endif
