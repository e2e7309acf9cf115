// SPDX-License-Identifier: MIT
// The body of waiter.hpp. It needs the registry, whose context must not go away before the completion has arrived.

#pragma once

#include <memory>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/async/wait_registry.hpp"
#include "sse/detail/async/waiter.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL void Waiter::complete(error_code error) noexcept {
  const std::shared_ptr<WaitRegistry> context = std::move(registry);
  try {
    kind_->finish(this, &error);
  } catch (...) {  // no memory to post with: the handler has been destroyed, and the emitter is not to blame
  }
  if (context) context->end_completions(1);
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
