// SPDX-License-Identifier: MIT
// A mutex for critical sections of about a microsecond. It spins briefly before it blocks.

#pragma once

#include <mutex>
#if defined(_MSC_VER)
#include <intrin.h>
#endif

#include "sse/detail/base/mutex.hpp"
#include "sse/detail/base/thread_annotations.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Spins briefly before blocking. Our critical sections take about 1 µs; blocking and waking up a thread takes
/// about 10.
class SSE_CAPABILITY("mutex") SpinMutex {
 public:
  void lock() SSE_ACQUIRE() {
    for (int left = 64; left > 0; --left) {
      if (mutex_.try_lock()) return;
      pause();
    }
    mutex_.lock();
  }
  void unlock() SSE_RELEASE() { mutex_.unlock(); }

 private:
  static void pause() noexcept {
#if defined(_MSC_VER) && (defined(_M_X64) || defined(_M_IX86))
    _mm_pause();
#elif defined(_MSC_VER) && defined(_M_ARM64)
    __yield();
#elif defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
  }

  std::mutex mutex_;
};

using SpinLock = ScopedLock<SpinMutex>;

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
