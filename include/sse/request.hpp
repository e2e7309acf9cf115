#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/deadline.hpp"
#include "sse/detail/http_head.hpp"
#include "sse/event.hpp"
#include "sse/wire.hpp"

#if defined(__GNUC__) && \
    !defined(__clang__)  // g++ 12 takes Asio's own new and delete of a coroutine's frame for a mismatch
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace sse {

using Headers = detail::Headers;  ///< names and values, in order

/// A response that is due to the peer instead of what was asked for; `what()` says why, to the peer too.
class HttpError : public Error {
 public:
  HttpError(unsigned status, const std::string& why, Headers headers = {})
      : Error(why), status_(status), headers_(std::move(headers)) {}
  /// The response's.
  unsigned status() const noexcept { return status_; }
  /// Further ones of the response: WWW-Authenticate, Retry-After, Location.
  const Headers& headers() const noexcept { return headers_; }

 private:
  unsigned status_;
  Headers headers_;
};

/// What a request head may cost.
struct RequestLimits {
  RequestLimits() = default;

  std::size_t max_head_size = 16 * 1024;      ///< bytes; past it 414 in the request line, else 431
  std::size_t max_headers = 100;              ///< past it 431
  std::chrono::milliseconds timeout{10'000};  ///< from the call to the head's last byte; past it 408
};

namespace detail {

/// A name or a value of a query (WHATWG URL, 5.1): `+` is a space, `%` with two hex digits a byte, and all of it UTF-8.
inline std::string form_decoded(std::string_view text) {
  std::string bytes, decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char* const digits = text.data() + i + 1;
    unsigned char byte = 0;
    if (text[i] == '%' && text.size() - i > 2 && std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2)
      bytes.push_back(static_cast<char>(byte)), i += 2;
    else
      bytes.push_back(text[i] == '+' ? ' ' : text[i]);
  }
  wire::append_utf8(decoded, bytes);
  return decoded;
}

}  // namespace detail

/// A request head.
struct Request {
  Request() = default;
  /// Of a request that another parser has read (Beast's, for example): its headers are for the caller to add.
  Request(std::string_view method_name, std::string_view request_target) : method(method_name) {
    set_target(request_target);
  }

  std::string method;                           ///< as it was sent: GET, POST
  std::string target;                           ///< as it was sent
  std::string path;                             ///< of the target, not percent-decoded
  std::string query;                            ///< of the target, without the `?`
  unsigned minor_version = 1;                   ///< of HTTP/1
  Headers headers;                              ///< as they were sent
  std::optional<std::uint64_t> content_length;  ///< bytes of the body; unset: none were announced
  bool chunked = false;                         ///< the body is sent in chunks
  std::string rest;                             ///< what came after the head: the body's first bytes
  std::string remote_address;  ///< the peer's IP address: of a proxy, where there is one. Empty: unknown

  /// Sets `target`, and of it `path` and `query`; it may be in the absolute form, as a proxy gets it.
  void set_target(std::string_view text) {
    target = text;
    if (const std::size_t host = text.find("://"); !text.starts_with('/') && host != text.npos)
      text.remove_prefix(std::min(text.find_first_of("/?", host + 3), text.size()));
    const std::size_t mark = std::min(text.find('?'), text.size());
    path = mark == 0 ? "/" : text.substr(0, mark);
    query = text.substr(std::min(mark + 1, text.size()));
  }

  /// The first header of that name (any case), or null.
  const std::string* header(std::string_view name) const noexcept { return detail::find_header(headers, name); }

  /// Every value of that parameter of the query, decoded as a form's (WHATWG URL, 5.1): any bytes may have been in it,
  /// and it is UTF-8 now. It has no more bytes than the query.
  std::vector<std::string> query_values(std::string_view name) const {
    std::vector<std::string> values;
    for (std::string_view left = query; !left.empty();) {
      const std::string_view one = left.substr(0, left.find('&'));
      left.remove_prefix(std::min(one.size() + 1, left.size()));
      const std::size_t equals = std::min(one.find('='), one.size());
      if (!one.empty() && detail::form_decoded(one.substr(0, equals)) == name)
        values.push_back(detail::form_decoded(one.substr(std::min(equals + 1, one.size()))));
    }
    return values;
  }
  /// The first of them.
  std::optional<std::string> query_value(std::string_view name) const {
    std::vector<std::string> values = query_values(name);
    if (values.empty()) return std::nullopt;
    return std::move(values.front());
  }
};

namespace detail {

/// Takes a request line apart (RFC 9112, 3). Throws BadHead.
inline void take_request_line(std::string_view line, Request& request) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == line.npos || first == last) throw BadHead(400, "The request line must be METHOD TARGET HTTP/1.1");
  const std::string_view version = line.substr(last + 1);
  if (version.size() != 8 || !version.starts_with("HTTP/") || !is_digit(version[5]) || version[6] != '.' ||
      !is_digit(version[7]))
    throw BadHead(400, "The request line must end with HTTP/1.1");
  if (version[5] != '1') throw BadHead(505, "Only HTTP/1.0 and HTTP/1.1 are spoken here");
  request.minor_version = version[7] == '0' ? 0 : 1;
  request.method = line.substr(0, first);
  if (!is_token(request.method)) throw BadHead(400, "The method is not a token");
  const std::string_view target = line.substr(first + 1, last - first - 1);
  for (const char c : target)
    if (c <= ' ' || c > '~' || c == '#') throw BadHead(400, "The request target has a character that a URI can't have");
  const bool no_path = request.method == "CONNECT" || (request.method == "OPTIONS" && target == "*");
  if (!no_path && !target.starts_with('/')) {  // the absolute form
    const std::size_t host = target.find("://");
    if (host == target.npos || host == 0) throw BadHead(400, "The request target must begin with /");
    if (target.size() == host + 3 || target[host + 3] == '/' || target[host + 3] == '?')
      throw BadHead(400, "The request target has no host");
  }
  request.set_target(target);
}

