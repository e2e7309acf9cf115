// SPDX-License-Identifier: MIT
// Some consecutive events that were compressed together. Each of them refers to its group.

#pragma once

#include <cstdint>
#include <string>

#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The compressed form of some consecutive events of a chain (detail/gzip/event_chain.hpp). Immutable once an event
/// refers to it.
struct PackedGroup : RefCounted {
  std::uint64_t first = 0, last = 0;  ///< Numbers in the chain of its first and last event.
  std::uint64_t text_before = 0;      ///< Bytes of text since the compressor was started, without the group's.
  std::uint64_t text_size = 0;        ///< Bytes of its text.
  std::uint32_t crc_before = 0, crc_after = 0;  ///< CRC-32 of the text since then, without and with the group's.
  std::string bytes;                            ///< Begins and ends at a byte, and may be followed by any other block.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
