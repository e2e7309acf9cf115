// SPDX-License-Identifier: MIT
// The body of secret_hash. See name_hash.hpp.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "sse/detail/base/name_hash.hpp"
#include "sse/detail/base/random.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The key of secret_hash. It has no destructor: threads may hash while the process ends.
SSE_DECL const std::array<std::uint64_t, 2>& hash_secret() noexcept {
  static const std::array<std::uint64_t, 2> secret = random_bits_or_clock();
  return secret;
}

/// The state of SipHash.
class SipHash {
 public:
  explicit SipHash(const std::array<std::uint64_t, 2>& key) noexcept
      : v0_(key[0] ^ 0x736f6d6570736575),
        v1_(key[1] ^ 0x646f72616e646f6d),
        v2_(key[0] ^ 0x6c7967656e657261),
        v3_(key[1] ^ 0x7465646279746573) {}

  void add(std::uint64_t word) noexcept {
    v3_ ^= word;
    round();
    v0_ ^= word;
  }
  std::uint64_t finish() noexcept {
    v2_ ^= 0xff;
    round();
    round();
    round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  static std::uint64_t rotated(std::uint64_t value, int bits) noexcept { return value << bits | value >> (64 - bits); }
  void round() noexcept {
    v0_ += v1_, v2_ += v3_;
    v1_ = rotated(v1_, 13) ^ v0_, v3_ = rotated(v3_, 16) ^ v2_;
    v0_ = rotated(v0_, 32);
    v2_ += v1_, v0_ += v3_;
    v1_ = rotated(v1_, 17) ^ v2_, v3_ = rotated(v3_, 21) ^ v0_;
    v2_ = rotated(v2_, 32);
  }

  std::uint64_t v0_, v1_, v2_, v3_;
};

SSE_DECL std::uint64_t secret_hash(std::string_view name) noexcept {
  SipHash hash(hash_secret());
  std::size_t at = 0;
  for (; name.size() - at >= 8; at += 8) {
    std::uint64_t word;
    std::memcpy(&word, name.data() + at, sizeof word);  // in the machine's order: no other machine compares hashes
    hash.add(word);
  }
  std::uint64_t rest = std::uint64_t{name.size()} << 56;
  for (int shift = 0; at < name.size(); ++at, shift += 8)
    rest |= std::uint64_t{static_cast<unsigned char>(name[at])} << shift;
  hash.add(rest);
  return hash.finish();
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
