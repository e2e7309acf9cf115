// SPDX-License-Identifier: MIT
// Writes the text of HTTP/1.1 responses and of a stream's head. CR and LF in a value cannot add a header.

#pragma once

#include <optional>
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

/// An answer of `serve` before a protocol has encoded it: a response, or a stream that is over at once.
struct Answer {
  unsigned status = 200;
  Response response;                    ///< Of a stream only its body counts: the events.
  std::optional<StreamOptions> stream;  ///< Set: the head is that of a stream with these options.
};

/// Calls `add(name, value)` for the headers of a stream that every protocol has.
template <class Add>
void for_each_stream_header(const StreamOptions& options, Add&& add) {
  if (!options.allow_origin.empty()) {
    constexpr std::string_view expose = "Access-Control-Expose-Headers";
    add("Access-Control-Allow-Origin", options.allow_origin);
    if (!find_header(options.headers, expose)) add(expose, "Retry-After");
  }
  for (const auto& [name, value] : options.headers) add(name, value);
}

/// Statuses without a body: RFC 9110, 15.3.5, 15.3.6, 15.4.5.
inline bool has_body_of(unsigned status, const Response& response) noexcept {
  return status != 204 && status != 205 && status != 304 && !response.body.empty();
}

/// Calls `add(name, value)` for the headers that say what the body of a response is.
template <class Add>
void for_each_body_header(unsigned status, const Response& response, Add&& add) {
  const bool has_body = has_body_of(status, response);
  if (has_body && !find_header(response.headers, "Content-Type")) add("Content-Type", response.content_type);
  if (status != 204 && status != 304) add("Content-Length", std::to_string(has_body ? response.body.size() : 0));
}

/// The head of a stream's response. `chunked`: of a body that is chunked.
SSE_DECL std::string stream_head(const StreamOptions& options, bool chunked = false);

/// The text before the first event: the `retry:`, and the interval of comments.
SSE_DECL std::string stream_preamble(const StreamOptions& options);

/// The head of a stream's response, and the text before the first event.
SSE_DECL std::string stream_start(const StreamOptions& options);

/// A cache must not keep the answer for others, unless it says otherwise itself.
SSE_DECL void forbid_storing(Headers& headers);

/// The reason phrase of a status. Empty: it is not known here.
SSE_DECL std::string_view reason_phrase(unsigned status) noexcept;

SSE_DECL std::string response_text(unsigned status, const Response& response);

SSE_DECL std::string answer_text(const Answer& answer);

/// The response by an error. Its text is the body, and no cache keeps it unless its headers say so.
SSE_DECL Response error_response(const HttpError& error, std::string_view content_type, bool head_only);
SSE_DECL std::string response_text(const HttpError& error, std::string_view content_type, bool head_only);

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/http1/response_text.ipp"
#endif
