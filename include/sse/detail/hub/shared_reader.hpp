// SPDX-License-Identifier: MIT
// One reader in the place of many connections that have read the same. Its driver writes what it reads to all of them.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "sse/detail/async/shared_wait.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/thread_annotations.hpp"
#include "sse/detail/frame/batch.hpp"
#include "sse/detail/hub/shard.hpp"
#include "sse/detail/queue/backlog.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class Connection;

/// One reader of a backlog in the place of many connections. They have one place and one wait; Connection::enter and
/// Connection::leave move them. A connection that is to read by itself, because something is for it alone or it ends,
/// gives up the place at once. It is a called one then, and its driver removes it before this reads again.
///
/// Guarded by shard->mutex, which the functions of the driver lock themselves. The driver leaves with all connections
/// before it destroys this.
class SharedReader : public SharedPlace {
 public:
  /// The result of Connection::enter.
  enum class Entry : std::uint8_t {
    entered,
    behind,   ///< This has yet to read what the connection has read.
    refused,  ///< The connection must read by itself.
  };

  explicit SharedReader(std::shared_ptr<Shard> its_shard) noexcept
      : shard(std::move(its_shard)), wait(shard->mutex, this) {}

  const std::shared_ptr<Shard> shard;  ///< Immutable. Shares the ownership of the hub.
  SharedWait wait;

  /// Tells Clang that the caller holds shard->mutex, which it has locked by another name.
  void assert_locked() const noexcept SSE_ASSERT_CAPABILITY(shard->mutex) {}

  static SharedReader& of(SharedPlace& place) noexcept { return static_cast<SharedReader&>(place); }

  // For Connection:

  /// True if a reader at `at` may share the place. Without readers it moves there.
  bool place_at(Backlog& its_backlog, const Backlog::Place& at) SSE_REQUIRES(shard->mutex);
  /// A connection has given up the place.
  void left_place() noexcept SSE_REQUIRES(shard->mutex);

  // For the driver:

  /// True if connections of this backlog may enter.
  bool reads(const Backlog& other) const noexcept SSE_REQUIRES(shard->mutex) {
    return readers == 0 || backlog == &other;
  }
  /// True if something is to be done.
  bool is_ready() const noexcept SSE_REQUIRES(shard->mutex);

  /// The owners of called connections, which it removes: as many as there is room for. Returns their number.
  std::size_t take_called(std::array<void*, 64>& owners) noexcept SSE_EXCLUDES(shard->mutex);

  enum class Step : std::uint8_t {
    nothing,  ///< Wait.
    called,   ///< Call take_called first.
    lost,     ///< Events are lost: each connection is to leave, and to be told by itself.
    events,   ///< Write `part` to each connection.
  };
  /// Takes events for one write to each connection.
  Step take_batch(BatchPart& part) SSE_EXCLUDES(shard->mutex);
  /// Counts bytes that are written beside events.
  void count_bytes(std::size_t bytes) noexcept SSE_EXCLUDES(shard->mutex);
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/hub/shared_reader.ipp"
#endif
