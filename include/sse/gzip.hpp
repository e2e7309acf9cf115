// SPDX-License-Identifier: MIT
// Compresses the events of a manager once for all of its clients, with zlib. Link sse::gzip, or zlib.

#pragma once

#include <memory>

#include "sse/compression.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// The settings of a compressor, as zlib's deflateInit2 takes them. By default it has 64 KiB a manager.
struct GzipOptions {
  GzipOptions() = default;

  int level = 6;  ///< 1 (fast) to 9 (small).
  int window_bits =
      13;             ///< 9 to 15. A new client gets 2^window_bits bytes as they are, before it gets compressed ones.
  int mem_level = 6;  ///< 1 to 9.
};

/// Compression for Options::compression. `serve` and `write_events` then answer a client whose `Accept-Encoding` allows
/// it with `Content-Encoding: gzip`. Each event is compressed once, whatever the number of clients.
///
/// Connections with topics, with a filter or with OverflowPolicy::keep_newest get plain text, and so does one whose
/// ConnectionOptions::compress is false. An event for one connection alone (send_event) goes out as it is.
///
/// The lengths of compressed text tell what it contains: do not compress a stream that holds both a secret and text
/// that a stranger chose. A manager's events are compressed together: all that get one may see all of them.
///
/// @throws Error   for an option that zlib does not take.
std::shared_ptr<const Compression> gzip(const GzipOptions& options = {});

/// The decoder for ClientOptions::decoder. The client then asks for `gzip`, and decodes at most 16 KiB of text while a
/// message waits to be read, however little of the answer stands for it. Bytes that cannot be decoded, and an end in
/// the middle, are a cut: the client comes back with the last id.
std::shared_ptr<const Decompression> gunzip();

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/gzip/gzip.ipp"
#endif
