// SPDX-License-Identifier: MIT
// An event of a log that owns its texts. LoggedEvent only views them.

#pragma once

#include <cstdint>
#include <string>

#include "sse/event_log.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

struct KeptEvent {
  explicit KeptEvent(const LoggedEvent& event)
      : stamp(event.stamp),
        n(event.n),
        is_message(event.is_message),
        type(event.type),
        topic(event.topic),
        key(event.key),
        data(event.data),
        is_transient(event.is_transient) {}

  LoggedEvent view() const noexcept { return {stamp, n, is_message, type, topic, key, data, is_transient}; }

  std::uint64_t stamp, n;
  bool is_message;
  std::string type, topic, key, data;
  bool is_transient;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
