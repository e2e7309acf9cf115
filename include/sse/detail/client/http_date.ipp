// SPDX-License-Identifier: MIT
// The body of parse_http_date. The two obsolete forms of RFC 9110 are not read.

#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>
#include <system_error>

#include "sse/detail/client/http_date.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL std::optional<std::chrono::seconds> parse_http_date(std::string_view text) noexcept {
  constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  constexpr std::size_t size_of_date = 29;
  if (text.size() != size_of_date || !text.ends_with(" GMT")) return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t size, int max) {
    int value = -1;
    const char* const first = text.data() + at;
    const auto [last, error] = std::from_chars(first, first + size, value);
    return error == std::errc() && last == first + size && value <= max ? value : -1;
  };
  const int day = number(5, 2, 31), year = number(12, 4, 9999);
  const int hour = number(17, 2, 23), minute = number(20, 2, 59), second = number(23, 2, 60);
  const auto month = std::find(months.begin(), months.end(), text.substr(8, 3)) - months.begin();
  if (day < 0 || year < 0 || hour < 0 || minute < 0 || second < 0) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month) + 1),
                                         std::chrono::day(static_cast<unsigned>(day)));
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
