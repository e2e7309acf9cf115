// SPDX-License-Identifier: MIT
// The bodies of notice.hpp.

#pragma once

#include <string>
#include <string_view>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/frame/notice.hpp"
#include "sse/event.hpp"
#include "sse/options.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL Event encode_notice(std::string_view type, const EncodeOptions& form, std::string_view message,
                             std::string_view members) {
  const auto now = time_of(form.clock);
  return encode_event(type, form, now, message.size() + members.size() + type.size(), [&](std::string& out) {
    append_quoted(out.append("{\"type\":"), type);
    append_quoted(out.append(",\"message\":"), message);
    out.append(members).append(",\"timestamp\":");
    append_timestamp(out, now);
    out.push_back('}');
  });
}

SSE_DECL EncodeOptions notice_form(const Options& options) {
  EncodeOptions form;
  form.named = options.named_events;
  form.clock = &options.clock;
  return form;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
