// SPDX-License-Identifier: MIT
// A mutex for critical sections of about a microsecond. It spins briefly before it blocks.

#pragma once

#include <mutex>

#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// A mutex for what takes a microsecond: who finds it locked looks again for about as long before it sleeps, because to
/// sleep and to be woken takes ten.
class SpinMutex {
 public:
  void lock() {
    for (int left = 64; left > 0; --left) {
      if (mutex_.try_lock()) return;
      pause();
    }
    mutex_.lock();
  }
  bool try_lock() { return mutex_.try_lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  static void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
  }

  std::mutex mutex_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
