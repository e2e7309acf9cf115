// SPDX-License-Identifier: MIT
// Reads the keep-alive interval that a server says in its stream's first line. A client takes longer silence for a cut.

#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The first line of a stream, if it is a comment such as `: keep-alive 15000` (milliseconds).
class KeepAliveLine {
 public:
  /// Reads the next bytes of the stream.
  void read(std::string_view bytes);

  /// The time without a byte after which the stream counts as cut: two intervals, at least a second and at most two
  /// hours. Nullopt: the server has said no interval.
  std::optional<std::chrono::milliseconds> silence() const noexcept { return silence_; }

 private:
  std::string line_;
  bool is_read_ = false;
  std::optional<std::chrono::milliseconds> silence_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/client/keep_alive_line.ipp"
#endif
