// SPDX-License-Identifier: MIT
// Writes the text of HTTP/1.1 responses and of a stream's head. No header can be smuggled into them.

#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "sse/config.hpp"
#include "sse/detail/net/stream_timeout.hpp"
#include "sse/http_options.hpp"
#include "sse/metrics.hpp"
#include "sse/wire.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

inline void append_header(std::string& head, std::string_view name, std::string_view value) {
  wire::append_line(head, name);
  wire::append_line(head.append(": "), value);
  head.append("\r\n");
}

inline std::string stream_head(const StreamOptions& options) {
  std::string head =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache, "
      "no-transform\r\nX-Accel-Buffering: "
      "no\r\nConnection: close\r\n";
  if (!options.allow_origin.empty()) {
    append_header(head, "Access-Control-Allow-Origin", options.allow_origin);
  }
  for (const auto& [name, value] : options.headers) append_header(head, name, value);
  return head.append("\r\n");
}

/// The head, and what stands before the first event.
inline std::string stream_start(const StreamOptions& options) {
  std::string start = stream_head(options);
  if (options.retry) wire::append_field(start, "retry", std::to_string(options.retry->count())), start.push_back('\n');
  return start;
}

inline std::string_view reason_phrase(unsigned status) noexcept {
  switch (status) {
    case 200: return "OK";
    case 204: return "No Content";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "";
  }
}

inline std::string response_text(unsigned status, const Response& response) {
  const bool has_body = status != 204 && status != 205 && status != 304 && !response.body.empty();
  std::string text = "HTTP/1.1 " + std::to_string(status) + ' ';
  text.append(reason_phrase(status)).append("\r\n");
  if (has_body) append_header(text, "Content-Type", response.content_type);
  if (status != 204 && status != 304)
    append_header(text, "Content-Length", std::to_string(has_body ? response.body.size() : 0));
  append_header(text, "Connection", "close");
  for (const auto& [name, value] : response.headers) append_header(text, name, value);
  text.append("\r\n");
  if (has_body && !response.head_only) text.append(response.body);
  return text;
}

template <class Stream>
asio::awaitable<void> write_text(Stream& stream, std::string text) {
  StreamTimeout<Stream> deadline(stream, co_await asio::this_coro::executor, std::chrono::seconds(30));
  error_code error;
  co_await asio::async_write(stream, asio::buffer(text), asio::redirect_error(asio::use_awaitable, error));
  if (deadline.passed()) error = asio::error::timed_out;
  if (error) throw system_error(error, "sse::write_response");
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
