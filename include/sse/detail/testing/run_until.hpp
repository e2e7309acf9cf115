// SPDX-License-Identifier: MIT
// Runs one asynchronous operation on the calling thread, with a time limit. The test kit's blocking calls use it.

#pragma once

#include <optional>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/testing/text.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::testing::detail {

/// Runs one operation of `io`, which `start(handler)` begins and `cancel()` ends. Nullopt: the time is up.
template <class Start, class Cancel>
std::optional<error_code> run_until(asio::io_context& io, SteadyTime limit, Start&& start, Cancel&& cancel) {
  std::optional<error_code> result;
  io.restart();
  start([&result](error_code error) { result = error; });
  io.run_until(limit);
  if (result) return result;
  cancel();
  io.restart();
  io.run();
  // It may have completed just before it was cancelled.
  return result == asio::error::operation_aborted ? std::nullopt : result;
}

}  // namespace sse::inline SSE_ABI::testing::detail

#include "sse/detail/base/pop_options.hpp"
