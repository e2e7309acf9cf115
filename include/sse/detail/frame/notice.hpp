// SPDX-License-Identifier: MIT
// Encodes the library's own events: `connection`, `overflow`, `disconnect`, `error`. The manager's options give their
// form.

#pragma once

#include <string_view>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/event.hpp"
#include "sse/options.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Encodes an event of the library's own: `{"type":…,"message":…` + `members` + `,"timestamp":…}`.
Event encode_notice(std::string_view type, const EncodeOptions& form, std::string_view message,
                    std::string_view members = {});

/// The form of a manager's notices. Refers to its Options::clock.
EncodeOptions notice_form(const Options& options);

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/frame/notice.ipp"
#endif
