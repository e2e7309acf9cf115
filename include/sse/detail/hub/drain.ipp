// SPDX-License-Identifier: MIT
// The bodies of Drain: each step of a drain as a call of the hub. See drain.hpp.

#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/hub/drain.hpp"
#include "sse/detail/hub/hub.hpp"
#include "sse/reason.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL Drain::Drain(std::shared_ptr<Hub> hub) noexcept : hub_(std::move(hub)) {
  hub_->begin_drain();
}

SSE_DECL LogFlush::LogFlush(std::shared_ptr<Hub> hub)
    : hub_(std::move(hub)), last_(hub_->publisher().log() ? hub_->publisher().log()->last() : 0) {}

SSE_DECL std::size_t LogFlush::left() const {
  return last_ == 0 ? 0 : hub_->publisher().log()->undelivered(last_);
}

SSE_DECL std::vector<std::string> Drain::connections() const {
  return hub_->to_drain();
}

SSE_DECL void Drain::end(const std::string& connection_id, const std::string& reason,
                         std::chrono::milliseconds spread) const {
  hub_->disconnect(connection_id, EndReason::drained, reason, retry_of_drained({}, spread));
}

SSE_DECL std::size_t Drain::unfinished() const noexcept {
  return hub_->unfinished();
}

SSE_DECL void Drain::cut(const std::string& reason) const {
  hub_->cut(reason);
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
