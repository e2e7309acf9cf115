// SPDX-License-Identifier: MIT
// An event's id, `<start>-<n>`, as numbers and as text. Untrusted ids are parsed here.

#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// An event's id, `<start>-<n>`: the start of its manager's ids (next_start), or the event's stamp in a log, and a
/// dense count from 1. In a log both rise.
struct EventId {
  std::uint64_t start, n;

  auto operator<=>(const EventId&) const = default;
};

std::string to_string(const EventId& id);

/// Parses an id. Nullopt: the text is not an id as a manager writes it.
std::optional<EventId> parse_event_id(std::string_view text) noexcept;

/// A start that no other manager has, in this process or another: the Unix time in seconds, and nine random digits. It
/// is greater than the earlier ones of this process. A clock alone would not distinguish processes that start at the
/// same time, the children of a fork, or boards that boot with the same time.
std::uint64_t next_start() noexcept;

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/history/event_id.ipp"
#endif
