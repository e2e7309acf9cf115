// SPDX-License-Identifier: MIT
// The bodies of GzipChain and GzipTap. See gzip_chain.hpp.

#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/mutex.hpp"
#include "sse/detail/base/owned.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/batch.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/frame/packed_group.hpp"
#include "sse/detail/gzip/gzip_chain.hpp"
#include "sse/detail/gzip/zlib.hpp"
#include "sse/event.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The number of an event in a chain. 0: it is not there.
inline std::uint64_t number_in(std::uint64_t chain, const Event& event) noexcept {
  const ChainLink* const link = EventFactory::link(event, chain);
  return link ? link->number : 0;
}

SSE_DECL bool GzipChain::number(const Event& event) noexcept {
  const MutexLock lock(mutex_);
  if (!has_enough_readers()) return false;  // the last one has just gone
  return EventFactory::add_link(event, id(), ++last_);
}

SSE_DECL void GzipChain::add(const Event& event) noexcept {
  const MutexLock lock(mutex_);
  if (!has_enough_readers()) return;                          // likewise
  if (waiting_.size() >= max_waiting_) waiting_.pop_front();  // the gap begins the compressor anew
  try {
    waiting_.push_back(event);
  } catch (const std::bad_alloc&) {  // likewise
    return;
  }
  something_waits_.store(true, std::memory_order_release);
}

SSE_DECL Owned<EventTap> GzipChain::open_tap(std::size_t max_queue_size) {
  Owned<GzipTap> tap(new GzipTap(*this));
  const MutexLock lock(mutex_);
  // A number is left out, so that the first readers need no text of the time without any.
  if (readers_.fetch_add(1, std::memory_order_relaxed) + 1 == place_.least_readers) ++last_;
  max_waiting_ = std::max(max_waiting_, max_queue_size);
  return Owned<EventTap>(tap.release());
}

SSE_DECL void GzipChain::close_tap() noexcept {
  const MutexLock lock(mutex_);
  const std::size_t left = readers_.fetch_sub(1, std::memory_order_relaxed) - 1;
  if (left == 0) max_waiting_ = 1;
  if (left >= place_.least_readers) return;
  waiting_.clear();
  something_waits_.store(false, std::memory_order_relaxed);
}

SSE_DECL void GzipChain::count_sent(std::size_t packed, std::size_t stored, std::uint64_t saved) noexcept {
  ChainCounters& counters = place_.counters;
  if (packed != 0) counters.sent_packed.fetch_add(packed, std::memory_order_relaxed);
  if (stored != 0) counters.sent_stored.fetch_add(stored, std::memory_order_relaxed);
  counters.saved_bytes.fetch_add(saved, std::memory_order_relaxed);
}

SSE_DECL void GzipChain::pack_waiting() noexcept {
  if (!something_waits_.load(std::memory_order_acquire)) return;
  const MutexLock lock(packing_);
  pack_some((std::numeric_limits<std::uint64_t>::max)());
}

SSE_DECL void GzipChain::pack_up_to(std::uint64_t number) noexcept {
  const MutexLock lock(packing_);
  while (expected_ <= number && pack_some(number)) {
  }
}

SSE_DECL std::size_t GzipChain::take_waiting(std::array<Event, max_at_once>& events, std::uint64_t last) noexcept {
  const MutexLock lock(mutex_);
  std::size_t count = 0;
  while (count < events.size() && !waiting_.empty() && number_in(id(), waiting_.front()) <= last) {
    events[count++] = std::move(waiting_.front());
    waiting_.pop_front();
  }
  if (waiting_.empty()) something_waits_.store(false, std::memory_order_relaxed);
  return count;
}

SSE_DECL bool GzipChain::pack_some(std::uint64_t last) noexcept {
  std::array<Event, max_at_once> events;
  const std::size_t count = take_waiting(events, last);
  for (std::size_t begin = 0; begin < count;) {
    std::size_t end = begin, bytes = 0;
    const std::uint64_t first = number_in(id(), events[begin]);
    while (end < count && end - begin < max_group && bytes < max_group_bytes &&
           number_in(id(), events[end]) == first + (end - begin))
      bytes += events[end++].frame().size();
    try {
      pack_group(&events[begin], end - begin);
    } catch (const std::bad_alloc&) {  // these events go out as they are
      expected_ = 0;
    }
    begin = end;
  }
  return count != 0;
}

