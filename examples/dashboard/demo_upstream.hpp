#pragma once

#include <boost/asio/awaitable.hpp>
#include <sse/sse.hpp>
#include <string>

#include "demo_chance.hpp"
#include "peer.hpp"

namespace dashboard {

/// The service behind the proxy when the demo is alone: a small shop with pages, pictures, an API that is quick or
/// slow, a report that comes in pieces and an event stream, and now and then an incident in which it is slow and fails.
/// It must outlive its io_context.
class DemoUpstream {
 public:
  asio::awaitable<void> serve(tcp::acceptor& acceptor);

 private:
  using Request = http::request<http::string_body>;
  using Response = http::response<http::string_body>;

  asio::awaitable<void> connection(tcp::socket socket);
  asio::awaitable<bool> answer(tcp::socket& socket, const Request& request);
  asio::awaitable<bool> reply(tcp::socket& socket, const Request& request, unsigned status, std::string body,
                              const char* type);
  asio::awaitable<void> work(double median_ms);
  asio::awaitable<bool> report(tcp::socket& socket, const Request& request);
  asio::awaitable<void> incidents();
  asio::awaitable<void> stock_changes();

  sse::EventManager events_;
  Chance chance_;
  bool incident_ = false;
};

}  // namespace dashboard
