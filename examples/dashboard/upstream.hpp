#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "peer.hpp"

namespace dashboard {

struct UpstreamAddress {
  std::string host;
  std::uint16_t port = 80;

  std::string authority() const;
  std::string url() const { return "http://" + authority(); }
};

/// http://HOST[:PORT] with nothing but a slash after it.
std::optional<UpstreamAddress> parse_upstream(std::string_view url);

/// Connections to the service behind the proxy: new ones, and the few that were kept open after a request.
class Upstream {
 public:
  explicit Upstream(UpstreamAddress address) : address_(std::move(address)) {}

  const UpstreamAddress& address() const { return address_; }

  /// Null: there is none, and `error` says why (timed_out after `timeout`).
  asio::awaitable<std::unique_ptr<Peer>> connect(std::chrono::milliseconds timeout, error_code& error);

  /// A kept connection that is still good as far as anyone can tell, or null.
  std::unique_ptr<Peer> take_kept();
  void keep(std::unique_ptr<Peer> peer);

  /// Closes what has been kept for a while.
  void sweep();
  void close() { kept_.clear(); }

 private:
  using Clock = std::chrono::steady_clock;
  struct Kept {
    std::unique_ptr<Peer> peer;
    Clock::time_point since;
  };

  asio::awaitable<error_code> resolve_and_connect(tcp::socket& socket);

  UpstreamAddress address_;
  std::list<Kept> kept_;  // the oldest first
};

}  // namespace dashboard
