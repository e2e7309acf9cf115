// SPDX-License-Identifier: MIT
// The bodies of Backoff. All times are at most a year, so that no sum or product of them overflows.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "sse/detail/base/jitter.hpp"
#include "sse/detail/client/backoff.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL Backoff::Backoff(const ClientOptions& options)
    : retry_(within_a_year(options.retry)),
      max_retry_(within_a_year(options.max_retry)),
      min_retry_(std::min(within_a_year(options.min_retry), max_retry_)),
      lasting_(std::min<Milliseconds>(max_retry_, std::chrono::seconds(5))) {}

SSE_DECL void Backoff::end_attempt(bool got_message, Milliseconds lasted) noexcept {
  const bool has_lasted = lasted.count() > 0 && lasted >= lasting_;
  failures_ = got_message || has_lasted ? 0 : failures_ + 1;
  if (has_lasted)
    doublings_ = 0;
  else if (!got_message)
    ++doublings_;
}

SSE_DECL Backoff::Milliseconds Backoff::next(std::optional<Milliseconds> server_retry, Milliseconds retry_after,
                                             double chance) const noexcept {
  constexpr double least_after_failure = 100;
  constexpr std::size_t most_doublings = 32;
  double wait = static_cast<double>(retry_.count());
  if (server_retry) wait = static_cast<double>(std::max(within_a_year(*server_retry), min_retry_).count());
  for (std::size_t n = 1; n <= std::min(doublings_, most_doublings); ++n)
    wait = n == 1 ? std::max(wait, least_after_failure) : wait * 2;
  wait = std::max(wait, static_cast<double>(within_a_year(retry_after).count()));
  wait = std::min(wait, static_cast<double>(max_retry_.count()));
  return Milliseconds(static_cast<std::int64_t>(wait * (1 + std::clamp(chance, 0., 1.) / 2)));
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
