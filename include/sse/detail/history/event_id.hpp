// SPDX-License-Identifier: MIT
// An event's id, `<start>-<n>`, as numbers and as text. Untrusted ids are parsed here.

#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// An event's id, `<start>-<n>`: the manager's start in Unix ms, and a dense count from 1.
struct EventId {
  std::uint64_t start, n;
};

inline std::string to_string(const EventId& id) {
  return std::to_string(id.start) + '-' + std::to_string(id.n);
}

/// Nullopt: not an id as a manager writes it.
inline std::optional<EventId> parse_event_id(std::string_view text) noexcept {
  const auto take_number = [&](std::uint64_t& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const auto size = static_cast<std::size_t>(end - text.data());
    const bool padded = size > 1 && text.front() == '0';
    text.remove_prefix(size);
    return error == std::errc() && !padded;
  };
  EventId id{};
  if (!take_number(id.start) || !text.starts_with('-')) return std::nullopt;
  text.remove_prefix(1);
  if (!take_number(id.n) || !text.empty()) return std::nullopt;
  return id;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
