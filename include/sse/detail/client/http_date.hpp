// SPDX-License-Identifier: MIT
// Reads the dates of HTTP and of cookies. A client needs them for Retry-After and for cookies that are deleted.

#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The Unix time of `Wed, 21 Oct 2015 07:28:00 GMT` (RFC 9110, 5.6.7) or `Wed, 21-Oct-2015 07:28:00 GMT`; nullopt: it
/// is another text. Seconds, because a clock of nanoseconds does not count to the year 9999.
SSE_DECL std::optional<std::chrono::seconds> parse_http_date(std::string_view text) noexcept;

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/client/http_date.ipp"
#endif
