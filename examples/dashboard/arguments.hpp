// The command line of `dashboard`.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "upstream.hpp"

namespace dashboard {

struct Arguments {
  boost::asio::ip::tcp::endpoint listen;
  std::optional<UpstreamAddress> upstream;  // none: the demo's own
  std::size_t max_queue_size = 1000;
  std::size_t history = 10'000;
  std::string log;
  std::size_t max_connections = 1000;
  std::chrono::seconds timeout{60};
  std::vector<std::string> hosts;
};

/// Fills `arguments`; a value is the exit status with which the program ends here.
std::optional<int> parse_arguments(int argc, char** argv, Arguments& arguments);

}  // namespace dashboard
