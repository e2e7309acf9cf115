// SPDX-License-Identifier: MIT
// Hashes names that clients may choose (topics, connection ids, keys) with a secret of the process, so that nobody
// can choose names that collide.

#pragma once

#include <cstdint>
#include <string_view>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// SipHash-1-3 (Aumasson and Bernstein) under a secret of the process.
std::uint64_t secret_hash(std::string_view name) noexcept;

/// A name and its hash, which is computed once for all the maps that it is looked up in.
struct HashedName {
  explicit HashedName(std::string_view name) noexcept : text(name), hash(secret_hash(name)) {}
  HashedName(std::string_view name, std::uint64_t its_hash) noexcept : text(name), hash(its_hash) {}

  std::string_view text;
  std::uint64_t hash;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/base/name_hash.ipp"
#endif
