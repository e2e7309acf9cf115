// SPDX-License-Identifier: MIT
// Decides how `serve` answers a request: a stream, metrics, a refusal or an error. It reads no socket.

#pragma once

#include <optional>
#include <string>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class Session;

/// Answers a request: starts the stream, or returns the text of a response. Throws HttpError.
SSE_DECL std::optional<std::string> answer(Session& session, const Request& request);

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
