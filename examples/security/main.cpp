// A service with secrets, which listens on localhost: who may read what is decided before a stream starts.
// security [PORT]: a port of 127.0.0.1 (default 8080; 0: any free port). The cookie session=ann-secret lets ann in.
#include <sse/http.hpp>
#include <sse/sse.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Text that a client has chosen, for one line of a log: no line break and no control character gets through.
std::string printable(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

/// The user of a session, from your own store.
std::optional<std::string> user_of(const std::optional<std::string>& session) {
  if (session == "ann-secret") return "ann";
  return std::nullopt;
}

int main(int argc, char** argv) {
  sse::Options settings;
  settings.max_connections = 1'000;
  settings.max_connections_per_key = 20;
  sse::EventManager events(settings);

  asio::io_context io(1);
  const auto wanted_port = static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 8080);
  asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), wanted_port});
  const std::string port = std::to_string(acceptor.local_endpoint().port());
  std::cout << "http://" << acceptor.local_endpoint() << "/events" << std::endl;

  const std::vector<std::string> hosts = {"localhost:" + port, "127.0.0.1:" + port};
  sse::ServeOptions options;
  options.allowed_origins = {"http://localhost:" + port, "http://127.0.0.1:" + port};
  options.admit = [hosts](const sse::Request& request, sse::ConnectionOptions& connection) {
    // A page whose host name was re-bound to this address has its own name in Host, and is of its own origin.
    const std::string* const host = request.header("Host");
    if (!host || std::find(hosts.begin(), hosts.end(), *host) == hosts.end())
      throw sse::HttpError(403, "This host is not served here");

    const std::optional<std::string> user = user_of(request.cookie("session"));
    if (!user) {
      std::clog << "refused " + printable(request.target) + " from " + request.remote_address + '\n';
      throw sse::HttpError(401, "Log in first");
    }
    connection.connection_id.clear();  // never taken from a client: a taken id ends the older stream
    connection.limit_key = *user;
    connection.topics = {"user:" + *user};  // left empty, it would be every topic
    connection.expires_at = std::chrono::system_clock::now() + std::chrono::hours(1);  // the end of the session
  };

  asio::cancellation_signal stop;
  asio::co_spawn(io, sse::serve(std::move(acceptor), events, options),
                 asio::bind_cancellation_slot(stop.slot(), asio::detached));
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](auto, auto) { stop.emit(asio::cancellation_type::terminal); });
  io.run();
}
