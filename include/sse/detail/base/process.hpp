// SPDX-License-Identifier: MIT
// The process's id, and how often it has been forked: a child must not give ids that its parent gives, too.

#pragma once

#include <cstdint>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// 0 where the system has none.
std::uint64_t process_id() noexcept;

/// Another number in the child after each fork(). It costs one load, where getpid() costs a system call.
std::uint64_t fork_generation() noexcept;

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/base/process.ipp"
#endif
