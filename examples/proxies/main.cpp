// A service behind a proxy: it listens on this machine alone, and counts connections by the real client's address.
// proxies [PORT]: a port of 127.0.0.1 (default 8080; 0: any free port).
#include <sse/http.hpp>
#include <sse/sse.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <utility>

/// The client's address. A header says what its sender likes, so it counts only if the proxy is the sender, and a
/// request may come without it.
std::string client_address(const sse::Request& request) {
  const std::string* const address = request.header("X-Real-IP");
  return address && request.remote_address == "127.0.0.1" ? *address : request.remote_address;
}

int main(int argc, char** argv) {
  sse::Options settings;
  settings.history_size = 10'000;  // a reload of the proxy cuts streams: the clients come back and miss nothing
  settings.max_connections_per_key = 20;
  sse::EventManager events(settings);

  sse::ServeOptions options;
  options.stream.keep_alive = std::chrono::seconds(15);  // less than the proxies' read time-out of 60 s
  options.admit = [](const sse::Request& request, sse::ConnectionOptions& connection) {
    connection.limit_key = client_address(request);
  };

  asio::io_context io(1);
  const auto port = static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 8080);
  asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), port});  // only the proxy reaches it
  std::cout << "http://" << acceptor.local_endpoint() << "/events" << std::endl;

  asio::cancellation_signal stop;
  asio::co_spawn(io, sse::serve(std::move(acceptor), events, options),
                 asio::bind_cancellation_slot(stop.slot(), asio::detached));
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](auto, auto) { stop.emit(asio::cancellation_type::terminal); });
  io.run();
}
