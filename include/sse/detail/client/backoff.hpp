// SPDX-License-Identifier: MIT
// Computes how long a client waits between its attempts. It knows no clock and no socket, and clamps every number
// before arithmetic.

#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

#include "sse/client_options.hpp"
#include "sse/detail/base/separate_compilation.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The waits between a client's attempts. Each attempt without a message doubles the wait. Only a stream that lasted
/// ends this, so that a server that repeatedly sends one event and dies is asked less and less often.
class Backoff {
 public:
  using Milliseconds = std::chrono::milliseconds;

  explicit Backoff(const ClientOptions& options);

  /// Notes that an attempt is over. `lasted`: the duration of its stream. 0: none began.
  void end_attempt(bool got_message, Milliseconds lasted) noexcept;
  /// The attempts in a row that brought no message and did not last.
  std::size_t failures() const noexcept { return failures_; }
  /// Forgets all failures.
  void reset() noexcept { failures_ = doublings_ = 0; }

  /// The wait before the next attempt. `server_retry`: the stream's `retry`. `retry_after`: that of a refusal. 0: none.
  /// `chance`: a random number from 0 to 1; 1 adds half of the wait, so that the clients of a restarted server do not
  /// all reconnect at once.
  Milliseconds next(std::optional<Milliseconds> server_retry, Milliseconds retry_after, double chance) const noexcept;

 private:
  const Milliseconds retry_, max_retry_, min_retry_, lasting_;  ///< Immutable; at most a year.
  std::size_t failures_ = 0;
  std::size_t doublings_ = 0;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/client/backoff.ipp"
#endif
