// SPDX-License-Identifier: MIT
// A mutex and its lock that Clang's thread-safety analysis knows. Otherwise they are std::mutex and std::unique_lock.

#pragma once

#include <mutex>

#include "sse/detail/base/thread_annotations.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class SSE_CAPABILITY("mutex") Mutex {
 public:
  void lock() SSE_ACQUIRE() { mutex_.lock(); }
  void unlock() SSE_RELEASE() { mutex_.unlock(); }

  /// For a std::condition_variable.
  std::mutex& native() noexcept { return mutex_; }

 private:
  std::mutex mutex_;
};

/// Holds a Mutex or a SpinMutex until the end of its scope, or until `unlock`.
template <class Lockable>
class SSE_SCOPED_CAPABILITY ScopedLock {
 public:
  explicit ScopedLock(Lockable& mutex) SSE_ACQUIRE(mutex) : mutex_(&mutex) { mutex.lock(); }
  ScopedLock(const ScopedLock&) = delete;
  ScopedLock& operator=(const ScopedLock&) = delete;
  ~ScopedLock() SSE_RELEASE() {
    if (mutex_) mutex_->unlock();
  }

  void unlock() SSE_RELEASE() {
    mutex_->unlock();
    mutex_ = nullptr;
  }

 private:
  Lockable* mutex_;
};

using MutexLock = ScopedLock<Mutex>;

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