SSE_DECL void GzipChain::pack_group(const Event* events, std::size_t count) {
  const std::uint64_t first = number_in(id(), *events);
  if (first != expected_) {
    expected_ = 0;
    if (!deflater_.begin()) return;
    text_ = crc_ = 0;
  }
  std::string_view text = events->frame();
  if (count > 1) {
    gathered_.clear();
    for (std::size_t i = 0; i < count; ++i) gathered_.append(events[i].frame());
    text = gathered_;
  }
  expected_ = 0;  // in case of a failure
  const IntrusivePtr<PackedGroup> group(new PackedGroup);
  if (!deflater_.pack(text, packed_)) return;
  group->bytes.assign(packed_);
  group->chain = id();
  group->first = first;
  group->last = first + count - 1;
  group->text_before = text_;
  group->text_size = text.size();
  group->crc_before = crc_;
  group->crc_after = crc_of(crc_, text);
  text_ += text.size();
  crc_ = group->crc_after;
  expected_ = first + count;
  const IntrusivePtr<const PackedGroup> shared(group.get());
  for (std::size_t i = 0; i < count; ++i) EventFactory::link(events[i], id())->set_group(shared);
  ChainCounters& counters = place_.counters;
  counters.events.fetch_add(count, std::memory_order_relaxed);
  counters.groups.fetch_add(1, std::memory_order_relaxed);
  counters.text_bytes.fetch_add(text.size(), std::memory_order_relaxed);
  counters.packed_bytes.fetch_add(packed_.size(), std::memory_order_relaxed);
  constexpr std::size_t most_kept = 64 * 1024;
  if (packed_.capacity() > most_kept) packed_ = {};
  if (gathered_.capacity() > most_kept) gathered_ = {};
}

SSE_DECL void PackedBatch::add_bytes(const void* added, std::size_t size) noexcept {
  const std::size_t begin = kept_bytes.size();
  kept_bytes.append(static_cast<const char*>(added), size);
  add_frame(kept_bytes.data() + begin, size);
}

/// A group of a chain all of whose events are in a part, from the index `begin` on. Null: there is none.
inline const PackedGroup* whole_group(std::uint64_t chain, const Batch& batch, std::size_t begin,
                                      std::size_t end) noexcept {
  const ChainLink* const link = EventFactory::link(batch.event(begin), chain);
  const PackedGroup* const group = link ? link->group() : nullptr;
  if (!group || link->number != group->first) return nullptr;
  const std::uint64_t behind_first = group->last - group->first;
  if (behind_first >= end - begin) return nullptr;
  // Each of them is looked at: another event may be between them, or one may have been lost.
  for (std::uint64_t i = 1; i <= behind_first; ++i)
    if (number_in(chain, batch.event(begin + static_cast<std::size_t>(i))) != group->first + i) return nullptr;
  return group;
}

SSE_DECL std::uint64_t GzipStream::number_of(const Event& event) const noexcept {
  return number_in(chain_.id(), event);
}

SSE_DECL bool GzipStream::may_follow(const PackedGroup& group) const noexcept {
  const std::uint64_t needed = std::min<std::uint64_t>(chain_.window(), group.text_before);
  return needed == 0 || (next_ == group.first && run_ >= needed);
}

SSE_DECL void GzipStream::follow(const PackedGroup& group) noexcept {
  if (next_ != group.first) run_ = 0;
  if (attached_ == 0 || chain_crc_ != group.crc_before || next_ != group.first) {
    detach();
    crc_ ^= group.crc_before;
  }
  attached_ += group.text_size;
  chain_crc_ = group.crc_after;
  run_ += group.text_size;
  next_ = group.last + 1;
  size_ += static_cast<std::uint32_t>(group.text_size);
}

SSE_DECL void GzipStream::detach() noexcept {
  if (attached_ == 0) return;
  crc_ = crc_shift(crc_, attached_) ^ chain_crc_;
  attached_ = 0;
}

SSE_DECL void GzipStream::store(std::string_view text, std::uint64_t number) noexcept {
  if (text.empty()) return;
  detach();
  crc_ = crc_of(crc_, text);
  size_ += static_cast<std::uint32_t>(text.size());
  run_ = number == 0 ? 0 : number == next_ ? run_ + text.size() : text.size();
  next_ = number == 0 ? 0 : number + 1;
}

SSE_DECL BatchPart GzipStream::pack(const BatchPart& part, std::size_t streams) {
  if (part.size == 0) return part;
  const Event& last_event = part.batch->event(part.begin + part.size - 1);
  const ChainLink* const last = EventFactory::link(last_event, chain_.id());
  if (last && !last->group()) chain_.pack_up_to(last->number);
  BatchPart packed;
  if (begun_ && part.size == part.batch->size()) packed = pack_whole(part, streams);
  if (packed.size == 0) packed = pack_each(part, streams);
  packed.more = part.more;
  packed.packed = true;
  return packed;
}

