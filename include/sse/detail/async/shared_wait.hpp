// SPDX-License-Identifier: MIT
// One wait in the place of those of many readers. The readers' mutex guards it.

#pragma once

#include <cstdint>

#include "sse/detail/async/wait_place.hpp"
#include "sse/detail/base/spin_mutex.hpp"
#include "sse/detail/base/thread_annotations.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// One wait in the place of those of many readers, which have none themselves. What would complete the wait of a
/// reader alone calls the reader: it completes this wait, and the reader is among the called ones until it leaves.
/// Guarded by the mutex of the places, which every caller holds.
class SharedWait {
 public:
  SharedWait(SpinMutex& mutex, void* its_driver) noexcept : driver(its_driver), place(mutex) {}
  SharedWait(const SharedWait&) = delete;
  SharedWait& operator=(const SharedWait&) = delete;

  void* const driver;  ///< Immutable. For the user.
  WaitPlace place;     ///< Of the one wait.

  /// Adds a reader, which must not be waiting. `owner` is what take_called returns for it.
  void enter(WaitPlace& reader, void* owner) noexcept {
    reader.assert_locked();
    reader.shared_ = this;
    reader.next_called_ = nullptr;
    reader.owner_ = owner;
    reader.called_place_ = nullptr;
  }
  /// Removes a reader. Does nothing for one that is not here.
  void leave(WaitPlace& reader) noexcept {
    reader.assert_locked();
    if (reader.shared_ != this) return;
    if (reader.called_place_) {
      *reader.called_place_ = reader.next_called_;
      if (WaitPlace* const next = reader.next_called_) set_called_place(*next, reader.called_place_);
    }
    reader.shared_ = nullptr;
    reader.waiter_ = nullptr;
    reader.key_ = 0;
    reader.round_ = 0;
  }

  /// Calls a reader, and takes the one waiter. Null: none is pending.
  Waiter* call(WaitPlace& reader) noexcept {
    mark_called(reader);
    return place.take();
  }
  /// Calls a reader, without completing the wait.
  void mark_called(WaitPlace& reader) noexcept {
    reader.assert_locked();
    if (reader.shared_ != this || reader.called_place_) return;
    reader.next_called_ = called_;
    reader.called_place_ = &called_;
    if (called_) set_called_place(*called_, &reader.next_called_);
    called_ = &reader;
  }
  bool has_called() const noexcept { return called_ != nullptr; }
  /// Removes a called reader, and returns its owner. Null: there is none.
  void* take_called() noexcept {
    if (!called_) return nullptr;
    called_->assert_locked();
    void* const owner = called_->owner_;
    leave(*called_);
    return owner;
  }

 private:
  static void set_called_place(WaitPlace& reader, WaitPlace** place) noexcept {
    reader.assert_locked();
    reader.called_place_ = place;
  }

  WaitPlace* called_ = nullptr;  ///< The called readers, which are linked.
};

inline Waiter* WaitPlace::take_shared() noexcept {
  return shared_->call(*this);
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
