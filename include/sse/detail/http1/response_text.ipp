// SPDX-License-Identifier: MIT
// The bodies of detail/http1/response_text.hpp. src.hpp compiles them once; else the header includes them.

#pragma once

#include <string>
#include <string_view>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http1/response_text.hpp"
#include "sse/http_options.hpp"
#include "sse/wire.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL void append_header(std::string& head, std::string_view name, std::string_view value) {
  wire::append_line(head, name);
  wire::append_line(head.append(": "), value);
  head.append("\r\n");
}

SSE_DECL std::string stream_head(const StreamOptions& options) {
  std::string head =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache, no-transform\r\n"
      "X-Accel-Buffering: no\r\nConnection: close\r\n";
  if (!options.allow_origin.empty()) {
    append_header(head, "Access-Control-Allow-Origin", options.allow_origin);
  }
  for (const auto& [name, value] : options.headers) append_header(head, name, value);
  return head.append("\r\n");
}

SSE_DECL std::string stream_start(const StreamOptions& options) {
  std::string start = stream_head(options);
  if (options.retry) wire::append_field(start, "retry", std::to_string(options.retry->count())), start.push_back('\n');
  return start;
}

SSE_DECL std::string_view reason_phrase(unsigned status) noexcept {
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
    case 421: return "Misdirected Request";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "";
  }
}

SSE_DECL std::string response_text(unsigned status, const Response& response) {
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

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
