// SPDX-License-Identifier: MIT
// The headers that let a page of another origin read an answer (Fetch, CORS protocol). Streams, refusals and
// errors carry them.

#pragma once

#include <string_view>

#include "sse/headers.hpp"
#include "sse/http_options.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// A page of another origin may read why it gets no stream, as it may read the stream.
inline void add_cors(Headers& headers, const StreamOptions& options) {
  if (!options.allow_origin.empty() && !find_header(headers, "Access-Control-Allow-Origin"))
    headers.emplace_back("Access-Control-Allow-Origin", options.allow_origin);
  for (const auto& [name, value] : options.headers) {
    const bool is_cors = same_name(std::string_view(name).substr(0, 15), "Access-Control-") || same_name(name, "Vary");
    if (is_cors && !find_header(headers, name)) headers.emplace_back(name, value);
  }
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