/// All events of a batch, in a form that is shared by all readers who may follow. Empty: there is none, or not for this
/// reader.
SSE_DECL BatchPart GzipStream::pack_whole(const BatchPart& part, std::size_t streams) {
  const Batch& batch = *part.batch;
  IntrusivePtr<Batch> shared = batch.packed();
  if (!shared) {
    std::size_t count = 0;
    const PackedGroup* previous = nullptr;
    for (std::size_t i = 0; i < batch.size(); ++count) {
      const PackedGroup* const group = whole_group(chain_.id(), batch, i, batch.size());
      const bool continues = !previous || (group && group->first == previous->last + 1 &&
                                           group->text_before == previous->text_before + previous->text_size);
      if (!group || !continues) return {};
      i += static_cast<std::size_t>(group->last - group->first) + 1;
      previous = group;
    }
    const IntrusivePtr<PackedBatch> made(new PackedBatch(count));
    made->groups.reserve(count);
    for (std::size_t i = 0; i < batch.size();) {
      const PackedGroup* const group = EventFactory::link(batch.event(i), chain_.id())->group();
      made->groups.emplace_back(group);
      made->add_frame(group->bytes.data(), group->bytes.size());
      i += static_cast<std::size_t>(group->last - group->first) + 1;
    }
    shared = IntrusivePtr<Batch>(made.get());
    batch.keep_packed(shared);
  }
  const auto& packed = static_cast<const PackedBatch&>(*shared);
  // Its topics may have changed since it had its tap: then the batch is another chain's.
  if (packed.groups.front()->chain != chain_.id() || !may_follow(*packed.groups.front())) return {};
  for (const IntrusivePtr<const PackedGroup>& group : packed.groups) follow(*group);
  chain_.count_sent(streams * batch.size(), 0, streams * (std::uint64_t{batch.bytes()} - packed.bytes()));
  return {shared, 0, shared->size(), false};
}

/// Appends blocks to a PackedBatch. Text that is stored is put together in blocks as large as possible.
class GzipStream::Writer {
 public:
  explicit Writer(PackedBatch& batch) noexcept : batch_(batch) {}

  void pack(const PackedGroup& group) noexcept {
    batch_.groups.emplace_back(&group);
    batch_.add_frame(group.bytes.data(), group.bytes.size());
  }
  void pack_nothing() noexcept { begin_block(0); }
  /// Appends text, and its blocks' heads. `follows`: bytes that are stored behind it.
  void store(std::string_view text, std::uint64_t follows) noexcept {
    while (!text.empty()) {
      if (left_ == 0) begin_block(std::min<std::uint64_t>(text.size() + follows, max_block));
      const std::size_t size = std::min(text.size(), left_);
      batch_.add_frame(text.data(), size);
      text.remove_prefix(size);
      left_ -= size;
    }
  }

  static constexpr std::size_t max_block = 65'535, head_size = 5;

 private:
  void begin_block(std::uint64_t size) noexcept {
    const auto low = static_cast<unsigned char>(size & 255), high = static_cast<unsigned char>(size >> 8);
    const unsigned char head[head_size] = {0, low, high, static_cast<unsigned char>(~low),
                                           static_cast<unsigned char>(~high)};
    batch_.add_bytes(head, sizeof head);
    left_ = static_cast<std::size_t>(size);
  }

  PackedBatch& batch_;
  std::size_t left_ = 0;  ///< Bytes that the current block still takes.
};

