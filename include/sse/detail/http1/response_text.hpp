// SPDX-License-Identifier: MIT
// Writes the text of HTTP/1.1 responses and of a stream's head. CR and LF in a value cannot add a header.

#pragma once

#include <string>
#include <string_view>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/headers.hpp"
#include "sse/http_error.hpp"
#include "sse/http_options.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL void append_header(std::string& head, std::string_view name, std::string_view value);

/// The head of a stream's response. `chunked`: of a body that is chunked.
SSE_DECL std::string stream_head(const StreamOptions& options, bool chunked = false);

/// The head of a stream's response, and the `retry:` before the first event.
SSE_DECL std::string stream_start(const StreamOptions& options);

/// A cache must not keep the answer for others, unless it says otherwise itself.
SSE_DECL void forbid_storing(Headers& headers);

/// The reason phrase of a status. Empty: it is not known here.
SSE_DECL std::string_view reason_phrase(unsigned status) noexcept;

SSE_DECL std::string response_text(unsigned status, const Response& response);

/// The response by an error. Its text is the body, and no cache keeps it unless its headers say so.
SSE_DECL std::string response_text(const HttpError& error, std::string_view content_type, bool head_only);

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/http1/response_text.ipp"
#endif
