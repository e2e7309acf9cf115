// SPDX-License-Identifier: MIT
// The headers that let a page of another origin read an answer (Fetch, CORS protocol). Answers of different kinds share
// them.

#pragma once

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/headers.hpp"
#include "sse/http_options.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Adds the CORS headers of a stream, so that a page that may read the stream may also read why it gets none.
SSE_DECL void add_cors(Headers& headers, const StreamOptions& options);

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/server/answer_headers.ipp"
#endif
