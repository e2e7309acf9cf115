// SPDX-License-Identifier: MIT
// A set of IP addresses, given as addresses and networks. `serve` knows its proxies by it.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Addresses and networks such as `192.0.2.1`, `10.0.0.0/8` and `2001:db8::/32`, and `unix` for peers of Unix sockets.
class AddressSet {
 public:
  /// Throws Error for an entry that is none of these.
  explicit AddressSet(const std::vector<std::string>& entries);

  bool empty() const noexcept { return networks_.empty() && !has_unix_; }
  /// `address` is as remote_address_of returns it; empty: of a Unix socket.
  bool contains(const std::string& address) const;

 private:
  struct Network {
    asio::ip::address_v6::bytes_type bytes;  ///< IPv4 is mapped
    unsigned bits;
  };

  std::vector<Network> networks_;
  bool has_unix_ = false;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/net/address_set.ipp"
#endif
