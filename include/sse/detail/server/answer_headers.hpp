// SPDX-License-Identifier: MIT
// The headers that let a page of another origin read an answer (Fetch, CORS protocol), and the answer for an exception.
// Answers of different kinds share them.

#pragma once

#include <exception>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/headers.hpp"
#include "sse/http_error.hpp"
#include "sse/http_options.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Adds the CORS headers of a stream, so that a page that may read the stream may also read why it gets none.
SSE_DECL void add_cors(Headers& headers, const StreamOptions& options);
/// The same error with these headers.
SSE_DECL HttpError with_cors(const HttpError& error, const StreamOptions& options);

/// The answer for what a handler or a producer has thrown.
SSE_DECL HttpError error_of(const std::exception_ptr& failure);

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/server/answer_headers.ipp"
#endif
