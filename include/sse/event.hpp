// SPDX-License-Identifier: MIT
// One event, encoded once and shared by all of its readers. The encoding itself is in detail/frame/.

#pragma once

#include <atomic>
#include <string_view>
#include <utility>

#include "sse/detail/frame/event_text.hpp"
#include "sse/error.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class EventFactory;

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

/// One event, encoded once. It is immutable, and its copies share the bytes. A default-constructed or moved-from event
/// is empty. The views live as long as a copy of the event does.
///
/// @par Thread safety   As of a `std::shared_ptr<const T>`.
class Event {
 public:
  Event() noexcept = default;
  Event(const Event& other) noexcept : count_(other.count_) {
    if (count_) count_->copies.fetch_add(1, std::memory_order_relaxed);
  }
  Event(Event&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
  Event& operator=(Event other) noexcept {
    std::swap(count_, other.count_);
    return *this;
  }
  ~Event() {
    if (count_) count_->remove();
  }

  /// The event's JSON text in one line: `{"type":…,"data":…,"timestamp":…}`, a view into `frame()`. For a message
  /// (`emit_message`): its data.
  std::string_view json() const noexcept { return part(&detail::EventText::json); }
  operator std::string_view() const noexcept { return json(); }

  /// The bytes on the wire, with the empty line at their end.
  std::string_view frame() const noexcept { return part(&detail::EventText::frame); }

  /// The type that `emit_event` was given.
  std::string_view type() const noexcept { return part(&detail::EventText::type); }

  /// The event's id, `<start>-<n>`. Empty: it has none.
  std::string_view id() const noexcept { return part(&detail::EventText::id); }

  /// EmitOptions::topic.
  std::string_view topic() const noexcept { return part(&detail::EventText::topic); }
  /// EmitOptions::key.
  std::string_view key() const noexcept { return part(&detail::EventText::key); }

  /// True for a default-constructed or moved-from event.
  bool empty() const noexcept { return count_ == nullptr; }

 private:
  friend class detail::EventFactory;

  std::string_view part(detail::EventText::Part detail::EventText::*which) const noexcept {
    if (!count_) return {};
    const detail::EventText& shared = count_->shared();
    const auto& [begin, size] = shared.*which;
    return std::string_view(shared.text).substr(begin, size);
  }

  detail::EventCount* count_ = nullptr;  ///< Null: the event is empty.
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
