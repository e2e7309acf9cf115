// SPDX-License-Identifier: MIT
// The bodies of gzip.hpp.

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "sse/compression.hpp"
#include "sse/detail/base/content_decoder.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/gzip/event_chain.hpp"
#include "sse/detail/gzip/gzip_chain.hpp"
#include "sse/detail/gzip/gzip_decoder.hpp"
#include "sse/error.hpp"
#include "sse/gzip.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class GzipCompression final : public Compression {
 public:
  GzipCompression(const GzipSettings& settings, std::size_t max_chains) noexcept
      : settings_(settings), max_chains_(max_chains) {}

  std::unique_ptr<EventChain> make_chain(const ChainPlace& place) const override {
    return std::make_unique<GzipChain>(settings_, place);
  }
  std::size_t max_chains() const noexcept override { return max_chains_; }

 private:
  const GzipSettings settings_;   ///< Immutable.
  const std::size_t max_chains_;  ///< Immutable.
};

class GzipDecompression final : public Decompression {
 public:
  std::string_view coding() const noexcept override { return "gzip"; }
  std::unique_ptr<ContentDecoder> make_decoder() const override { return std::make_unique<GzipDecoder>(); }
};

/// Throws Error for a number outside of its range.
inline void check_gzip_option(const char* name, int value, int least, int most) {
  if (value < least || value > most)
    throw Error(errc::invalid_gzip_option, std::string("sse: GzipOptions::") + name + " must be " +
                                               std::to_string(least) + " to " + std::to_string(most) + ", is " +
                                               std::to_string(value));
}

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

SSE_DECL std::shared_ptr<const Compression> gzip(const GzipOptions& options) {
  detail::check_gzip_option("level", options.level, 1, 9);
  detail::check_gzip_option("window_bits", options.window_bits, 9, 15);
  detail::check_gzip_option("mem_level", options.mem_level, 1, 9);
  detail::check_gzip_option("max_compressors", options.max_compressors, 1, 1024);
  return std::make_shared<detail::GzipCompression>(
      detail::GzipSettings{options.level, options.window_bits, options.mem_level},
      static_cast<std::size_t>(options.max_compressors));
}

SSE_DECL std::shared_ptr<const Decompression> gunzip() {
  return std::make_shared<detail::GzipDecompression>();
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
