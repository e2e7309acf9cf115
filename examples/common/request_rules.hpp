// The rules for a request's head that Boost.Beast's parser leaves to its user (RFC 9110 and 9112). What two servers
// could read in two ways is refused, as the library's own `serve` refuses it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/rfc7230.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace request_rules {

namespace beast = boost::beast;
namespace http = beast::http;
using Head = http::request_header<>;

/// Why a request is refused; status 0: it is not.
struct Refusal {
  unsigned status = 0;
  std::string_view reason;
};

inline bool is_number(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// An empty one is the scheme's own.
inline bool is_port(std::string_view text) {
  return is_number(text) && text.size() <= 5 && (text.size() < 5 || text <= "65535");
}

/// HOST or HOST:PORT (RFC 9110, 7.2).
inline bool is_authority(std::string_view text) {
  const auto is_of_host = [](char c) {
    return c > ' ' && c <= '~' && std::string_view("\"#/<>?@\\^`{|},[]:").find(c) == std::string_view::npos;
  };
  const bool literal = text.starts_with('[');
  const std::size_t end = literal ? text.find(']') : std::min(text.find(':'), text.size());
  if (end == text.npos) return false;
  const std::string_view host = text.substr(0, end).substr(literal ? 1 : 0);
  const std::string_view port = text.substr(end + (literal ? 1 : 0));
  if (literal && host.empty()) return false;
  const bool good_host =
      std::all_of(host.begin(), host.end(), [&](char c) { return is_of_host(c) || (literal && c == ':'); });
  return good_host && (port.empty() || (port.front() == ':' && is_port(port.substr(1))));
}

/// The authority of an absolute target, `http://HOST[:PORT]/PATH`; empty: it is none.
inline std::string_view authority_of(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"})
    if (beast::iequals(target.substr(0, scheme.size()), scheme)) {
      target.remove_prefix(scheme.size());
      return target.substr(0, target.find_first_of("/?"));
    }
  return {};
}

/// Each of these makes the end of a body doubtful: the bytes behind it could be read as a request that nobody sent.
inline Refusal check_body(const Head& head) {
  const std::size_t codings = head.count(http::field::transfer_encoding);
  // Beast takes a list of equal lengths for one.
  if (head.count(http::field::content_length) > 1 || !is_number(head[http::field::content_length]))
    return {400, "a request has one Content-Length"};
  if (codings == 0) return {};
  if (codings > 1 || head.version() == 10 || head.count(http::field::content_length) > 0)
    return {400, "the length of the body is in doubt"};
  if (!beast::iequals(head[http::field::transfer_encoding], "chunked"))
    return {501, "chunked is the one transfer coding that is served here"};
  return {};
}

inline Refusal check_target(const Head& head) {
  const std::string_view target = head.target();
  if (std::any_of(target.begin(), target.end(), [](unsigned char c) { return c <= ' ' || c == 0x7F || c == '#'; }))
    return {400, "the target holds what no target may hold"};
  if (head.method() == http::verb::connect) return {501, "CONNECT is not served here"};
  if (target.starts_with('/') || (target == "*" && head.method() == http::verb::options)) return {};
  const std::string_view authority = authority_of(target);
  if (authority.empty() || authority.starts_with(':') || !is_authority(authority))
    return {400, "the target is neither a path nor an http URL"};
  return {};
}

/// The whole check. Afterwards `make_origin_form`.
inline Refusal check(const Head& head) {
  if (head.version() != 10 && head.version() != 11) return {505, "HTTP/1.0 and HTTP/1.1 are served here"};
  const std::size_t hosts = head.count(http::field::host);
  if (hosts > 1 || (hosts == 0 && head.version() == 11)) return {400, "a request has one Host field"};
  if (!is_authority(head[http::field::host])) return {400, "the Host field is HOST or HOST:PORT"};
  if (const Refusal refusal = check_target(head); refusal.status != 0) return refusal;
  if (const Refusal refusal = check_body(head); refusal.status != 0) return refusal;
  if (head.count(http::field::expect) > 0 && !beast::iequals(head[http::field::expect], "100-continue"))
    return {417, "the one expectation that is met here is 100-continue"};
  return {};
}

/// The head has no body, or the client sends it without being asked; false: it waits for `100 Continue`.
inline bool sends_body_unasked(const Head& head) {
  const bool has_body = head.count(http::field::transfer_encoding) > 0 ||
                        (head.count(http::field::content_length) > 0 && head[http::field::content_length] != "0");
  return !has_body || head.version() == 10 || head.count(http::field::expect) == 0;
}

/// An absolute target becomes a path, and its host the Host field (RFC 9112, 3.2.2).
inline void make_origin_form(Head& head) {
  const std::string target(head.target());
  const std::string_view authority = authority_of(target);
  if (authority.empty()) return;
  head.set(http::field::host, authority);
  const auto path = static_cast<std::size_t>(authority.data() + authority.size() - target.data());
  const std::string rest = target.substr(path);
  head.target(rest.starts_with('/') ? rest : "/" + rest);
}

/// Looks at a head's bytes before Beast's parser, which accepts more than RFC 9112 allows: folded lines, any number of
/// fields.
class HeadScanner {
 public:
  static constexpr std::size_t max_fields = 100;

  /// Takes the next bytes of the head, perhaps with others behind it.
  Refusal feed(std::string_view bytes) {
    for (const char c : bytes) {
      if (done_) break;
      if (line_size_ == 0 && lines_ > 0 && (c == ' ' || c == '\t')) return {400, "a field must be on one line"};
      if (lines_ == 0) request_line_.push_back(c);
      if (c != '\r' && c != '\n') ++line_size_;
      if (c != '\n') continue;
      done_ = lines_ > 0 && line_size_ == 0;
      if (lines_++ == 0)
        if (const Refusal refusal = check_version(); refusal.status != 0) return refusal;
      if (lines_ > max_fields + 2) return {431, "the head has too many fields"};
      line_size_ = 0;
    }
    return {};
  }
  bool has_begun() const { return !request_line_.empty(); }

 private:
  /// The parser takes whatever is no HTTP/1.0 or 1.1 for another version.
  Refusal check_version() const {
    const std::string_view line(request_line_);
    const std::string_view version = line.substr(line.rfind(' ') + 1);
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    const bool good = version.size() == 10 && version.starts_with("HTTP/") && is_digit(version[5]) &&
                      version[6] == '.' && is_digit(version[7]) && version.ends_with("\r\n");
    if (!good || std::count(line.begin(), line.end(), ' ') != 2) return {400, "this is not an HTTP request"};
    if (version[5] != '1') return {505, "HTTP/1.0 and HTTP/1.1 are served here"};
    return {};
  }

  std::string request_line_;  // with its end
  std::size_t lines_ = 0, line_size_ = 0;
  bool done_ = false;
};

/// The refusal of a head that Beast could not read. `target`: of the request line. Empty: the line was not complete.
inline Refusal refusal_of(const boost::system::error_code& error, std::string_view target) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow)
    return target.empty() ? Refusal{414, "the request line is too long"} : Refusal{431, "the head is too large"};
  if (error == http::error::body_limit) return {413, "the body is too large"};
  if (error == http::error::bad_version) return {505, "HTTP/1.0 and HTTP/1.1 are served here"};
  return {400, "this is not an HTTP request"};
}