/// Empty: it has none.
template <class Stream>
std::string remote_address_of(Stream& stream) {
  if constexpr (requires(error_code error) { lowest_layer(stream).remote_endpoint(error).address().to_string(); }) {
    error_code error;
    const auto endpoint = lowest_layer(stream).remote_endpoint(error);
    if (!error) return endpoint.address().to_string();
  }
  return {};
}

/// What a complete head means. Throws BadHead.
inline Request finish_request(Request&& request, HeadParser& head) {
  const std::string* const host = head.only("Host");
  if (!host && request.minor_version > 0) throw BadHead(400, "There is no Host header");
  const auto no_host = [](char c) {
    return c <= ' ' || c > '~' || std::string_view("\"#/<>?@\\^`{|},").find(c) != std::string_view::npos;
  };
  if (host && std::any_of(host->begin(), host->end(), no_host)) throw BadHead(400, "The Host header is not a host");
  request.chunked = head.chunked();
  if (request.chunked && request.minor_version == 0) throw BadHead(400, "Transfer-Encoding is not HTTP/1.0");
  request.content_length = head.content_length();
  request.headers = std::move(head.headers());
  request.rest = std::move(head.rest());
  return std::move(request);
}

}  // namespace detail

/// Reads one request head from a stream (anything with `async_read_some` and an Asio socket below it, TLS for example).
///
/// Errors: HttpError with the status that the peer should get (400, 408, 413, 414, 431, 501, 505; RFC 9112 and 9110),
/// or sse::system_error: `asio::error::eof` when the peer closed, `operation_aborted` when it is cancelled.
/// Cancellation: terminal and partial; what was read is lost then. The time-out cancels every operation on the socket.
/// Thread safety: the coroutine runs on one thread at a time: on a strand, where several threads run its context.
template <class Stream>
asio::awaitable<Request> read_request(Stream& stream, RequestLimits limits = {}) {
  detail::Deadline<Stream> deadline(stream, co_await asio::this_coro::executor, limits.timeout);
  detail::HeadParser head(limits.max_head_size, limits.max_headers);
  Request request;
  std::array<char, 2048> bytes;
  for (;;) {
    error_code error;
    const std::size_t size =
        co_await stream.async_read_some(asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, error));
    if (deadline.passed())
      throw HttpError(408, "The request head did not come within " + std::to_string(limits.timeout.count()) + " ms");
    if (error) throw system_error(error, "sse::read_request");
    try {
      const auto take_line = [&](std::string_view line) { detail::take_request_line(line, request); };
      if (!head.feed({bytes.data(), size}, take_line)) continue;
      request.remote_address = detail::remote_address_of(stream);
      co_return detail::finish_request(std::move(request), head);
    } catch (const detail::BadHead& bad) {
      throw HttpError(bad.status, bad.what());
    }
  }
}

}  // namespace sse

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
