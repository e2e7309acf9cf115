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
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
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

/// Answers with the orders, after a POST has added one.
asio::awaitable<void> answer_orders(Shop& shop, sse::HandledRequest& handled) {
  const std::string body = co_await sse::read_body(handled.stream, handled.request, 1'000);
  if (handled.request.method == "POST") shop.add_order(body);
  co_await handled.respond(200, sse::json_response(shop.snapshot()));
}

sse::ServeOptions options_of(Shop& shop) {
  sse::ServeOptions options;
  options.script = sse::browser_script;
  options.admit = [&shop](const sse::Request& request, sse::ConnectionOptions& connection) {
    sse::check_origin(request, {"http://" + shop.hosts[0], "http://" + shop.hosts[1]}, shop.hosts);
    if (request.path != "/events" && request.path != "/orders") return;
    connection.expires_at = shop.expiry_of(request);  // then the page logs in again, and loses nothing
  };
  options.handle("GET", "/", [](sse::HandledRequest& handled) {
    std::ifstream page("examples/live/page.html");
    sse::Response response;
    response.body.assign(std::istreambuf_iterator<char>(page), {});
    response.content_type = "text/html; charset=utf-8";
    return handled.respond(200, response);
  });
  options.handle("POST", "/login", [&shop](sse::HandledRequest& handled) {
    return handled.respond(200, sse::json_response({{"token", shop.log_in()}}));
  });
  for (const char* const method : {"GET", "POST"})
    options.handle(method, "/orders", [&shop](sse::HandledRequest& handled) { return answer_orders(shop, handled); });
  return options;
}

int main(int argc, char** argv) {
  const auto number = [&](int index, int otherwise) { return argc > index ? std::atoi(argv[index]) : otherwise; };
  asio::io_context io(1);
  const auto loopback = asio::ip::address_v4::loopback();
  tcp::acceptor acceptor(io, {loopback, static_cast<std::uint16_t>(number(1, 8080))});
  const std::string port = std::to_string(acceptor.local_endpoint().port());
  std::cout << "http://localhost:" << port << "/" << std::endl;

  Shop shop{std::chrono::seconds(number(2, 60)), {"localhost:" + port, "127.0.0.1:" + port}};
  asio::cancellation_signal stop;
  asio::co_spawn(io, sse::serve(std::move(acceptor), shop.events, options_of(shop)),
                 asio::bind_cancellation_slot(stop.slot(), asio::detached));
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](auto, auto) { stop.emit(asio::cancellation_type::terminal); });
  io.run();
}
