// SPDX-License-Identifier: MIT
// Some consecutive events that were compressed together, and the place of an event among them.

#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/owned.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The compressed form of some consecutive events of a chain (detail/gzip/event_chain.hpp). Immutable once an event
/// refers to it.
struct PackedGroup : RefCounted {
  std::uint64_t chain = 0;            ///< EventChain::id.
  std::uint64_t first = 0, last = 0;  ///< Numbers in the chain of its first and last event.
  std::uint64_t text_before = 0;      ///< Bytes of text since the compressor was started, without the group's.
  std::uint64_t text_size = 0;        ///< Bytes of its text.
  std::uint32_t crc_before = 0, crc_after = 0;  ///< CRC-32 of the text since then, without and with the group's.
  std::string bytes;                            ///< Begins and ends at a byte, and may be followed by any other block.
};

/// The place of an event in one of its chains. Immutable once the event is published, but for its group.
struct ChainLink {
  /// The chain of all events.
  static constexpr std::uint64_t all = 1;

  ChainLink(std::uint64_t its_chain, std::uint64_t its_number, Owned<ChainLink> others) noexcept
      : chain(its_chain), number(its_number), next(std::move(others)) {}

  /// Null: the event is not compressed, or not yet.
  const PackedGroup* group() const noexcept { return packed_.load(std::memory_order_acquire) ? &*group_ : nullptr; }
  /// Called once.
  void set_group(const IntrusivePtr<const PackedGroup>& group) noexcept {
    group_ = group;
    packed_.store(true, std::memory_order_release);
  }

  const std::uint64_t chain;    ///< EventChain::id.
  const std::uint64_t number;   ///< In the order of publishing, from 1.
  const Owned<ChainLink> next;  ///< Its place in another chain.

 private:
  IntrusivePtr<const PackedGroup> group_;  ///< Immutable once `packed_` is true.
  std::atomic<bool> packed_{false};
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
