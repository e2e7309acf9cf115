// SPDX-License-Identifier: MIT
// The body of waiter.hpp. It needs the registry, whose context must not be destroyed before the completion has been
// posted.

#pragma once

#include <memory>

#include "sse/config.hpp"
#include "sse/detail/async/unposted.hpp"
#include "sse/detail/async/wait_registry.hpp"
#include "sse/detail/async/waiter.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL void Waiter::complete(error_code error) noexcept {
  const std::shared_ptr<WaitRegistry> context = registry;
  if (!kind_->post(this, error)) Unposted::add(*this, error.value());
  if (context) context->end_completions(1);
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
