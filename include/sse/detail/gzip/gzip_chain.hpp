// SPDX-License-Identifier: MIT
// One raw deflate stream over events that many connections get, and the gzip streams that are put together from its
// blocks. It knows no socket.

#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/mutex.hpp"
#include "sse/detail/base/owned.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/thread_annotations.hpp"
#include "sse/detail/frame/batch.hpp"
#include "sse/detail/frame/packed_group.hpp"
#include "sse/detail/gzip/event_chain.hpp"
#include "sse/detail/gzip/zlib.hpp"
#include "sse/event.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// GzipOptions.
struct GzipSettings {
  int level, window_bits, mem_level;
};

/// The chain. A decoder carries one thing from one block to the next, if both begin at a byte: its last 32 KiB of text
/// (RFC 1951, 2). So a connection may get a group as soon as the last bytes that it got are those before the group in
/// the chain, as many as the group may refer to. It does not matter in which form it got them.
///
/// The compressor begins anew, and refers to nothing before, whenever the next event to compress is not the one behind
/// the last: after one was left out, a failure, or a time without readers.
class GzipChain final : public EventChain {
 public:
  /// Events in one group, and bytes of text that end it.
  static constexpr std::size_t max_group = 64, max_group_bytes = 16 * 1024;

  GzipChain(const GzipSettings& settings, const ChainPlace& place)
      : EventChain(place), deflater_(settings.level, settings.window_bits, settings.mem_level) {}

  bool number(const Event& event) noexcept override;
  void add(const Event& event) noexcept override;
  Owned<EventTap> open_tap(std::size_t max_queue_size) override;
  void close_tap() noexcept override;

  /// Compresses the waiting events.
  void pack_waiting() noexcept;
  /// Compresses the waiting events up to that number, where a group ends, or waits for the thread that does.
  void pack_up_to(std::uint64_t number) noexcept;
  std::size_t window() const noexcept { return deflater_.window(); }

  /// Closes a tap, after which the chain may be gone.
  void leave() noexcept { place_.owner ? place_.owner->leave() : close_tap(); }
  void count_sent(std::size_t packed, std::size_t stored, std::uint64_t saved) noexcept;

 private:
  static constexpr std::size_t max_at_once = 256;

  bool pack_some(std::uint64_t last) noexcept SSE_REQUIRES(packing_);
  /// Compresses consecutive events together.
  void pack_group(const Event* events, std::size_t count) SSE_REQUIRES(packing_);
  std::size_t take_waiting(std::array<Event, max_at_once>& events, std::uint64_t last) noexcept SSE_EXCLUDES(mutex_);

  Mutex mutex_;  ///< Held for a push or a few pops only, because emitters wait for it.
  std::deque<Event> waiting_ SSE_GUARDED_BY(mutex_);
  std::size_t max_waiting_ SSE_GUARDED_BY(mutex_) = 1;  ///< The largest max_queue_size of a reader.
  std::uint64_t last_ SSE_GUARDED_BY(mutex_) = 0;       ///< Number of the last event.
  std::atomic<bool> something_waits_{false};            ///< Written under mutex_.

  Mutex packing_;  ///< Locked before mutex_.
  Deflater deflater_;
  std::uint64_t expected_ SSE_GUARDED_BY(packing_) = 0;  ///< The number that continues. 0: none does.
  std::uint64_t text_ SSE_GUARDED_BY(packing_) = 0;      ///< Bytes since the compressor began.
  std::uint32_t crc_ SSE_GUARDED_BY(packing_) = 0;       ///< Their CRC.
  std::string gathered_ SSE_GUARDED_BY(packing_), packed_ SSE_GUARDED_BY(packing_);  ///< Kept for their memory.
};

/// Compressed frames, and all that they refer to.
class PackedBatch final : public Batch {
 public:
  explicit PackedBatch(std::size_t frames) : Batch(0, frames) {}

  using Batch::add_frame;
  /// Appends bytes that the batch keeps. Call it for at most as many as were reserved.
  void add_bytes(const void* bytes, std::size_t size) noexcept;

