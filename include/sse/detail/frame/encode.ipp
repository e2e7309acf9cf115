// SPDX-License-Identifier: MIT
// The bodies of encode.hpp.

#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "sse/detail/base/find_control.hpp"
#include "sse/detail/base/name_hash.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/frame/event_text.hpp"
#include "sse/event.hpp"
#include "sse/version.hpp"
#include "sse/wire.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL SystemTime time_of(const ClockFunction* clock) {
  return clock && *clock ? (*clock)() : std::chrono::system_clock::now();
}

inline EventText::Part append_part(std::string& text, std::string_view part) {
  text.append(part);
  return {text.size() - part.size(), part.size()};
}

SSE_DECL Event EventFactory::begin(std::string_view type, const EncodeOptions& form, SystemTime time,
                                   std::size_t size_hint) {
  Event event;
  auto* const shared = new EventText;
  event.count_ = shared;
  shared->time = time;
  std::string& text = shared->text;
  text.reserve(size_hint + 2 * type.size() + form.topic.size() + form.key.size() + id_room + 80);
  if (form.has_id) text.append(id_room, '\0');
  shared->frame.begin = text.size();
  if (form.retry) wire::append_field(text, "retry", std::to_string(form.retry->count())), text.push_back('\n');
  if (form.named && !type.empty()) wire::append_field(text, "event", type);
  return event;
}

SSE_DECL void EventFactory::finish(EventText& shared, std::string_view type, const EncodeOptions& form,
                                   const std::string& tail) {
  std::string& text = shared.text;
  text.push_back('\n');
  shared.frame.size = text.size() - shared.frame.begin;
  shared.type = append_part(text, type);
  shared.topic = append_part(text, form.topic);
  shared.key = append_part(text, form.key);
  shared.kind = form.kind;
  if (!form.key.empty()) shared.key_hash = secret_hash(form.key);
  if (!tail.empty()) shared.json = append_part(text, tail);
  // A text that grew while it was written (a control character becomes six bytes) may have twice the memory that it
  // needs.
  if (text.capacity() > text.size() + text.size() / 4 + 256) text.shrink_to_fit();
}

SSE_DECL void EventFactory::set_id(Event& event, std::uint64_t start, std::uint64_t n, std::uint64_t sequence) {
  if (event.count_->shared().copies.load(std::memory_order_acquire) != 1) event = clone(event);
  EventText& shared = event.count_->shared();
  const std::string id = std::to_string(start) + '-' + std::to_string(n);
  const std::size_t size = id.size() + 5, begin = shared.frame.begin - size;
  shared.text.replace(begin, size, "id: " + id + '\n');
  shared.id = {begin + 4, id.size()};
  shared.frame = {begin, shared.frame.size + size};
  shared.sequence = sequence;
}

SSE_DECL Event EventFactory::copy(const Event& event, EventCounts& others, std::size_t place) noexcept {
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

SSE_DECL bool EventFactory::add_link(const Event& event, std::uint64_t chain, std::uint64_t number) noexcept {
  Owned<ChainLink>& links = event.count_->shared().links;
  void* const memory = ::operator new(sizeof(ChainLink), std::nothrow);
  if (memory) links = Owned<ChainLink>(new (memory) ChainLink(chain, number, std::move(links)));
  return memory != nullptr;
}

SSE_DECL Event EventFactory::raw(std::string bytes) {
  Event event;
  auto* const shared = new EventText;
  event.count_ = shared;
  shared->frame.size = bytes.size();
  shared->text = std::move(bytes);
  return event;
}

SSE_DECL Event EventFactory::clone(const Event& event) {
  EventText& from = event.count_->shared();
  Event copy = raw(from.text);
  EventText& to = copy.count_->shared();
  to.frame = from.frame, to.id = from.id, to.json = from.json;
  to.type = from.type, to.topic = from.topic, to.key = from.key;
  to.key_hash = from.key_hash, to.time = from.time;
  to.kind = from.kind;
  to.links = std::move(from.links);
  return copy;
}

SSE_DECL Event raw_frame(std::string bytes) {
  return EventFactory::raw(std::move(bytes));
}

SSE_DECL void append_quoted(std::string& out, std::string_view text) {
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

SSE_DECL void append_timestamp(std::string& out, SystemTime when) {
  const std::int64_t us = std::chrono::duration_cast<std::chrono::microseconds>(when.time_since_epoch()).count();
  const auto bits = static_cast<std::uint64_t>(us);
  const std::uint64_t size = us < 0 ? 0 - bits : bits;  // unsigned, because the least time has no positive counterpart
  std::uint64_t rest = size % 1'000'000;
  char fraction[7] = {'.'};
  for (int i = 6; i > 0; --i, rest /= 10) fraction[i] = static_cast<char>('0' + rest % 10);
  if (us < 0) out.push_back('-');
  out.append(std::to_string(size / 1'000'000)).append(fraction, sizeof fraction);
}

SSE_DECL Event encode_data(std::string_view type, const EncodeOptions& form, std::string_view data) {
  const SystemTime now = time_of(form.clock);
  return encode_event(type, form, now, data.size() + type.size(), [&](std::string& out) {
    append_quoted(out.append("{\"type\":"), type);
    out.append(",\"data\":").append(data).append(",\"timestamp\":");
    append_timestamp(out, now);
    out.push_back('}');
  });
}

SSE_DECL Event encode_text(std::string_view type, const EncodeOptions& form, std::string_view json) {
  return encode_event(type, form, time_of(form.clock), json.size(),
                      [&](std::string& out) { wire::append_line(out, json); });
}

SSE_DECL Event encode_message(std::string_view type, EncodeOptions form, std::string_view data) {
  form.named = true;
  form.kind = EventKind::message;
  return EventFactory::make(type, form, time_of(form.clock), data.size(), [&](std::string& out, std::string& tail) {
    const bool one_line = find_line_end(data) == data.npos;
    EventText::Part line;
    for (bool more = true; more;) {
      const std::size_t end = find_line_end(data);
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