/// Reads a request's head, in the place of http::async_read_header. A status: why it is refused. 0: the head is there
/// and not checked yet, or `error` says why not.
template <class Stream, class Buffer, class Parser>
boost::asio::awaitable<Refusal> read_head(Stream& stream, Buffer& buffer, Parser& parser,
                                          boost::system::error_code& error) {
  constexpr std::size_t block_size = 4096;
  HeadScanner scanner;
  std::size_t scanned = 0;  // of the buffer's bytes
  for (;;) {
    const auto text = [&] { return std::string_view(static_cast<const char*>(buffer.cdata().data()), buffer.size()); };
    // RFC 9112, 2.2: an empty line before the request is ignored.
    if (!scanner.has_begun() && text().starts_with("\r\n")) buffer.consume(2);
    if (text().size() > 0 && (scanner.has_begun() || text() != "\r")) {
      if (const Refusal refusal = scanner.feed(text().substr(scanned)); refusal.status != 0) co_return refusal;
      const std::size_t used = parser.put(buffer.cdata(), error);
      buffer.consume(used);
      scanned = buffer.size();
      if (error && error != http::error::need_more) co_return refusal_of(error, parser.get().target());
      error = {};
      if (parser.is_header_done()) co_return Refusal();
    }
    const std::size_t size = co_await stream.async_read_some(
        buffer.prepare(block_size), boost::asio::redirect_error(boost::asio::use_awaitable, error));
    buffer.commit(size);
    if (error) co_return Refusal();
  }
}

}  // namespace request_rules
