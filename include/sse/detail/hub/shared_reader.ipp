// SPDX-License-Identifier: MIT
// The bodies of SharedReader. See shared_reader.hpp.

#pragma once

#include <array>
#include <cstddef>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/spin_mutex.hpp"
#include "sse/detail/frame/batch.hpp"
#include "sse/detail/hub/shard.hpp"
#include "sse/detail/hub/shared_reader.hpp"
#include "sse/detail/queue/backlog.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL bool SharedReader::place_at(Backlog& its_backlog, const Backlog::Place& at) {
  if (readers != 0) return backlog == &its_backlog && place.at == at.at;
  wait.place.join(&its_backlog.waits);
  backlog = &its_backlog;
  place = at;
  return true;
}

SSE_DECL void SharedReader::left_place() noexcept {
  if (readers == 0) wait.place.join(nullptr);  // the backlog may go with its last reader
}

SSE_DECL bool SharedReader::is_ready() const noexcept {
  return wait.has_called() || (readers != 0 && (backlog->count(place) != 0 || backlog->count_lost(place) != 0));
}

SSE_DECL std::size_t SharedReader::take_called(std::array<void*, 64>& owners) noexcept {
  const SpinLock lock(shard->mutex);
  std::size_t count = 0;
  while (count < owners.size() && wait.has_called()) owners[count++] = wait.take_called();
  return count;
}

SSE_DECL SharedReader::Step SharedReader::take_batch(BatchPart& part) {
  const SpinLock lock(shard->mutex);
  if (wait.has_called()) return Step::called;
  if (readers == 0) return Step::nothing;
  if (backlog->count_lost(place) != 0) return Step::lost;
  if (backlog->count(place) == 0) return Step::nothing;
  part = backlog->read_batch(place, readers);
  shard->counts.delivered += part.size * readers;
  shard->counts.written_bytes += part.bytes() * readers;
  return Step::events;
}

SSE_DECL void SharedReader::count_bytes(std::size_t bytes) noexcept {
  const SpinLock lock(shard->mutex);
  shard->counts.written_bytes += bytes;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
