// SPDX-License-Identifier: MIT
// Decodes the gzip body of an answer for the client.

#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "sse/detail/base/content_decoder.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

struct z_stream_s;

namespace sse::inline SSE_ABI::detail {

/// Decodes gzip members, one behind the other (RFC 1952, 2.2). zlib checks the CRC and the length of each.
class GzipDecoder final : public ContentDecoder {
 public:
  GzipDecoder() = default;
  ~GzipDecoder() override;

  void feed(std::string_view bytes) override;
  std::string_view decode() override;
  bool complete() const noexcept override { return between_ && done_ == bytes_.size(); }

 private:
  void begin_member();

  z_stream_s* stream_ = nullptr;
  std::string bytes_;  ///< They have not been decoded from `done_` on.
  std::size_t done_ = 0;
  bool between_ = true;  ///< No member has begun, or the last one has ended.
  bool more_ = false;    ///< There may be text that had no room.
  std::array<char, 16 * 1024> text_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/gzip/gzip_decoder.ipp"
#endif
