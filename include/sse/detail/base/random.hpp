// SPDX-License-Identifier: MIT
// Random bits of the system, good enough for secrets, and identifiers made of them.

#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// 128 random bits. Throws Error if the system's source fails.
std::array<std::uint64_t, 2> random_bits();

/// As random_bits, for callers that must not fail: if the system's source fails, the bits come from the clocks, an
/// address and the process's id.
std::array<std::uint64_t, 2> random_bits_or_clock() noexcept;

/// A UUID of version 4 (RFC 9562, 5.4). Throws as random_bits does.
std::string random_uuid();

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/base/random.ipp"
#endif
