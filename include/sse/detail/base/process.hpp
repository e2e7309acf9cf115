// SPDX-License-Identifier: MIT
// The process's id and its number of forks. A child must not give the ids that its parent gives.

#pragma once

#include <cstdint>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The process's id. 0: the system has none.
std::uint64_t process_id() noexcept;

/// A number that changes in the child of each fork(). It costs one load; getpid() costs a system call.
std::uint64_t fork_generation() noexcept;

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/base/process.ipp"
#endif
