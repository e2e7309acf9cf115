// SPDX-License-Identifier: MIT
// The interface of compressed streams, which needs no library for compression. gzip.hpp implements it.

#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class ContentDecoder;
class EventChain;
struct ChainPlace;

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

/// The compression of a manager's streams (Options::compression). `sse::gzip()` of gzip.hpp makes one.
class Compression {
 public:
  virtual ~Compression() = default;

  /// Makes a compressor. Called by the manager only.
  virtual std::unique_ptr<detail::EventChain> make_chain(const detail::ChainPlace& place) const = 0;
  /// The most compressors that a manager may have at a time.
  virtual std::size_t max_chains() const noexcept = 0;

 protected:
  Compression() = default;
};

/// The decoder of a client's answers (ClientOptions::decoder). `sse::gunzip()` of gzip.hpp makes one.
class Decompression {
 public:
  virtual ~Decompression() = default;

  /// The name of the coding, for `Accept-Encoding`.
  virtual std::string_view coding() const noexcept = 0;
  /// Makes the decoder of one answer. Called by the client only.
  virtual std::unique_ptr<detail::ContentDecoder> make_decoder() const = 0;

 protected:
  Decompression() = default;
};

/// True if an `Accept-Encoding` with this value allows gzip (RFC 9110, 12.5.3): by `gzip`, `x-gzip` or `*`, with a
/// weight above 0. An entry that cannot be read allows nothing.
bool accepts_gzip(std::string_view accept_encoding) noexcept;

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/http1/accepts_gzip.ipp"
#endif
