// SPDX-License-Identifier: MIT
// Takes URLs apart and puts them together again. The grammar is RFC 3986; a URL that a client cannot connect to is
// refused.

#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "sse/error.hpp"
#include "sse/url.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

inline bool is_control(char c) noexcept {
  return static_cast<unsigned char>(c) < ' ' || c == 0x7F;
}

inline std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return out;
}

/// The URL as error texts quote it: one line of at most 200 bytes.
inline std::string shown_url(std::string_view text) {
  std::string out(text.substr(0, 200));
  std::replace_if(out.begin(), out.end(), is_control, '?');
  return '"' + out + (text.size() > 200 ? "…\"" : "\"");
}

inline void append_percent_encoded(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c > ' ' && c <= '~' && c != '"' && c != '<' && c != '>') {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.append({'%', "0123456789ABCDEF"[byte >> 4], "0123456789ABCDEF"[byte & 15]});
  }
}

/// A path and a query without the path's dot segments (RFC 3986, 5.2.4).
inline std::string normalized_target(std::string_view text) {
  const std::size_t query = std::min(text.find('?'), text.size());
  std::string out;
  for (std::string_view path = text.substr(0, query); !path.empty();) {
    const std::size_t end = std::min(path.find('/', 1), path.size());  // it begins with a slash
    const std::string_view segment = path.substr(1, end - 1);
    path.remove_prefix(end);
    if (segment == "..") out.erase(std::min(out.rfind('/'), out.size()));
    if (segment != "." && segment != "..")
      append_percent_encoded(out.append("/"), segment);
    else if (path.empty())
      out.append("/");
  }
  if (out.empty()) out.push_back('/');
  append_percent_encoded(out, text.substr(query));
  return out;
}

inline void check_url(bool good, const char* why) {
  if (!good) throw Error(errc::invalid_url, why);
}

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

SSE_DECL Url::Url(std::string_view text) {
  try {
    detail::check_url(std::none_of(text.begin(), text.end(), detail::is_control), "it has a control character");
    const std::size_t colon = text.find("://");
    scheme = detail::lower_case(text.substr(0, colon));
    detail::check_url(colon != text.npos && (scheme == "http" || scheme == "https"),
                      "it must begin with http:// or https://");
    std::string_view rest = text.substr(colon + 3);
    rest = rest.substr(0, rest.find('#'));
    const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
    take_authority(authority);
    target = detail::normalized_target(rest.substr(authority.size()));
  } catch (const Error& why) {
    throw Error(errc::invalid_url, "sse: " + detail::shown_url(text) + " is no URL to connect to: " + why.what());
  }
}

SSE_DECL void Url::take_authority(std::string_view authority) {
  detail::check_url(authority.find('@') == authority.npos, "it has a user name; credentials belong in a header");
  const bool bracketed = authority.starts_with('[');
  const std::size_t end = bracketed ? authority.find(']') : authority.find(':');
  detail::check_url(!bracketed || end != authority.npos, "the bracket of its address is not closed");
  host = detail::lower_case(authority.substr(bracketed, end - bracketed));
  const std::string_view allowed =
      bracketed ? "0123456789abcdef:." : "abcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=";
  detail::check_url(!host.empty() && host.size() <= 255 && host.find_first_not_of(allowed) == host.npos,
                    "its host must be a name of ASCII letters, or an address");
  std::string_view rest = authority.substr(std::min(end, authority.size()));
  if (bracketed) rest.remove_prefix(1);
  port = scheme == "https" ? 443 : 80;
  if (rest.size() > 1) {
    detail::check_url(rest.front() == ':', "something stands after its address");
    const auto [last, error] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), port);
    detail::check_url(error == std::errc() && last == rest.data() + rest.size() && port > 0,
                      "its port is not 1 to 65535");
  } else {
    detail::check_url(rest.empty() || rest == ":", "something stands after its address");
  }
}

SSE_DECL std::string Url::authority() const {
  std::string text = host.find(':') == host.npos ? host : '[' + host + ']';
  if (port != (scheme == "https" ? 443 : 80)) text.append(":").append(std::to_string(port));
  return text;
}

SSE_DECL std::string Url::to_string() const {
  return scheme + "://" + authority() + target;
}

SSE_DECL Url Url::resolve(std::string_view reference) const {
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

SSE_DECL bool Url::same_origin(const Url& other) const noexcept {
  return scheme == other.scheme && host == other.host && port == other.port;
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
