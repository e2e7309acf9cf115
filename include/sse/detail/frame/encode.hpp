// SPDX-License-Identifier: MIT
// Encodes an event into its frame, once. Everything that goes on the wire as an event passes through here.

#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sse/detail/frame/event_text.hpp"
#include "sse/error.hpp"
#include "sse/event.hpp"
#include "sse/version.hpp"
#include "sse/wire.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Appends `text` as a JSON string.
inline void append_quoted(std::string& out, std::string_view text) {
  bool plain = true;
  for (const char c : text) plain = plain && c >= ' ' && c <= '~' && c != '"' && c != '\\';
  if (plain) {
    out.append(1, '"').append(text).append(1, '"');
    return;
  }
  constexpr std::string_view hex = "0123456789abcdef";
  std::string decoded;
  wire::append_utf8(decoded, text);
  out.push_back('"');
  for (const char c : decoded) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < ' ') {
      out.append("\\u00").append(1, hex[byte >> 4]).append(1, hex[byte & 15]);
    } else {
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
  }
  out.push_back('"');
}

/// Appends Unix seconds with six decimals.
inline void append_timestamp(std::string& out, std::chrono::system_clock::time_point when) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(when.time_since_epoch()).count();
  auto rest = static_cast<std::uint32_t>(us % 1'000'000);
  char fraction[7] = {'.'};
  for (int i = 6; i > 0; --i, rest /= 10) fraction[i] = static_cast<char>('0' + rest % 10);
  out.append(std::to_string(us / 1'000'000)).append(fraction, sizeof fraction);
}

using ClockFunction = std::function<std::chrono::system_clock::time_point()>;

/// Null or empty: the system's.
inline std::chrono::system_clock::time_point time_of(const ClockFunction* clock) {
  return clock && *clock ? (*clock)() : std::chrono::system_clock::now();
}

/// How an event is written.
struct EncodeOptions {
  bool named = false;   ///< the frame has the type as its `event:` field
  bool has_id = false;  ///< the frame gets an id later
  std::string_view topic = {}, key = {};
  const ClockFunction* clock = nullptr;
  std::optional<std::chrono::milliseconds> retry = {};  ///< a `retry:` goes before it
};

/// Makes events, and gives them ids.
class EventFactory {
 public:
  static constexpr std::size_t id_room = sizeof("id: 18446744073709551615-18446744073709551615");

  /// `write_data(std::string&)` appends the `data` lines, each with its LF, and returns where in it the JSON is; a
  /// text that is not in it comes back by `tail`.
  template <class WriteData>
  static Event make(std::string_view type, const EncodeOptions& form, std::size_t size_hint, WriteData&& write_data) {
    Event event;
    auto* const shared = new EventText;
    event.count_ = shared;
    std::string& text = shared->text;
    text.reserve(size_hint + 2 * type.size() + form.topic.size() + form.key.size() + id_room + 80);
    if (form.has_id) text.append(id_room, '\0');
    shared->frame.begin = text.size();
    if (form.retry) wire::append_field(text, "retry", std::to_string(form.retry->count())), text.push_back('\n');
    if (form.named && !type.empty()) wire::append_field(text, "event", type);
    std::string tail;
    shared->json = write_data(text, tail);
    text.push_back('\n');
    shared->frame.size = text.size() - shared->frame.begin;
    shared->type = append(text, type);
    shared->topic = append(text, form.topic);
    shared->key = append(text, form.key);
    if (!tail.empty()) shared->json = append(text, tail);
    return event;
  }

  /// Writes the id `<start>-<n>` into the head room. The copies that others have keep none.
  static void set_id(Event& event, std::uint64_t start, std::uint64_t n) {
    if (event.count_->shared().copies.load(std::memory_order_acquire) != 1) event = clone(event);
    EventText& shared = event.count_->shared();
    const std::string id = std::to_string(start) + '-' + std::to_string(n);
    const std::size_t size = id.size() + 5, begin = shared.frame.begin - size;
    shared.text.replace(begin, size, "id: " + id + '\n');
    shared.id = {begin + 4, id.size()};
    shared.frame = {begin, shared.frame.size + size};
    shared.sequence = n;
  }

  /// The id's second number; 0: the event has none.
  static std::uint64_t sequence(const Event& event) noexcept { return event.count_->shared().sequence; }

  /// A copy that is counted at `place` of `others`, which is free.
  static Event copy(const Event& event, EventCounts& others, std::size_t place) noexcept {
    EventText& shared = event.count_->shared();
    shared.copies.fetch_add(1, std::memory_order_relaxed);
    others.used.fetch_add(1, std::memory_order_relaxed);
    others.texts[place] = &shared;
    Event made;
    made.count_ = &others.counts[place];
    made.count_->copies.store(1, std::memory_order_relaxed);
    made.count_->place = static_cast<std::uint32_t>(place);
    return made;
  }

  /// Bytes that go on the wire between events: a response head, a comment.
  static Event raw(std::string bytes) {
    Event event;
    auto* const shared = new EventText;
    event.count_ = shared;
    shared->frame.size = bytes.size();
    shared->text = std::move(bytes);
    return event;
  }

 private:
  static EventText::Part append(std::string& text, std::string_view part) {
    text.append(part);
    return {text.size() - part.size(), part.size()};
  }

  static Event clone(const Event& event) {
    const EventText& from = event.count_->shared();
    Event copy = raw(from.text);
    EventText& to = copy.count_->shared();
    to.frame = from.frame, to.id = from.id, to.json = from.json;
    to.type = from.type, to.topic = from.topic, to.key = from.key;
    return copy;
  }
};

inline Event raw_frame(std::string bytes) {
  return EventFactory::raw(std::move(bytes));
}

/// One `data:` line; `write_json(std::string&)` appends it: JSON, UTF-8.
template <class WriteJson>
Event encode_event(std::string_view type, const EncodeOptions& form, std::size_t size_hint, WriteJson&& write_json) {
  return EventFactory::make(type, form, size_hint, [&](std::string& out, std::string&) {
    out.append("data: ");
    const std::size_t begin = out.size();
    write_json(out);
    const EventText::Part written{begin, out.size() - begin};
    out.push_back('\n');
    return written;
  });
}

/// `{"type":…,"data":…,"timestamp":…}` around `data`, which is JSON already: one line, UTF-8.
inline Event encode_data(std::string_view type, const EncodeOptions& form, std::string_view data) {
  return encode_event(type, form, data.size() + type.size(), [&](std::string& out) {
    append_quoted(out.append("{\"type\":"), type);
    out.append(",\"data\":").append(data).append(",\"timestamp\":");
    append_timestamp(out, time_of(form.clock));
    out.push_back('}');
  });
}

/// A message as it is: the type as its `event:` field, and a `data:` line for each line of `data`.
inline Event encode_message(std::string_view type, EncodeOptions form, std::string_view data) {
  form.named = true;
  return EventFactory::make(type, form, data.size(), [&](std::string& out, std::string& tail) {
    const bool one_line = data.find_first_of("\r\n") == data.npos;
    EventText::Part line;
    for (bool more = true; more;) {
      const std::size_t end = data.find_first_of("\r\n");
      out.append("data: ");
      line.begin = out.size();
      wire::append_line(out, data.substr(0, end));
      line.size = out.size() - line.begin;
      if (!one_line) tail.append(out, line.begin);
      out.push_back('\n');
      more = end != data.npos;
      if (!more) break;
      data.remove_prefix(end + (data.substr(end).starts_with("\r\n") ? 2 : 1));
      tail.push_back('\n');
    }
    return line;
  });
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
