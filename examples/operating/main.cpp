// A service that can be operated: a log, metrics, limits, and a stop that does not send all clients back in one second.
// operating [PORT]: a port of 127.0.0.1 (default 8080; 0: any free port).
#include <sse/http.hpp>
#include <sse/sse.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

/// Text that a client has chosen, for one line of a log: no line break and no control character gets through.
std::string printable(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

/// Logs what happens. The functions are called without a lock, on several threads at once: each writes one line at
/// once.
sse::Observer make_observer() {
  sse::Observer observer;
  observer.connection_added = [](const sse::ConnectionRow& row) {
    std::clog << "added " + printable(row.limit_key) + '\n';
  };
  observer.connection_removed = [](const sse::ConnectionRow& row, std::string_view why) {
    std::clog << "removed " + printable(row.limit_key) + ": " + printable(why) + '\n';
  };
  observer.connection_refused = [](const sse::ConnectionRow& row, sse::RefusalReason why) {
    std::clog << "refused " + printable(row.limit_key) + ": " + std::string(to_string(why)) + '\n';
  };
  observer.loss = [](const sse::ConnectionRow& row, const sse::LostEvents& lost) {
    std::clog << "lost " + printable(row.limit_key) + ": " + std::to_string(lost.count) + ' ' +
                     std::string(to_string(lost.reason)) + '\n';
  };
  observer.format_failure = [](std::string_view type, std::string_view why) {
    std::clog << "not formatted " + printable(type) + ": " + printable(why) + '\n';
  };
  return observer;
}

int main(int argc, char** argv) {
  sse::Options settings;
  settings.history_size = 10'000;         // a client that comes back gets what it missed
  settings.max_connections = 10'000;      // of all users
  settings.max_connections_per_key = 20;  // of one user
  sse::EventManager events(settings);     // emit_event, from any thread
  events.set_observer(make_observer());

  sse::ServeOptions options;
  options.metrics_path = "/metrics";  // for whoever can connect: keep it from the outside in the proxy
  options.grace = std::chrono::seconds(30);
  options.spread = std::chrono::seconds(10);
  options.admit = [](const sse::Request& request, sse::ConnectionOptions& connection) {
    const std::optional<std::string> user = request.query_value("user");  // in your service: of a cookie or a token
    if (!user || user->empty()) throw sse::HttpError(401, "Log in first");
    connection.limit_key = *user;
    connection.topics = {"user:" + *user};  // left empty, it would be every topic
  };
  options.admit_failure = [](const sse::Request&, std::string_view why) { std::clog << printable(why) + '\n'; };

  asio::io_context io;
  const auto strand = asio::make_strand(io);  // `serve` is started and cancelled on one strand
  const auto port = static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 8080);
  asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), port});
  std::cout << "http://" << acceptor.local_endpoint() << "/events" << std::endl;

  asio::cancellation_signal stop;
  asio::co_spawn(strand, sse::serve(std::move(acceptor), events, options),
                 asio::bind_cancellation_slot(stop.slot(), asio::detached));
  asio::signal_set signals(strand, SIGINT, SIGTERM);
  signals.async_wait([&](auto, auto) {
    stop.emit(asio::cancellation_type::terminal);
    signals.clear();  // a second signal ends the program at once
  });
  std::vector<std::jthread> threads(4);
  for (std::jthread& thread : threads) thread = std::jthread([&] { io.run(); });
}
