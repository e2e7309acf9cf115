// SPDX-License-Identifier: MIT
// The interface of a compressor that many readers share. The core knows no more of it than this.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "sse/detail/base/owned.hpp"
#include "sse/detail/frame/batch.hpp"
#include "sse/event.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class SharedTap;

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
  /// True if its connection may share the tap of others that get the same. It may only later.
  virtual bool may_share() const noexcept = 0;
  /// Makes a tap for connections that get the same as this one, which may share.
  virtual Owned<SharedTap> share() const = 0;
};

/// The compressed stream of several connections that all get the same. Used on their strand only; it must not outlive
/// its chain.
class SharedTap {
 public:
  SharedTap() = default;
  SharedTap(const SharedTap&) = delete;
  SharedTap& operator=(const SharedTap&) = delete;
  virtual ~SharedTap() = default;

  /// True if `enter` may succeed at once or later.
  virtual bool suits(const EventTap& tap) const noexcept = 0;
  /// Goes on with the stream of a tap, which is not used until it leaves. False: its text is another.
  virtual bool enter(EventTap& tap) noexcept = 0;
  /// Tells the tap what has gone out since it entered.
  virtual void leave(EventTap& tap) noexcept = 0;
  /// As those of EventTap, for so many connections.
  virtual void prepare() noexcept = 0;
  virtual BatchPart pack(const BatchPart& part, std::size_t connections) = 0;
};

/// The counters of a manager's chains. Stats has them.
struct ChainCounters {
  std::atomic<std::uint64_t> events{0}, groups{0}, text_bytes{0}, packed_bytes{0}, sent_packed{0}, sent_stored{0};
  /// Bytes by which the compressed streams were shorter than their frames. It wraps around while they were longer.
  std::atomic<std::uint64_t> saved_bytes{0};
};

/// The owner of a chain, which may be gone with its last reader.
class ChainOwner {
 public:
  /// Closes a tap of the chain.
  virtual void leave() noexcept = 0;

 protected:
  ~ChainOwner() = default;
};

/// The circumstances of a chain.
struct ChainPlace {
  std::uint64_t id;           ///< ChainLink::all, or a greater one that no other chain of the manager has had.
  std::size_t least_readers;  ///< It compresses for at least so many.
  ChainCounters& counters;
  ChainOwner* owner;  ///< Null: the chain is never gone.
};

/// Events that some connections all get, in their one order, each compressed once. Thread-safe.
class EventChain {
 public:
  explicit EventChain(const ChainPlace& place) noexcept : place_(place) {}
  EventChain(const EventChain&) = delete;
  EventChain& operator=(const EventChain&) = delete;
  virtual ~EventChain() = default;

  std::uint64_t id() const noexcept { return place_.id; }
  std::size_t readers() const noexcept { return readers_.load(std::memory_order_relaxed); }
  bool has_enough_readers() const noexcept { return readers() >= place_.least_readers; }
  /// Gives an event its place (ChainLink). Called in the order in which the connections get the events, and before any
  /// of them or the history can have this one. False: nobody reads.
  virtual bool number(const Event& event) noexcept = 0;
  /// Adds an event that was numbered, whose text does not change any more. In the same order.
  virtual void add(const Event& event) noexcept = 0;
  /// Makes the tap of a connection that has at most so many events waiting.
  virtual Owned<EventTap> open_tap(std::size_t max_queue_size) = 0;
  virtual void close_tap() noexcept = 0;

 protected:
  const ChainPlace place_;  ///< Immutable.
  std::atomic<std::size_t> readers_{0};
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