SSE_DECL BatchPart GzipStream::pack_each(const BatchPart& part, std::size_t streams) {
  const Batch& batch = *part.batch;
  const std::size_t begin = part.begin, end = part.begin + part.size;
  static constexpr unsigned char gzip_head[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
  // A block at most for each event, and one more for each 65,535 bytes.
  const std::size_t blocks = part.size + part.bytes() / Writer::max_block + 1;
  const IntrusivePtr<PackedBatch> packed(new PackedBatch(part.size + 2 * blocks + 2));
  packed->kept_bytes.reserve(blocks * Writer::head_size + sizeof gzip_head);
  packed->groups.reserve(part.size);
  packed->source = part.batch;
  // Nothing below throws.
  std::size_t skip = 0;
  if (!begun_) {
    const std::string_view first(static_cast<const char*>(batch.frames()[begin].data()), batch.frames()[begin].size());
    skip = std::min(first.find("\r\n\r\n") + 4, first.size());
    packed->add_frame(first.data(), skip);
    packed->add_bytes(gzip_head, sizeof gzip_head);
    begun_ = true;
  }
  Writer out(*packed);
  std::size_t as_packed = 0, as_stored = 0;
  const auto text_at = [&](std::size_t i) {
    const std::string_view frame = batch.event(i).frame();
    return i == begin ? frame.substr(skip) : frame;
  };
  for (std::size_t i = begin; i < end;) {
    if (const PackedGroup* const group = whole_group(chain_.id(), batch, i, end); group && may_follow(*group)) {
      out.pack(*group);
      follow(*group);
      const std::size_t count = static_cast<std::size_t>(group->last - group->first) + 1;
      as_packed += count;
      i += count;
      continue;
    }
    if (const std::string_view only = text_at(i); only.empty()) {
      if (skip == 0) out.pack_nothing();  // a keep-alive; otherwise the head of the response was all
      ++i;
      continue;
    }
    // The text up to the next group that may follow is stored together. Whether one may depends on the text before it.
    std::size_t next = i;
    std::uint64_t bytes = 0;
    do {
      const std::string_view text = text_at(next);
      store(text, number_of(batch.event(next)));
      bytes += text.size();
      ++next, ++as_stored;
      if (next == end || text_at(next).empty()) break;
      const PackedGroup* const group = whole_group(chain_.id(), batch, next, end);
      if (group && may_follow(*group)) break;
    } while (true);
    for (; i < next; ++i) {
      const std::string_view text = text_at(i);
      bytes -= text.size();
      out.store(text, bytes);
    }
  }
  chain_.count_sent(streams * as_packed, streams * as_stored,
                    streams * (std::uint64_t{part.bytes()} - packed->bytes()));
  return {IntrusivePtr<Batch>(packed.get()), 0, packed->size(), false};
}

SSE_DECL BatchPart GzipStream::end() {
  const IntrusivePtr<PackedBatch> packed(new PackedBatch(1));
  packed->kept_bytes.reserve(10);
  detach();
  unsigned char trailer[10] = {3, 0};  // an empty last block
  for (unsigned i = 0; i < 4; ++i) {
    trailer[2 + i] = static_cast<unsigned char>(crc_ >> (8 * i));
    trailer[6 + i] = static_cast<unsigned char>(size_ >> (8 * i));
  }
  packed->add_bytes(trailer, sizeof trailer);
  chain_.count_sent(0, 0, 0 - std::uint64_t{sizeof trailer});
  return {IntrusivePtr<Batch>(packed.get()), 0, packed->size(), false};
}

SSE_DECL void GzipStream::begin_behind(const GzipStream& other) noexcept {
  next_ = other.next_;
  run_ = other.run_;
  begun_ = true;
}

SSE_DECL bool GzipStream::enter(GzipStream& shared, std::uint64_t total) noexcept {
  if (next_ != shared.next_) return false;
  detach();
  shared.detach();
  crc_ ^= shared.crc_;
  attached_ = total;
  return true;
}

SSE_DECL void GzipStream::leave(GzipStream& shared, std::uint64_t total) noexcept {
  const std::uint64_t size = total - attached_;
  shared.detach();
  crc_ = crc_shift(crc_, size) ^ shared.crc_;
  size_ += static_cast<std::uint32_t>(size);
  next_ = shared.next_;
  run_ = shared.run_;
  attached_ = 0;
}

SSE_DECL Owned<SharedTap> GzipTap::share() const {
  Owned<SharedGzipTap> shared(new SharedGzipTap(stream.chain()));
  shared->begin_behind(stream);
  return Owned<SharedTap>(shared.release());
}

SSE_DECL bool SharedGzipTap::suits(const EventTap& tap) const noexcept {
  const GzipStream& other = static_cast<const GzipTap&>(tap).stream;
  return &other.chain() == &stream_.chain() && other.knows_window() && stream_.knows_window();
}

SSE_DECL bool SharedGzipTap::enter(EventTap& tap) noexcept {
  return suits(tap) && static_cast<GzipTap&>(tap).stream.enter(stream_, total_);
}

SSE_DECL void SharedGzipTap::leave(EventTap& tap) noexcept {
  static_cast<GzipTap&>(tap).stream.leave(stream_, total_);
}

SSE_DECL BatchPart SharedGzipTap::pack(const BatchPart& part, std::size_t connections) {
  BatchPart packed = stream_.pack(part, connections);
  total_ += part.bytes();
  return packed;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
