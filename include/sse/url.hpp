// SPDX-License-Identifier: MIT
// A URL of http or https, as the client needs it. It depends on no network.

#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include "sse/error.hpp"
#include "sse/headers.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// An http or https URL, taken apart (RFC 3986).
class Url {
 public:
  Url() = default;

  /// Throws Error for what is no such URL, and for a user name or a password in it. The fragment is left out; in the
  /// path and the query, spaces and bytes past ASCII are percent-encoded.
  explicit Url(std::string_view text) {
    const std::string shown = shorten(text);
    const auto check = [&](bool good, std::string_view why) {
      if (!good) throw Error("sse: " + shown + " is no URL to connect to: " + std::string(why));
    };
    check(std::none_of(text.begin(), text.end(), is_control), "it has a control character");
    const std::size_t colon = text.find("://");
    scheme = lower(text.substr(0, colon));
    check(colon != text.npos && (scheme == "http" || scheme == "https"), "it must begin with http:// or https://");
    text.remove_prefix(colon + 3);
    text = text.substr(0, text.find('#'));
    const std::string_view place = text.substr(0, text.find_first_of("/?"));
    check(place.find('@') == place.npos, "it has a user name; credentials belong in a header");
    const bool bracketed = place.starts_with('[');
    const std::size_t end = bracketed ? place.find(']') : place.find(':');
    check(!bracketed || end != place.npos, "the bracket of its address is not closed");
    host = lower(place.substr(bracketed, end - bracketed));
    const std::string_view allowed =
        bracketed ? "0123456789abcdef:." : "abcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=";
    check(!host.empty() && host.size() <= 255 && host.find_first_not_of(allowed) == host.npos,
          "its host must be a name of ASCII letters, or an address");
    std::string_view rest = place.substr(std::min(end, place.size()));
    if (bracketed) rest.remove_prefix(1);
    port = scheme == "https" ? 443 : 80;
    if (rest.size() > 1) {
      check(rest.front() == ':', "something stands after its address");
      const auto [last, error] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), port);
      check(error == std::errc() && last == rest.data() + rest.size() && port > 0, "its port is not 1 to 65535");
    } else {
      check(rest.empty() || rest == ":", "something stands after its address");
    }
    target = normalized(text.substr(place.size()));
  }

  std::string scheme;      ///< `http` or `https`
  std::string host;        ///< in lower case; an IPv6 address without its brackets
  std::uint16_t port = 0;  ///< the scheme's own, where the text has none
  std::string target;      ///< path and query, as a request line has them

  /// The host, and the port where it is not the scheme's: what a Host header says.
  std::string authority() const {
    std::string text = host.find(':') == host.npos ? host : '[' + host + ']';
    if (port != (scheme == "https" ? 443 : 80)) text.append(":").append(std::to_string(port));
    return text;
  }
  /// As one text again.
  std::string to_string() const { return scheme + "://" + authority() + target; }

  /// What a Location header with `reference` means here (RFC 3986, 5.2). Throws Error.
  Url resolve(std::string_view reference) const {
    reference = reference.substr(0, reference.find('#'));
    const std::size_t colon = reference.find(':');
    if (colon != reference.npos && colon < reference.find_first_of("/?")) return Url(reference);
    std::string origin = scheme + "://" + authority();
    if (reference.starts_with("//")) return Url(scheme + ':' + std::string(reference));
    if (reference.starts_with('/')) return Url(origin.append(reference));
    const std::string path = target.substr(0, target.find('?'));
    if (reference.empty()) return *this;
    if (reference.starts_with('?')) return Url((origin + path).append(reference));
    return Url((origin + path.substr(0, path.rfind('/') + 1)).append(reference));
  }

  /// Scheme, host and port are the same (RFC 6454).
  bool same_origin(const Url& other) const noexcept {
    return scheme == other.scheme && host == other.host && port == other.port;
  }

 private:
  static bool is_control(char c) noexcept { return (c >= 0 && c < ' ') || c == 0x7F; }
  static std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    return out;
  }
  /// For a message: one line, and not too long.
  static std::string shorten(std::string_view text) {
    std::string out(text.substr(0, 200));
    std::replace_if(out.begin(), out.end(), is_control, '?');
    return '"' + out + (text.size() > 200 ? "…\"" : "\"");
  }

  /// Without the path's dot segments (RFC 3986, 5.2.4).
  static std::string normalized(std::string_view text) {
    const std::size_t query = std::min(text.find('?'), text.size());
    std::string out;
    for (std::string_view path = text.substr(0, query); !path.empty();) {
      const std::size_t end = std::min(path.find('/', 1), path.size());  // it begins with a slash
      const std::string_view segment = path.substr(1, end - 1);
      path.remove_prefix(end);
      if (segment == "..") out.erase(std::min(out.rfind('/'), out.size()));
      if (segment != "." && segment != "..")
        append_encoded(out.append("/"), segment);
      else if (path.empty())
        out.append("/");
    }
    if (out.empty()) out.push_back('/');
    append_encoded(out, text.substr(query));
    return out;
  }
  static void append_encoded(std::string& out, std::string_view text) {
    for (const char c : text) {
      if (c > ' ' && c <= '~' && c != '"' && c != '<' && c != '>') {
        out.push_back(c);
        continue;
      }
      const auto byte = static_cast<unsigned char>(c);
      out.append({'%', "0123456789ABCDEF"[byte >> 4], "0123456789ABCDEF"[byte & 15]});
    }
  }
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
