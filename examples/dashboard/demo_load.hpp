#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/http/verb.hpp>
#include <chrono>
#include <string>

#include "demo_chance.hpp"
#include "peer.hpp"

namespace dashboard {

/// Visitors of the demo's shop: a handful of requests a second through the proxy's real port. It must outlive its
/// io_context.
class DemoLoad {
 public:
  explicit DemoLoad(const tcp::endpoint& proxy) : proxy_(proxy) {}

  /// Visitors come until `stop`; the last ones finish what they do.
  asio::awaitable<void> run();
  void stop();

 private:
  class Visitor;

  asio::awaitable<void> visit();
  asio::awaitable<void> shop(Visitor& visitor);
  asio::awaitable<void> crawl(Visitor& visitor);
  asio::awaitable<void> download_report(Visitor& visitor);
  asio::awaitable<void> follow_updates();
  double visitors_a_second() const;

  const tcp::endpoint proxy_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  Chance chance_;
  int visitors_ = 0;
  asio::steady_timer* follower_ = nullptr;  // how long the event stream is followed
  bool stopping_ = false;
};

}  // namespace dashboard
