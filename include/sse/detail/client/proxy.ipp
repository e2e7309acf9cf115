// SPDX-License-Identifier: MIT
// The bodies of Proxy: the text that names one, and the environment's variables as curl and Go read them.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/base/percent.hpp"
#include "sse/error.hpp"
#include "sse/headers.hpp"
#include "sse/proxy.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

inline std::string base64(std::string_view bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t group = 0;
    for (std::size_t i = at; i < at + 3; ++i)
      group = group << 8 | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u);
    for (std::size_t i = 0; i < 4; ++i) out.push_back(at + i > bytes.size() ? '=' : digits[group >> (18 - 6 * i) & 63]);
  }
  return out;
}

/// `%41` becomes `A`; text that is not an escape stays.
inline std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::optional<char> byte = leading_escape(text.substr(at));
    out.push_back(byte.value_or(text[at]));
    if (byte) at += 2;
  }
  return out;
}

inline std::string_view environment(const char* name) noexcept {
  const char* const value = std::getenv(name);
  return value ? value : "";
}

/// One entry of no_proxy: a name, an address or a network.
inline bool matches_host(std::string_view entry, std::string_view host) {
  error_code not_address, not_network;
  const auto address = asio::ip::make_address(std::string(host), not_address);
  if (!not_address) {
    if (entry.starts_with('[') && entry.ends_with(']')) entry = entry.substr(1, entry.size() - 2);
    const std::string text(entry);
    if (asio::ip::make_address(text, not_network) == address && !not_network) return true;
    if (entry.find('/') == entry.npos) return false;
    if (address.is_v4()) {
      const auto network = asio::ip::make_network_v4(text, not_network);
      return !not_network &&
             asio::ip::make_network_v4(address.to_v4(), network.prefix_length()).canonical() == network.canonical();
    }
    const auto network = asio::ip::make_network_v6(text, not_network);
    return !not_network &&
           asio::ip::make_network_v6(address.to_v6(), network.prefix_length()).canonical() == network.canonical();
  }
  if (entry.starts_with("*.")) entry.remove_prefix(1);
  if (entry.starts_with('.')) entry.remove_prefix(1);
  if (entry.empty() || host.size() < entry.size()) return false;
  const std::size_t before = host.size() - entry.size();
  return same_name(host.substr(before), entry) && (before == 0 || host[before - 1] == '.');
}

SSE_DECL bool is_without_proxy(const Url& url, std::string_view no_proxy) {
  error_code not_address;
  const auto address = asio::ip::make_address(url.host, not_address);
  if (url.host == "localhost" || url.host.ends_with(".localhost") || (!not_address && address.is_loopback()))
    return true;
  while (!no_proxy.empty()) {
    std::string_view entry = no_proxy.substr(0, no_proxy.find(','));
    no_proxy.remove_prefix(std::min(entry.size() + 1, no_proxy.size()));
    entry = trimmed(entry);
    if (entry == "*") return true;
    const std::size_t colon = entry.rfind(':');
    const bool has_port = colon != entry.npos && (entry.find(':') == colon || entry[colon - 1] == ']');
    if (has_port && entry.substr(colon + 1) != std::to_string(url.port)) continue;
    if (has_port) entry = entry.substr(0, colon);
    if (matches_host(entry, url.host)) return true;
  }
  return false;
}

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

SSE_DECL Proxy::Proxy(std::string_view location) {
  std::string text(location);
  if (text.find("://") == text.npos) text.insert(0, "http://");
  const std::size_t begin = text.find("://") + 3;
  const std::size_t at = text.substr(0, text.find_first_of("/?#", begin)).rfind('@');
  if (at != text.npos && at >= begin) {
    authorization_ = "Basic " + detail::base64(detail::percent_decoded(text.substr(begin, at - begin)));
    text.erase(begin, at + 1 - begin);
  }
  Url url(text);
  if (url.scheme != "http") throw Error(errc::invalid_url, "sse: a proxy must be http, not " + url.scheme);
  location_ = std::move(url);
}

SSE_DECL Proxy Proxy::from_environment(const Url& url) {
  using detail::environment;
  const auto first = [](std::string_view a, std::string_view b) { return a.empty() ? b : a; };
  std::string_view text =
      url.scheme == "https" ? first(environment("https_proxy"), environment("HTTPS_PROXY")) : environment("http_proxy");
  text = first(text, first(environment("all_proxy"), environment("ALL_PROXY")));
  if (text.empty() || detail::is_without_proxy(url, first(environment("no_proxy"), environment("NO_PROXY")))) return {};
  return Proxy(text);
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
