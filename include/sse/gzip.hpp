// SPDX-License-Identifier: MIT
// Compresses the events of a manager once for all of its clients, with zlib. Link sse::gzip, or zlib.

#pragma once

#include <memory>

#include "sse/compression.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// The settings of compressors, as zlib's deflateInit2 takes them. By default each has 64 KiB.
struct GzipOptions {
  GzipOptions() = default;

  int level = 6;  ///< 1 (fast) to 9 (small).
  int window_bits =
      13;             ///< 9 to 15. A new client gets 2^window_bits bytes as they are, before it gets compressed ones.
  int mem_level = 6;  ///< 1 to 9.
  /// The most compressors of a manager, 1 to 1,024: one for the connections that get every event, and one for each set
  /// of topics that connections have in common. A connection with a further set gets plain text.
  int max_compressors = 256;
};

/// Compression for Options::compression. `serve` and `write_events` then answer a client whose `Accept-Encoding` allows
/// it with `Content-Encoding: gzip`. Each event is compressed once, whatever the number of clients.
///
/// Connections with the same topics, at most 32, are compressed together, apart from all others: the first of them gets
/// plain text, as long as it stays. Connections with a filter or with OverflowPolicy::keep_newest get plain text, and
/// so does one whose ConnectionOptions::compress is false. An event for one connection alone (send_event) goes out as
/// it is, and so does what a connection gets when its topics have changed.
///
/// The lengths of compressed text tell what it contains: do not compress a stream that holds both a secret and text
/// that a stranger chose. An event is compressed only with events that its readers get, too.
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
