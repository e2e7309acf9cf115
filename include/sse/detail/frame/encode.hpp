// SPDX-License-Identifier: MIT
// Encodes an event into its frame, once. Everything that goes on the wire as an event passes through here.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "sse/detail/base/name_hash.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/event_text.hpp"
#include "sse/detail/frame/packed_group.hpp"
#include "sse/event.hpp"
#include "sse/version.hpp"
#include "sse/wire.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

using SystemTime = std::chrono::system_clock::time_point;
using ClockFunction = std::function<SystemTime()>;

/// The form of an encoded event. It refers to its texts and its clock, which must outlive it.
struct EncodeOptions {
  bool named = false;   ///< Also write the type as the frame's `event:` field.
  bool has_id = false;  ///< Leave room for an id, which EventFactory::set_id writes.
  EventKind kind = EventKind::envelope;
  std::string_view topic = {}, key = {};
  const ClockFunction* clock = nullptr;                 ///< Null or empty: the system's.
  std::optional<std::chrono::milliseconds> retry = {};  ///< Write a `retry:` field before the data.
};

/// The time that a clock tells. Null or empty: the system's.
SystemTime time_of(const ClockFunction* clock);

/// Makes events, and gives them ids.
class EventFactory {
 public:
  static constexpr std::size_t id_room = sizeof("id: 18446744073709551615-18446744073709551615");

  /// `write_data(std::string& text, std::string& tail)` appends the `data` lines to the text, each with its LF, and
  /// returns which part of it is the JSON. Data that are in no part of the text, because they have several lines, go
  /// to `tail`.
  template <class WriteData>
  static Event make(std::string_view type, const EncodeOptions& form, SystemTime time, std::size_t size_hint,
                    WriteData&& write_data) {
    Event event = begin(type, form, time, size_hint);
    EventText& shared = event.count_->shared();
    std::string tail;
    shared.json = write_data(shared.text, tail);
    finish(shared, type, form, tail);
    return event;
  }

  /// Makes an event of bytes that go on the wire between events: a response head, a comment.
  static Event raw(std::string bytes);

  /// Writes the id `<start>-<n>` into the room that EncodeOptions::has_id left, and numbers the event in its manager.
  /// Other copies of the event get no id.
  static void set_id(Event& event, std::uint64_t start, std::uint64_t n, std::uint64_t sequence);
  /// Whether the event has room for an id, so that it is kept in the history.
  static bool has_id_room(const Event& event) noexcept { return event.count_->shared().frame.begin != 0; }

  /// The event's number in its manager. 0: it has no id.
  static std::uint64_t sequence(const Event& event) noexcept { return event.count_->shared().sequence; }
  static EventKind kind(const Event& event) noexcept { return event.count_->shared().kind; }
  /// Numbers an event that has no id.
  static void set_sequence(Event& event, std::uint64_t sequence) noexcept {
    event.count_->shared().sequence = sequence;
  }
  static SystemTime time(const Event& event) noexcept { return event.count_->shared().time; }
  static std::uint64_t key_hash(const Event& event) noexcept { return event.count_->shared().key_hash; }

  /// The event's first place in a chain. The others follow by `next`. Null: it is in none.
  static ChainLink* links(const Event& event) noexcept {
    const EventText& shared = event.count_->shared();
    return shared.links ? &*shared.links : nullptr;
  }
  /// The event's place in this chain. Null: it is not there.
  static ChainLink* link(const Event& event, std::uint64_t chain) noexcept {
    ChainLink* one = links(event);
    while (one && one->chain != chain) one = one->next ? &*one->next : nullptr;
    return one;
  }
  /// Gives an event that is not published yet a place in one more chain. False: there is no memory.
  static bool add_link(const Event& event, std::uint64_t chain, std::uint64_t number) noexcept;

  /// Copies an event and counts the copy at `place` of `others`, which must be free.
  static Event copy(const Event& event, EventCounts& others, std::size_t place) noexcept;

 private:
  static Event begin(std::string_view type, const EncodeOptions& form, SystemTime time, std::size_t size_hint);
  static void finish(EventText& shared, std::string_view type, const EncodeOptions& form, const std::string& tail);
  static Event clone(const Event& event);
};

/// EventFactory::raw.
Event raw_frame(std::string bytes);

/// Appends `text` as a JSON string.
void append_quoted(std::string& out, std::string_view text);

/// Appends Unix seconds with six decimals.
void append_timestamp(std::string& out, SystemTime when);

/// Encodes one `data:` line, to which `write_json(std::string&)` appends JSON in UTF-8.
template <class WriteJson>
Event encode_event(std::string_view type, const EncodeOptions& form, SystemTime time, std::size_t size_hint,
                   WriteJson&& write_json) {
  return EventFactory::make(type, form, time, size_hint, [&](std::string& out, std::string&) {
    out.append("data: ");
    const std::size_t begin = out.size();
    write_json(out);
    const EventText::Part written{begin, out.size() - begin};
    out.push_back('\n');
    return written;
  });
}

/// Encodes `{"type":…,"data":…,"timestamp":…}` around `data`, which is JSON already: one line of UTF-8.
Event encode_data(std::string_view type, const EncodeOptions& form, std::string_view data);

/// Encodes `json`, the JSON text of an event as encode_data has made it. CR, LF and NUL become spaces.
Event encode_text(std::string_view type, const EncodeOptions& form, std::string_view json);

/// Encodes a message as it is: the type as its `event:` field, and a `data:` line for each line of `data`.
Event encode_message(std::string_view type, EncodeOptions form, std::string_view data);

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/frame/encode.ipp"
#endif
