// SPDX-License-Identifier: MIT
// The bodies of zlib.hpp, the only ones that call zlib for the server.

#pragma once

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <string>
#include <string_view>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/gzip/zlib.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

inline constexpr std::size_t max_zlib_size = (std::numeric_limits<uInt>::max)() / 2;

inline Bytef* zlib_bytes(const char* bytes) noexcept {
  return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes));
}

SSE_DECL Deflater::~Deflater() {
  if (stream_) deflateEnd(stream_);
  delete stream_;
}

SSE_DECL bool Deflater::begin() noexcept {
  if (stream_) return deflateReset(stream_) == Z_OK;
  z_stream_s* const stream = new (std::nothrow) z_stream_s();
  if (!stream) return false;
  if (deflateInit2(stream, level_, Z_DEFLATED, -window_bits_, mem_level_, Z_DEFAULT_STRATEGY) != Z_OK) {
    delete stream;
    return false;
  }
  stream_ = stream;
  return true;
}

SSE_DECL bool Deflater::pack(std::string_view text, std::string& out) {
  if (text.size() > max_zlib_size) return false;
  constexpr std::size_t room_for_flush = 16;
  out.resize(deflateBound(stream_, static_cast<uLong>(text.size())) + room_for_flush);
  stream_->next_in = zlib_bytes(text.data());
  stream_->avail_in = static_cast<uInt>(text.size());
  std::size_t size = 0;
  for (;;) {
    const std::size_t room = out.size() - size;
    stream_->next_out = zlib_bytes(out.data() + size);
    stream_->avail_out = static_cast<uInt>(std::min(room, max_zlib_size));
    const std::size_t given = stream_->avail_out;
    if (deflate(stream_, Z_SYNC_FLUSH) != Z_OK) return false;
    size += given - stream_->avail_out;
    if (stream_->avail_out != 0) break;
    out.resize(out.size() + out.size() / 2);
  }
  out.resize(size);
  return stream_->avail_in == 0;
}

SSE_DECL std::uint32_t crc_of(std::uint32_t crc, std::string_view text) noexcept {
  for (; !text.empty(); text.remove_prefix(std::min(text.size(), max_zlib_size)))
    crc = static_cast<std::uint32_t>(
        crc32(crc, zlib_bytes(text.data()), static_cast<uInt>(std::min(text.size(), max_zlib_size))));
  return crc;
}

SSE_DECL std::uint32_t crc_shift(std::uint32_t crc, std::uint64_t size) noexcept {
  constexpr std::uint64_t most = 1 << 30;  // z_off_t has 32 bits on some systems
  for (; size != 0; size -= std::min(size, most))
    crc = static_cast<std::uint32_t>(crc32_combine(crc, 0, static_cast<z_off_t>(std::min(size, most))));
  return crc;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
