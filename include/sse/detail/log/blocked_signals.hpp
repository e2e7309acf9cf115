// SPDX-License-Identifier: MIT
// Keeps signals from the library's own threads. On a system without POSIX signals it does nothing.

#pragma once

#include "sse/version.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#include <signal.h>
#endif

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Blocks the signals of this thread until the end of the scope. Threads that are started meanwhile inherit that.
class BlockedSignals {
 public:
#if defined(__unix__) || defined(__APPLE__)
  BlockedSignals() noexcept {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  ~BlockedSignals() {
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
#else
  BlockedSignals() noexcept {}
  ~BlockedSignals() {}
#endif
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
#if defined(__unix__) || defined(__APPLE__)
  sigset_t before_;
#endif
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
