// SPDX-License-Identifier: MIT
// The interface of a compressor that all readers of a manager share. The core knows no more of it than this.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "sse/detail/base/owned.hpp"
#include "sse/detail/frame/batch.hpp"
#include "sse/event.hpp"
#include "sse/stats.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The compressed stream of one connection. Used by its writer only; it must not outlive its chain.
class EventTap {
 public:
  EventTap() = default;
  EventTap(const EventTap&) = delete;
  EventTap& operator=(const EventTap&) = delete;
  virtual ~EventTap() = default;

  /// Compresses what was emitted before this call. Call it before the events are taken for `pack`.
  virtual void prepare() noexcept = 0;
  /// The bytes that go out for a part of the stream. The first frame of the first part begins with the head of the
  /// response, which goes out as it is. An empty frame becomes a block without text. If it throws, nothing has changed.
  virtual BatchPart pack(const BatchPart& part) = 0;
  /// The bytes at the stream's orderly end. If it throws, nothing has changed.
  virtual BatchPart end() = 0;
};

/// The events of a manager in their one order, each compressed once. Thread-safe.
class EventChain {
 public:
  EventChain() = default;
  EventChain(const EventChain&) = delete;
  EventChain& operator=(const EventChain&) = delete;
  virtual ~EventChain() = default;

  bool has_readers() const noexcept { return readers_.load(std::memory_order_relaxed) != 0; }
  /// Gives an event its number. Called in the order in which the connections get the events, and before any of them or
  /// the history can have this one. False: nobody reads.
  virtual bool number(const Event& event) noexcept = 0;
  /// Adds the event that was numbered last, whose text does not change any more.
  virtual void add(const Event& event) noexcept = 0;
  /// Makes the tap of a connection that has at most so many events waiting.
  virtual Owned<EventTap> open_tap(std::size_t max_queue_size) = 0;
  virtual CompressionStats stats() const noexcept = 0;
  /// Bytes by which the compressed streams were shorter than their frames. It wraps around while they were longer.
  virtual std::uint64_t saved_bytes() const noexcept = 0;

 protected:
  std::atomic<std::size_t> readers_{0};
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
