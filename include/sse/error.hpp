// SPDX-License-Identifier: MIT
// The exception that the library throws for a caller's own mistake. It depends on nothing else of the library.

#pragma once

#include <stdexcept>

#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// What the library throws for a caller's own mistake; `what()` names the argument and the limit.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
