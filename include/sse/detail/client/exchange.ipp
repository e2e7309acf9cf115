// SPDX-License-Identifier: MIT
// The bodies of the client's exchange. Redirects are WHATWG Fetch, "HTTP-redirect fetch"; interim answers are RFC 9110,
// section 15.2.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "sse/compression.hpp"
#include "sse/config.hpp"
#include "sse/detail/client/exchange.hpp"
#include "sse/detail/http1/head_parser.hpp"
#include "sse/detail/net/stream_timeout.hpp"
#include "sse/error.hpp"
#include "sse/headers.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL std::string ClientRequest::text(const ClientOptions& options, const Headers& headers,
                                         std::string_view last_event_id, const CookieJar* cookies) const {
  std::string text = method + ' ' + url.target + " HTTP/1.1\r\n";
  const auto add = [&](std::string_view name, std::string_view value) {
    text.append(name).append(": ").append(value).append("\r\n");
  };
  add("Host", url.authority());
  add("Accept-Encoding", options.decoder ? options.decoder->coding() : "identity");
  add("Connection", "close");
  for (const auto& [name, value] : {std::pair("Accept", "text/event-stream"), std::pair("Cache-Control", "no-store"),
                                    std::pair("User-Agent", "sse")})
    if (!find_header(headers, name)) add(name, value);
  std::string_view own_cookies;
  for (const auto& [name, value] : headers) {
    const bool describes_body = name.size() > 8 && same_name(std::string_view(name).substr(0, 8), "content-");
    const bool harmless = describes_body || same_name(name, "Accept") || same_name(name, "Cache-Control") ||
                          same_name(name, "User-Agent");
    if ((foreign && !harmless) || (describes_body && !with_body)) continue;
    if (cookies && same_name(name, "Cookie"))
      own_cookies = value;
    else
      add(name, value);
  }
  if (cookies)
    if (const std::string all = cookies->header_for(url, own_cookies); !all.empty()) add("Cookie", all);
  if (!last_event_id.empty()) add("Last-Event-ID", last_event_id);
  const bool body_expected = method == "POST" || method == "PUT" || method == "PATCH";
  if (with_body && (body_expected || !options.body.empty())) add("Content-Length", std::to_string(options.body.size()));
  return text.append("\r\n").append(with_body ? options.body : std::string());
}

SSE_DECL void ClientRequest::redirect(const ResponseHead& head) {
  const unsigned status = head.status;
  Url next;
  try {
    const std::string* const location = head.parser.unique_header("Location");
    if (!location) throw Error(errc::bad_redirect, "it has no Location header");
    next = url.resolve(*location);
    if (url.scheme == "https" && next.scheme == "http")
      throw Error(errc::bad_redirect, "a redirect must not leave https");
  } catch (const std::runtime_error& why) {
    throw BadResponse(
        status,
        "The server redirects with status " + std::to_string(status) + ", which cannot be followed: " + why.what(),
        head.parser.headers());
  }
  foreign = foreign || !next.same_origin(url);
  // Step 12.
  if ((status == 303 && method != "GET" && method != "HEAD") || (status <= 302 && method == "POST")) {
    method = "GET";
    with_body = false;
  }
  url = std::move(next);
}

