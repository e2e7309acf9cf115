// SPDX-License-Identifier: MIT
// Random bits of the system, and identifiers made of them. They are good enough for secrets.

#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Throws Error where the system has none.
std::array<std::uint64_t, 2> random_bits();

/// For what must not fail: where the system has no random bits, clocks, an address and the process's id instead.
std::array<std::uint64_t, 2> random_bits_or_clock() noexcept;

/// A UUID of version 4 (RFC 9562, 5.4).
std::string random_uuid();

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/base/random.ipp"
#endif
