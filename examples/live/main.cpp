// A list of orders that is the same in every tab, through cuts, restarts and log-ins that expire: a snapshot, and the
// stream that goes on from it. The page is page.html.
// live [PORT [SECONDS]]: a port of 127.0.0.1 (default 8080; 0: any free port), and how long a log-in lasts (default
// 60). Run it where `examples/live/page.html` is.
#include <sse/browser.hpp>
#include <sse/http.hpp>
#include <sse/sse.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

using tcp = asio::ip::tcp;
using Clock = std::chrono::system_clock;

sse::Options settings() {
  sse::Options options;
  options.history_size = 1'000;  // a page that was away for longer asks for the snapshot
  return options;
}

/// The service's state. One thread uses it; with several, one lock must guard an order and its event together.
struct Shop {
  std::chrono::seconds log_in_lasts;
  std::vector<std::string> hosts;
  std::vector<nlohmann::json> orders = {};
  std::map<std::string, Clock::time_point> log_ins = {};  // tokens, and when they expire
  std::random_device random = {};
  sse::EventManager events{settings()};

  void add_order(const std::string& what) {
    orders.push_back({{"number", orders.size() + 1}, {"what", what}});
    events.emit_event("order", orders.back());
  }
  /// The orders, and the id after which the stream goes on.
  nlohmann::json snapshot() { return {{"id", events.last_id()}, {"orders", orders}}; }

  /// Your own log-in, with a password for example. This one lets everybody in.
  std::string log_in() {
    std::erase_if(log_ins, [now = Clock::now()](const auto& one) { return one.second <= now; });
    std::string token;
    for (int i = 0; i < 4; ++i) token += std::to_string(random()) + '.';
    log_ins[token] = Clock::now() + log_in_lasts;
    return token;
  }
  /// The time until which the request's log-in is good.
  Clock::time_point expiry_of(const sse::Request& request) {
    const std::string* const header = request.header("Authorization");
    const auto found = header && header->starts_with("Bearer ") ? log_ins.find(header->substr(7)) : log_ins.end();
    if (found == log_ins.end() || found->second <= Clock::now()) throw sse::HttpError(401, "Log in first");
    return found->second;
  }
};

/// The answer to any request but the stream's.
sse::Response answer(Shop& shop, const sse::Request& request, const std::string& body) {
  const std::string asked = request.method + ' ' + request.path;
  sse::Response response;
  if (asked == "GET /") {
    std::ifstream page("examples/live/page.html");
    response.body.assign(std::istreambuf_iterator<char>(page), {});
    response.content_type = "text/html; charset=utf-8";
  } else if (asked == "GET /sse.js") {
    response.body = sse::browser_script;
    response.content_type = "text/javascript";
  } else if (asked == "POST /login") {
    return sse::json_response({{"token", shop.log_in()}});
  } else if (request.path == "/orders") {
    shop.expiry_of(request);
    if (request.method == "POST") shop.add_order(body);
    return sse::json_response(shop.snapshot());
  } else {
    throw sse::HttpError(404, "Nothing is served at this path");
  }
  return response;
}

asio::awaitable<void> session(tcp::socket socket, Shop& shop) try {
  std::optional<sse::HttpError> refusal;
  sse::Request request;
  sse::Response response;
  sse::ConnectionOptions connection;
  try {
    request = co_await sse::read_request(socket);
    sse::check_origin(request, {"http://" + shop.hosts[0], "http://" + shop.hosts[1]}, shop.hosts);
    const std::string body = co_await sse::read_body(socket, request, 1'000);
    if (request.path == "/events") {
      connection = sse::connection_options(request);    // where the page was
      connection.expires_at = shop.expiry_of(request);  // then the page logs in again, and loses nothing
    } else {
      response = answer(shop, request, body);
    }
  } catch (const sse::HttpError& error) {
    refusal = error;
  }
  if (refusal)
    co_await sse::write_response(socket, *refusal);
  else if (request.path == "/events")
    co_await sse::write_events(socket, shop.events, request, {}, connection);
  else
    co_await sse::write_response(socket, 200, response);
} catch (const std::exception&) {  // the page is gone
}

asio::awaitable<void> accept_all(tcp::acceptor& acceptor, Shop& shop) {
  asio::steady_timer pause(acceptor.get_executor());
  while (acceptor.is_open()) {
    sse::error_code error;
    tcp::socket socket = co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (!error) {
      asio::co_spawn(acceptor.get_executor(), session(std::move(socket), shop), asio::detached);
    } else {  // no descriptors are left, for example: that passes
      pause.expires_after(std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::use_awaitable);
    }
  }
}

int main(int argc, char** argv) {
  const auto number = [&](int index, int otherwise) { return argc > index ? std::atoi(argv[index]) : otherwise; };
  asio::io_context io(1);
  const auto loopback = asio::ip::address_v4::loopback();
  tcp::acceptor acceptor(io, {loopback, static_cast<std::uint16_t>(number(1, 8080))});
  const std::string port = std::to_string(acceptor.local_endpoint().port());
  std::cout << "http://localhost:" << port << "/" << std::endl;

  Shop shop{std::chrono::seconds(number(2, 60)), {"localhost:" + port, "127.0.0.1:" + port}};
  asio::co_spawn(io, accept_all(acceptor, shop), asio::detached);
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](auto, auto) {
    acceptor.close();
    shop.events.disconnect_all("The server is shutting down");
  });
  io.run();
}