SSE_DECL bool is_redirect(unsigned status) noexcept {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

SSE_DECL bool is_header_text(std::string_view text) noexcept {
  return std::none_of(text.begin(), text.end(), [](unsigned char c) { return (c < ' ' && c != '\t') || c == 0x7F; });
}

SSE_DECL std::string id_fault(std::string_view id, std::size_t max_size) {
  if (!is_header_text(id)) return "The id has a control character";
  if (id.size() > max_size)
    return "The id has " + std::to_string(id.size()) + " bytes, max_id_size is " + std::to_string(max_size);
  return {};
}

SSE_DECL void check_headers(const Headers& headers, const std::string& option) {
  const auto check_header = [&](bool good, const std::string& why) {
    if (!good) throw Error(errc::invalid_client_option, "sse: ClientOptions::" + option + ": " + why);
  };
  constexpr std::string_view reserved[] = {"Accept-Encoding", "Connection", "Content-Length",    "Expect", "Host",
                                           "Last-Event-ID",   "TE",         "Transfer-Encoding", "Upgrade"};
  for (const auto& [name, value] : headers) {
    check_header(is_token(name), "a name must be a token");
    check_header(is_header_text(value), name + " must have no control characters");
    for (const std::string_view taken : reserved) check_header(!same_name(name, taken), name + " is set by the client");
  }
}

SSE_DECL Headers merge_headers(const Headers& headers, const Headers& more) {
  Headers merged;
  for (const auto& header : headers)
    if (!find_header(more, header.first)) merged.push_back(header);
  merged.insert(merged.end(), more.begin(), more.end());
  return merged;
}

SSE_DECL void Rejection::raise(ResponseHead& head, std::string body) const {
  Headers headers = std::move(head.parser.headers());
  if (may_pass) throw Unavailable(head.status, why, std::move(headers), std::move(body));
  throw BadResponse(head.status, why, std::move(headers), std::move(body));
}

SSE_DECL std::optional<Rejection> rejection_of(const ResponseHead& head, std::string_view coding) {
  const unsigned status = head.status;
  const bool may_pass = status == 408 || status == 429 || status == 500 || (status >= 502 && status <= 504);
  if (status != 200) return Rejection{"The server answers with status " + std::to_string(status), may_pass};
  try {
    if (const std::string other = content_type_error(head.parser, coding); !other.empty())
      return Rejection{"The server answers " + other, false};
  } catch (const BadHead& bad) {
    return Rejection{bad.what(), false};
  }
  return std::nullopt;
}

SSE_DECL asio::awaitable<ResponseHead> Exchange::run(std::string request) {
  const auto time = options_.head_timeout;
  const StreamTimeout<AnyStream> time_limit(stream_, co_await asio::this_coro::executor, time);
  co_await stream_.write(asio::buffer(request), write_error_);
  try {
    co_return co_await read_final_head();
  } catch (const BadHead& bad) {
    throw BadResponse(status_, bad.what());
  } catch (const system_error&) {
    if (!time_limit.passed()) throw;
    throw system_error(asio::error::timed_out,
                       "The server sent no answer within " + std::to_string(time.count()) + " ms");
  }
}

SSE_DECL asio::awaitable<std::string> Exchange::read_error_body(const ResponseHead& head) {
  std::string text;
  const std::size_t max = options_.max_error_body_size;
  if (max == 0 || head.status == 304 || options_.method == "HEAD") co_return text;
  try {
    BodyDecoder body(head.parser);
    const auto take = [&](std::string_view part) { text.append(part.substr(0, max - text.size())); };
    const StreamTimeout<AnyStream> time_limit(stream_, co_await asio::this_coro::executor, std::chrono::seconds(1));
    body.feed(head.parser.rest(), take);
    error_code error;
    while (!body.done() && text.size() < max && !error) {
      const std::size_t size = co_await stream_.read_some(asio::buffer(buffer_), error);
      body.feed({buffer_.data(), size}, take);
    }
  } catch (const BadHead&) {  // the parts before it count
  }
  co_return text;
}

SSE_DECL asio::awaitable<ResponseHead> Exchange::read_final_head() {
  constexpr int max_interim = 16;
  for (int interim = 0; interim < max_interim; ++interim) {
    ResponseHead head(options_.max_head_size, options_.max_headers);
    co_await read_head(head);
    if (status_ >= 200) co_return head;
    if (status_ == 101) break;
    unread_ = std::move(head.parser.rest());
  }
  throw BadResponse(status_, "The server sent status " + std::to_string(status_) + " without a final response");
}

SSE_DECL asio::awaitable<void> Exchange::read_head(ResponseHead& head) {
  const auto take_line = [&](std::string_view line) {
    head.take_status_line(line);
    status_ = head.status;
  };
  while (!head.parser.feed(unread_, take_line)) {
    error_code error;
    const std::size_t size = co_await stream_.read_some(asio::buffer(buffer_), error);
    if (error) throw system_error(write_error_ ? write_error_ : error, "The server sent no answer");
    unread_.assign(buffer_.data(), size);
  }
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
