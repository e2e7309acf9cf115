// SPDX-License-Identifier: MIT
// The bodies of event_id.hpp.

#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "sse/detail/base/random.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/history/event_id.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL std::string to_string(const EventId& id) {
  return std::to_string(id.start) + '-' + std::to_string(id.n);
}

SSE_DECL std::optional<EventId> parse_event_id(std::string_view text) noexcept {
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

/// The last start that this process has given. It has no destructor.
SSE_DECL std::atomic<std::uint64_t>& last_start() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return last;
}

SSE_DECL std::uint64_t next_start() noexcept {
  constexpr std::uint64_t second = 1'000'000'000;
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
  const std::uint64_t time = static_cast<std::uint64_t>(std::max<std::int64_t>(now.count(), 1)) * second;
  const std::array<std::uint64_t, 2> random = random_bits_or_clock();
  std::uint64_t before = last_start().load(), start;
  do {
    start = time + random[0] % second;
    // Not just `before + 1`, because parent and child of a fork have the same `before`. The step is small, so that a
    // process which makes many managers does not run far ahead of the clock.
    if (start <= before) start = before + 1 + random[1] % (std::uint64_t{1} << 24);
  } while (!last_start().compare_exchange_weak(before, start));
  return start;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
