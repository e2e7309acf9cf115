// SPDX-License-Identifier: MIT
// The body of accepts_gzip. See compression.hpp.

#pragma once

#include <algorithm>
#include <optional>
#include <string_view>

#include "sse/compression.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/headers.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Takes the text up to the separator off `rest`, without the blanks around it.
inline std::string_view take_until(std::string_view& rest, char separator) noexcept {
  const std::size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view taken = trimmed(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return taken;
}

/// Whether a weight, `0` to `1` with at most three decimals, is above 0. Nullopt: it is no weight.
inline std::optional<bool> weight_above_zero(std::string_view weight) noexcept {
  if (weight.empty() || weight.size() > 5 || (weight[0] != '0' && weight[0] != '1')) return std::nullopt;
  if (weight.size() > 1 && weight[1] != '.') return std::nullopt;
  const std::string_view decimals = weight.substr(std::min<std::size_t>(2, weight.size()));
  if (!std::all_of(decimals.begin(), decimals.end(), is_digit)) return std::nullopt;
  const bool has_fraction = decimals.find_first_not_of('0') != decimals.npos;
  if (weight[0] == '1' && has_fraction) return std::nullopt;
  return weight[0] == '1' || has_fraction;
}

/// Whether an entry, a coding with its parameters, is allowed. Nullopt: it cannot be read.
inline std::optional<bool> coding_allowed(std::string_view parameters) noexcept {
  std::optional<bool> allowed = true;
  for (bool first = true; !parameters.empty(); first = false) {
    std::string_view value = take_until(parameters, ';');
    const std::string_view name = take_until(value, '=');
    if (!first || !same_name(name, "q")) return std::nullopt;
    allowed = weight_above_zero(trimmed(value));
  }
  return allowed;
}

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

SSE_DECL bool accepts_gzip(std::string_view accept_encoding) noexcept {
  bool any = false, named = false, gzip = false;
  while (!accept_encoding.empty()) {
    std::string_view entry = detail::take_until(accept_encoding, ',');
    const std::string_view coding = detail::take_until(entry, ';');
    const bool is_gzip = detail::same_name(coding, "gzip") || detail::same_name(coding, "x-gzip");
    if (!is_gzip && coding != "*") continue;
    const bool allowed = detail::coding_allowed(entry).value_or(false);
    if (!is_gzip) {
      any = any || allowed;
    } else {
      gzip = (!named || gzip) && allowed;  // of two entries the one that forbids it counts
      named = true;
    }
  }
  return named ? gzip : any;
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
