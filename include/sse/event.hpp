#pragma once

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "sse/config.hpp"
#include "sse/wire.hpp"

namespace sse {

class Event;

/// What the library throws for a caller's own mistake; `what()` names the argument and the limit.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

/// What the copies of an Event share: the frame, then the type, in one text.
struct EventText {
  std::atomic<std::size_t> references{1};
  std::string text;
  std::size_t frame_size = 0, json_begin = 0, json_size = 0;
};

inline bool has_discarded(const nlohmann::json& value) {
  return value.is_discarded() || (value.is_structured() && std::any_of(value.begin(), value.end(),
                                                                       [](const auto& v) { return has_discarded(v); }));
}

/// One line of JSON. Throws Error for a discarded value, which nlohmann would write as no JSON.
inline std::string dump(const nlohmann::json& value) {
  std::string text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (text.find("<discarded>") != text.npos && has_discarded(value))
    throw Error("sse: an event's data has a discarded json in it (a parse that failed)");
  return text;
}

template <class WriteJson>
Event encode_event(std::string_view type, bool named, std::size_t size_hint, WriteJson&& write_json);
Event raw_frame(std::string bytes);

/// Appends `text` as a JSON string.
inline void append_quoted(std::string& out, std::string_view text) {
  const auto plain = [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; };
  if (std::all_of(text.begin(), text.end(), plain))
    out.append(1, '"').append(text).append(1, '"');
  else
    out.append(dump(nlohmann::json(std::string(text))));
}

/// Appends Unix seconds with six decimals.
inline void append_timestamp(std::string& out, std::chrono::system_clock::time_point when) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(when.time_since_epoch()).count();
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, us).ptr;
  out.append(digits, end);
  if (end - digits > 6) out.insert(out.size() - 6, 1, '.');
}

}  // namespace detail

/// One event, encoded once: immutable, and its copies share the bytes. A default-made or moved-from event is empty.
/// The views live as long as a copy of the event does. Thread-safe as a `std::shared_ptr<const T>` is.
class Event {
 public:
  Event() noexcept = default;
  Event(const Event& other) noexcept : shared_(other.shared_) {
    if (shared_) shared_->references.fetch_add(1, std::memory_order_relaxed);
  }
  Event(Event&& other) noexcept : shared_(std::exchange(other.shared_, nullptr)) {}
  Event& operator=(Event other) noexcept {
    std::swap(shared_, other.shared_);
    return *this;
  }
  ~Event() {
    if (shared_ && shared_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete shared_;
  }

  /// The event's JSON text, one line: `{"type":…,"data":…,"timestamp":…}`. A view into `frame()`.
  std::string_view json() const noexcept { return part(begin_of_json(), shared_ ? shared_->json_size : 0); }
  operator std::string_view() const noexcept { return json(); }

  /// The bytes that go on the wire, with the empty line that ends them.
  std::string_view frame() const noexcept { return part(0, shared_ ? shared_->frame_size : 0); }

  /// The type as it was given to `emit_event`.
  std::string_view type() const noexcept {
    return shared_ ? part(shared_->frame_size, std::string_view::npos) : std::string_view();
  }

  /// The event's id; empty where it has none.
  std::string_view id() const noexcept { return {}; }

  /// True: nothing in it.
  bool empty() const noexcept { return shared_ == nullptr; }

 private:
  std::size_t begin_of_json() const noexcept { return shared_ ? shared_->json_begin : 0; }
  std::string_view part(std::size_t begin, std::size_t size) const noexcept {
    return shared_ ? std::string_view(shared_->text).substr(begin, size) : std::string_view();
  }

  template <class WriteJson>
  friend Event detail::encode_event(std::string_view type, bool named, std::size_t size_hint, WriteJson&& write_json);

  friend Event detail::raw_frame(std::string bytes);

  detail::EventText* shared_ = nullptr;
};

namespace detail {

/// Encodes an event; `write_json(std::string&)` appends its JSON: one line, UTF-8. `named`: the frame has the type as
/// its `event:` field.
template <class WriteJson>
Event encode_event(std::string_view type, bool named, std::size_t size_hint, WriteJson&& write_json) {
  auto shared = std::make_unique<EventText>();
  std::string& text = shared->text;
  text.reserve(size_hint + 2 * type.size() + 80);
  if (named && !type.empty()) wire::append_field(text, "event", type);
  text.append("data: ");
  shared->json_begin = text.size();
  write_json(text);
  shared->json_size = text.size() - shared->json_begin;
  text.append("\n\n");
  shared->frame_size = text.size();
  text.append(type);
  Event event;
  event.shared_ = shared.release();
  return event;
}

/// Bytes that go on the wire between events: a response head, a comment.
inline Event raw_frame(std::string bytes) {
  auto shared = std::make_unique<EventText>();
  shared->frame_size = bytes.size();
  shared->text = std::move(bytes);
  Event event;
  event.shared_ = shared.release();
  return event;
}

/// `{"type":…,"data":…,"timestamp":…}` around `data`, which is JSON already: one line, UTF-8.
inline Event encode_data(std::string_view type, bool named, std::string_view data) {
  return encode_event(type, named, data.size() + type.size(), [&](std::string& out) {
    append_quoted(out.append("{\"type\":"), type);
    out.append(",\"data\":").append(data).append(",\"timestamp\":");
    append_timestamp(out, std::chrono::system_clock::now());
    out.push_back('}');
  });
}

/// An event of the library's own: `{"type":…,"message":…` + `members` + `,"timestamp":…}`.
inline Event encode_notice(std::string_view type, bool named, std::string_view message, std::string_view members = {}) {
  return encode_event(type, named, message.size() + members.size() + type.size(), [&](std::string& out) {
    append_quoted(out.append("{\"type\":"), type);
    append_quoted(out.append(",\"message\":"), message);
    out.append(members).append(",\"timestamp\":");
    append_timestamp(out, std::chrono::system_clock::now());
    out.push_back('}');
  });
}

}  // namespace detail
}  // namespace sse
