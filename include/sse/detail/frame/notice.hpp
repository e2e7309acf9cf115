// SPDX-License-Identifier: MIT
// Encodes the library's own events: `connection`, `overflow`, `disconnect`, `error`. They are written with the
// manager's options.

#pragma once

#include <string>
#include <string_view>

#include "sse/detail/frame/encode.hpp"
#include "sse/event.hpp"
#include "sse/options.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// An event of the library's own: `{"type":…,"message":…` + `members` + `,"timestamp":…}`.
inline Event encode_notice(std::string_view type, const EncodeOptions& form, std::string_view message,
                           std::string_view members = {}) {
  return encode_event(type, form, message.size() + members.size() + type.size(), [&](std::string& out) {
    append_quoted(out.append("{\"type\":"), type);
    append_quoted(out.append(",\"message\":"), message);
    out.append(members).append(",\"timestamp\":");
    append_timestamp(out, time_of(form.clock));
    out.push_back('}');
  });
}

/// How the library's own notices are written.
inline EncodeOptions notice_form(const Options& options) {
  EncodeOptions form;
  form.named = options.named_events;
  form.clock = &options.clock;
  return form;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
