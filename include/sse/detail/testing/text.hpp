// SPDX-License-Identifier: MIT
// The texts of the test kit's failures: the expected event, and the events that came instead. Also the time limits of
// its waits.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>

#include "sse/event.hpp"
#include "sse/parser.hpp"
#include "sse/version.hpp"
#include "sse/wire.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::testing::detail {

using SteadyTime = std::chrono::steady_clock::time_point;

inline SteadyTime limit_of(std::chrono::milliseconds patience) {
  return std::chrono::steady_clock::now() + std::min<std::chrono::milliseconds>(patience, std::chrono::hours(24 * 365));
}

/// `text` on one line, and not too long.
inline std::string shown(std::string_view text, std::size_t max_size = 120) {
  std::string line;
  wire::append_line(line, text.substr(0, max_size));
  return text.size() > max_size ? line.append("…") : line;
}
inline std::string shown(const Event& event) {
  return shown(event.json());
}
inline std::string shown(const Message& message) {
  return shown(message.type == "message" ? message.data : message.type + ' ' + message.data);
}

/// `2 of 5 events: {…}, {…}`
template <class Things>
std::string count_of(const Things& things, std::size_t wanted, std::string_view name) {
  constexpr std::size_t max_shown = 8;
  std::string text = std::to_string(things.size());
  if (wanted != std::numeric_limits<std::size_t>::max()) text += " of " + std::to_string(wanted);
  text.append(" ").append(name);
  for (std::size_t i = 0; i < std::min(things.size(), max_shown); ++i)
    text.append(i == 0 ? ": " : ", ").append(shown(things[i]));
  return things.size() > max_shown ? text.append(", …") : text;
}

inline std::string not_within(std::chrono::milliseconds patience) {
  return " within " + std::to_string(patience.count()) + " ms";
}

}  // namespace sse::inline SSE_ABI::testing::detail

#include "sse/detail/base/pop_options.hpp"
