// SPDX-License-Identifier: MIT
// The answer to a client that is refused, as a response or as a short stream. An EventSource understands only the
// latter.

#pragma once

#include <string>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http1/response_text.hpp"
#include "sse/http_options.hpp"
#include "sse/reason.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The answer to a client that a limit keeps out.
SSE_DECL Answer refusal_answer(const Request& request, RefusalReason reason, const StreamOptions& options);
/// The same as text of HTTP/1.1.
SSE_DECL std::string refusal_text(const Request& request, RefusalReason reason, const StreamOptions& options);

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
