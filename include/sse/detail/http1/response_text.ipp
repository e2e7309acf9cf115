// SPDX-License-Identifier: MIT
// The bodies of detail/http1/response_text.hpp. src.hpp compiles them once; else the header includes them.

#pragma once

#include <string>
#include <string_view>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http1/response_text.hpp"
#include "sse/headers.hpp"
#include "sse/http_error.hpp"
#include "sse/http_options.hpp"
#include "sse/wire.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL void append_header(std::string& head, std::string_view name, std::string_view value) {
  wire::append_line(head, name);
  wire::append_line(head.append(": "), value);
  head.append("\r\n");
}

SSE_DECL std::string stream_head(const StreamOptions& options, bool chunked) {
  std::string head =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache, no-transform\r\n"
      "X-Accel-Buffering: no\r\nConnection: close\r\n";
  if (chunked) append_header(head, "Transfer-Encoding", "chunked");
  for_each_stream_header(options,
                         [&](std::string_view name, std::string_view value) { append_header(head, name, value); });
  return head.append("\r\n");
}

SSE_DECL std::string stream_preamble(const StreamOptions& options) {
  std::string start;
  // sse.js gives up a connection on which nothing has come for two intervals.
  if (options.keep_alive.count() > 0)
    start.append(": keep-alive ").append(std::to_string(options.keep_alive.count())).append("\n\n");
  if (options.retry) wire::append_field(start, "retry", std::to_string(options.retry->count())), start.push_back('\n');
  return start;
}

SSE_DECL std::string stream_start(const StreamOptions& options) {
  return stream_head(options).append(stream_preamble(options));
}

SSE_DECL void forbid_storing(Headers& headers) {
  if (!find_header(headers, "Cache-Control")) headers.emplace_back("Cache-Control", "no-store");
}

SSE_DECL std::string_view reason_phrase(unsigned status) noexcept {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 424: return "Failed Dependency";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "";
  }
}

SSE_DECL std::string response_text(unsigned status, const Response& response) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + ' ';
  text.append(reason_phrase(status)).append("\r\n");
  for_each_body_header(status, response,
                       [&](std::string_view name, std::string_view value) { append_header(text, name, value); });
  append_header(text, "Connection", "close");
  for (const auto& [name, value] : response.headers) append_header(text, name, value);
  text.append("\r\n");
  if (has_body_of(status, response) && !response.head_only) text.append(response.body);
  return text;
}

SSE_DECL std::string answer_text(const Answer& answer) {
  if (!answer.stream) return response_text(answer.status, answer.response);
  return stream_head(*answer.stream).append(answer.response.body);
}

SSE_DECL Response error_response(const HttpError& error, std::string_view content_type, bool head_only) {
  Response response(std::string(error.what()));
  response.content_type = content_type;
  if (content_type.starts_with("text/plain") && !find_header(error.headers(), "Content-Type"))
    response.body.push_back('\n');
  response.headers = error.headers();
  forbid_storing(response.headers);
  response.head_only = head_only;
  return response;
}

SSE_DECL std::string response_text(const HttpError& error, std::string_view content_type, bool head_only) {
  return response_text(error.status(), error_response(error, content_type, head_only));
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
