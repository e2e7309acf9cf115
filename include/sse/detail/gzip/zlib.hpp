// SPDX-License-Identifier: MIT
// The functions of zlib that the library uses. Only zlib.ipp includes zlib.h.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

struct z_stream_s;

namespace sse::inline SSE_ABI::detail {

/// Compresses texts, one after the other, as blocks of one raw deflate stream (RFC 1951). Not thread-safe.
class Deflater {
 public:
  /// As deflateInit2 takes them.
  Deflater(int level, int window_bits, int mem_level) noexcept
      : level_(level), window_bits_(window_bits), mem_level_(mem_level) {}
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  ~Deflater();

  /// Bytes before a text that its blocks may refer to.
  std::size_t window() const noexcept { return std::size_t{1} << window_bits_; }
  /// Begins anew: the next text does not refer to those before it. False: there is no memory.
  bool begin() noexcept;
  /// Replaces `out` by the blocks of a text, which end at a byte. False: it must begin anew. May throw bad_alloc: then,
  /// too.
  bool pack(std::string_view text, std::string& out);

 private:
  const int level_, window_bits_, mem_level_;  ///< Immutable.
  z_stream_s* stream_ = nullptr;
};

/// The CRC-32 of a text with the CRC `crc` and `text` behind it.
std::uint32_t crc_of(std::uint32_t crc, std::string_view text) noexcept;
/// The part that a text with the CRC `crc` has in the CRC of a longer one, when `size` bytes have followed it: the CRC
/// of A and B together is crc_shift(CRC of A, size of B) ^ CRC of B.
std::uint32_t crc_shift(std::uint32_t crc, std::uint64_t size) noexcept;

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/gzip/zlib.ipp"
#endif
