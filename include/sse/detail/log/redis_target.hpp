// SPDX-License-Identifier: MIT
// The server that a RedisLog's settings name: its address and credentials, out of a URL. A password never gets into a
// text for people.

#pragma once

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "sse/detail/base/percent.hpp"
#include "sse/error.hpp"
#include "sse/redis_log_options.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// False: the text is not a number of that type, and nothing else.
template <class Number>
bool parse_number(std::string_view text, Number& value) noexcept {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

/// One server's address: a host and a port, or the path of a Unix socket.
struct RedisAddress {
  RedisAddress() = default;

  std::string host, path;
  int port = 6379;

  std::string text() const {
    if (!path.empty()) return path;
    return (host.find(':') == std::string::npos ? host : '[' + host + ']') + ':' + std::to_string(port);
  }
};

/// The settings, checked.
struct RedisTarget {
  explicit RedisTarget(const RedisLogOptions& options);

  bool tls = false;
  RedisAddress address;  ///< Not used with sentinels.
  std::string user, password;
  unsigned database = 0;
  std::vector<RedisAddress> sentinels;
  std::string name;  ///< For error texts.
};

/// A URL without what may be a password.
inline std::string shown_redis_url(std::string_view url) {
  url = url.substr(0, url.find('?'));
  const std::size_t at = url.rfind('@');
  if (at == std::string_view::npos) return std::string(url.substr(0, 200));
  const std::size_t scheme = url.find("://");
  const std::string begin(scheme == std::string_view::npos ? std::string_view() : url.substr(0, scheme + 3));
  return begin + std::string(url.substr(at + 1, 200));
}

/// Takes a URL apart. Its errors name the URL.
class RedisUrlParser {
 public:
  RedisUrlParser(std::string_view url, RedisTarget& target) : url_(url), target_(target) {}

  void parse() {
    std::string_view rest = url_;
    if (skip(rest, "unix:")) return parse_unix(rest);
    target_.tls = skip(rest, "rediss://");
    if (!target_.tls && !skip(rest, "redis://")) refuse("it begins with none of redis://, rediss:// and unix:");
    if (rest.find_first_of("?#") != rest.npos) refuse("it has a query or a fragment");
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    parse_authority(rest.substr(0, slash));
    if (slash + 1 < rest.size()) target_.database = number(rest.substr(slash + 1), 1'000'000, "database");
  }

  /// HOST, HOST:PORT, [HOST] or [HOST]:PORT.
  RedisAddress parse_address(std::string_view text, int default_port) const {
    RedisAddress address;
    address.port = default_port;
    std::size_t end = text.find(':');
    if (text.starts_with('[')) {
      end = text.find(']');
      if (end == text.npos) refuse("a bracket is not closed");
      address.host = text.substr(1, end - 1);
      ++end;
    } else {
      if (end != text.npos && text.find(':', end + 1) != text.npos) refuse("an IPv6 address needs brackets");
      address.host = decoded(text.substr(0, end));
    }
    if (address.host.empty()) refuse("the host is missing");
    if (end >= text.size()) return address;
    if (text[end] != ':') refuse("the port is no number from 1 to 65535");
    address.port = static_cast<int>(number(text.substr(end + 1), 65535, "port"));
    if (address.port == 0) refuse("the port is no number from 1 to 65535");
    return address;
  }

  [[noreturn]] void refuse(const char* reason) const {
    throw Error("sse: " + shown_redis_url(url_) + ": the URL of a RedisLog is not valid: " + reason);
  }

 private:
  static bool skip(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
  }

  void parse_authority(std::string_view text) {
    if (const std::size_t at = text.rfind('@'); at != text.npos) {
      parse_credentials(text.substr(0, at));
      text.remove_prefix(at + 1);
    }
    target_.address = parse_address(text, 6379);
  }

  void parse_unix(std::string_view rest) {
    if (const std::size_t query = rest.find('?'); query != rest.npos) {
      std::string_view database = rest.substr(query + 1);
      if (!skip(database, "db=")) refuse("the query is not db=DATABASE");
      target_.database = number(database, 1'000'000, "database");
      rest = rest.substr(0, query);
    }
    if (skip(rest, "//")) {
      const std::size_t slash = std::min(rest.find('/'), rest.size());
      if (const std::size_t at = rest.substr(0, slash).rfind('@'); at != rest.npos) {
        parse_credentials(rest.substr(0, at));
        rest.remove_prefix(at + 1);
      }
    }
    target_.address.path = decoded(rest);
    if (!rest.starts_with('/')) refuse("the path of a Unix socket begins with a slash");
  }

  void parse_credentials(std::string_view text) {
    const std::size_t colon = text.find(':');
    if (colon != text.npos) target_.user = decoded(text.substr(0, colon));
    target_.password = decoded(colon == text.npos ? text : text.substr(colon + 1));
  }

  unsigned number(std::string_view digits, unsigned limit, std::string_view what) const {
    unsigned value = 0;
    if (parse_number(digits, value) && value <= limit) return value;
    refuse(what == "port" ? "the port is no number from 1 to 65535" : "the database is no number");
  }

  std::string decoded(std::string_view text) const {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '%') {
        out.push_back(text[i]);
        continue;
      }
      const std::optional<char> byte = leading_escape(text.substr(i));
      if (!byte) refuse("% is not followed by two hexadecimal digits");
      out.push_back(*byte);
      i += 2;
    }
    if (out.find('\0') != out.npos) refuse("it has a zero byte");
    return out;
  }

  const std::string_view url_;
  RedisTarget& target_;
};

inline RedisTarget::RedisTarget(const RedisLogOptions& options) {
  const std::string url = options.url.empty() && !options.sentinels.empty() ? "redis://sentinel" : options.url;
  RedisUrlParser(url, *this).parse();
  if (!options.user.empty()) user = options.user;
  if (!options.password.empty()) password = options.password;
  if (options.sentinels.empty()) {
    name = (!address.path.empty() ? "unix:" : tls ? "rediss://" : "redis://") + address.text();
  } else {
    if (options.master_name.empty()) throw Error("sse: a RedisLog with sentinels needs RedisLogOptions::master_name");
    for (const std::string& text : options.sentinels) {
      sentinels.push_back(RedisUrlParser(text, *this).parse_address(text, 26379));
    }
    name = "Redis server " + options.master_name;
  }
  if (database != 0) name += (address.path.empty() ? "/" : "?db=") + std::to_string(database);
  if (options.key.empty()) throw Error("sse: " + name + ": the key of a RedisLog is empty");
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