  std::string kept_bytes;
  std::vector<IntrusivePtr<const PackedGroup>> groups;
  IntrusivePtr<Batch> source;  ///< Null: no frame refers to it.
};

/// A gzip stream (RFC 1952) that is put together from the chain's blocks.
class GzipStream {
 public:
  explicit GzipStream(GzipChain& chain) noexcept : chain_(chain) {}

  GzipChain& chain() const noexcept { return chain_; }
  /// As EventTap::pack. `streams`: so many connections get it.
  BatchPart pack(const BatchPart& part, std::size_t streams);
  BatchPart end();

  /// True if the last text is at least a window of consecutive text of the chain.
  bool knows_window() const noexcept { return run_ >= chain_.window(); }
  /// Begins a stream that others go on with, behind the text of `other`.
  void begin_behind(const GzipStream& other) noexcept;
  /// Goes on with another stream, which is behind the same text: `total` bytes of it so far.
  bool enter(GzipStream& shared, std::uint64_t total) noexcept;
  /// Goes on by itself, behind the text of the other stream, of which there are `total` bytes now.
  void leave(GzipStream& shared, std::uint64_t total) noexcept;

 private:
  class Writer;

  BatchPart pack_whole(const BatchPart& part, std::size_t streams);
  BatchPart pack_each(const BatchPart& part, std::size_t streams);
  /// True if the client's inflater knows all text that the group may refer to.
  bool may_follow(const PackedGroup& group) const noexcept;
  void follow(const PackedGroup& group) noexcept;
  /// Text that went out as it is. `number`: of its event in the chain, 0: it is none of the chain's.
  void store(std::string_view text, std::uint64_t number) noexcept;
  /// The number of an event in the chain. 0: it is not there.
  std::uint64_t number_of(const Event& event) const noexcept;
  void detach() noexcept;

  GzipChain& chain_;
  std::uint64_t next_ = 0;  ///< Number of the event behind the last text. 0: the last text is none of the chain's.
  std::uint64_t run_ = 0;   ///< Bytes of the last texts that are consecutive in the chain.
  /// Bytes that have gone out since crc_ was computed, all of them consecutive in the chain. While it goes on with a
  /// shared stream: the bytes of that when it entered.
  std::uint64_t attached_ = 0;
  /// The CRC of all text; while attached, ^ the chain's at that moment; while it goes on with a shared stream, ^ that
  /// stream's.
  std::uint32_t crc_ = 0;
  std::uint32_t chain_crc_ = 0;  ///< While attached: the chain's CRC at the end of the last group.
  std::uint32_t size_ = 0;       ///< Bytes of all text, modulo 2^32.
  bool begun_ = false;
};

/// The gzip stream of one connection.
class GzipTap final : public EventTap {
 public:
  explicit GzipTap(GzipChain& chain) noexcept : stream(chain) {}
  ~GzipTap() override { stream.chain().leave(); }

  void prepare() noexcept override { stream.chain().pack_waiting(); }
  BatchPart pack(const BatchPart& part) override { return stream.pack(part, 1); }
  BatchPart end() override { return stream.end(); }
  bool may_share() const noexcept override { return stream.knows_window(); }
  Owned<SharedTap> share() const override;

  GzipStream stream;
};

/// The gzip stream of several connections. Two streams with the CRCs A and B that go on with the same text have a
/// difference of CRCs, A ^ B, which depends on the length of that text alone. So none of them is computed meanwhile.
class SharedGzipTap final : public SharedTap {
 public:
  explicit SharedGzipTap(GzipChain& chain) noexcept : stream_(chain) {}

  bool suits(const EventTap& tap) const noexcept override;
  bool enter(EventTap& tap) noexcept override;
  void leave(EventTap& tap) noexcept override;
  void prepare() noexcept override { stream_.chain().pack_waiting(); }
  BatchPart pack(const BatchPart& part, std::size_t connections) override;

  void begin_behind(const GzipStream& first) noexcept { stream_.begin_behind(first); }

 private:
  GzipStream stream_;
  std::uint64_t total_ = 0;  ///< Bytes of its text.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/gzip/gzip_chain.ipp"
#endif
