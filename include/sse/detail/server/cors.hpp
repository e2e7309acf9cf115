// SPDX-License-Identifier: MIT
// Decides which pages of another origin may read (Fetch, CORS protocol), and answers their preflights.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http1/response_text.hpp"
#include "sse/http_options.hpp"
#include "sse/options.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class Server;

/// The options of a request's stream, with the CORS headers for its origin. Throws HttpError if pages of that origin
/// may not read.
SSE_DECL StreamOptions stream_options(Server& server, const Request& request, const ConnectionOptions& connection);

/// The path is one of the handler's.
SSE_DECL bool fits(const HandlerRoute& route, std::string_view path) noexcept;
/// The path is that of the script.
SSE_DECL bool is_script(const ServeOptions& options, std::string_view path) noexcept;
/// The path is the stream's, the metrics' or the script's.
SSE_DECL bool is_own(const ServeOptions& options, std::string_view path) noexcept;
/// The methods that are supported at a path, as in an Allow header. Empty: nothing is served there.
SSE_DECL std::string methods_of(const ServeOptions& options, std::string_view path);

/// The answer to a preflight, which a browser sends before a page of another origin may send headers of its own:
/// `Authorization`, `Last-Event-ID` (Fetch, 4.8, CORS-preflight fetch). Nullopt: the request is not a preflight, or no
/// page of another origin may read. Throws HttpError.
SSE_DECL std::optional<Answer> preflight(Server& server, const Request& request);

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
