// SPDX-License-Identifier: MIT
// The bodies of detail/net/address_set.hpp. src.hpp compiles them once; else the header includes them.

#pragma once

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/net/address_set.hpp"
#include "sse/error.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

inline asio::ip::address_v6::bytes_type bytes_of(const asio::ip::address& address) {
  if (address.is_v6()) return address.to_v6().to_bytes();
  return asio::ip::make_address_v6(asio::ip::v4_mapped, address.to_v4()).to_bytes();
}

SSE_DECL AddressSet::AddressSet(const std::vector<std::string>& entries) {
  for (const std::string& entry : entries) {
    if (entry == "unix") {
      has_unix_ = true;
      continue;
    }
    const std::size_t slash = std::min(entry.find('/'), entry.size());
    error_code error;
    const asio::ip::address address = asio::ip::make_address(entry.substr(0, slash), error);
    const unsigned most = address.is_v4() ? 32 : 128;
    unsigned bits = most;
    bool good = !error;
    if (slash != entry.size()) {
      const char* const end = entry.data() + entry.size();
      const auto [last, failure] = std::from_chars(entry.data() + slash + 1, end, bits);
      good = good && failure == std::errc() && last == end && bits <= most;
    }
    if (!good) throw Error("sse: ServeOptions::proxy_protocol_from must name addresses and networks, is " + entry);
    networks_.push_back({bytes_of(address), bits + (128 - most)});
  }
}

SSE_DECL bool AddressSet::contains(const std::string& text) const {
  if (text.empty()) return has_unix_;
  error_code error;
  const asio::ip::address address = asio::ip::make_address(text, error);
  if (error) return false;
  const auto bytes = bytes_of(address);
  return std::any_of(networks_.begin(), networks_.end(), [&](const Network& network) {
    for (unsigned bit = 0; bit < network.bits; ++bit) {
      const unsigned mask = 0x80u >> (bit % 8);
      if (((bytes[bit / 8] ^ network.bytes[bit / 8]) & mask) != 0) return false;
    }
    return true;
  });
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
