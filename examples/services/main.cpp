// A service with several users on a pool of threads: each user gets the events of their own topics, within limits.
// services [PORT]: a port of 127.0.0.1 (default 8080; 0: any free port). Tokens: ann-secret, ben-secret.
#include <sse/http.hpp>
#include <sse/sse.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <utility>

using tcp = asio::ip::tcp;

struct Account {
  std::string user;
  std::chrono::system_clock::time_point expires_at;
};

/// Your own check of a token. Throws HttpError for one that is not valid.
Account account_of(const std::optional<std::string>& token) {
  static const std::map<std::string, std::string> users{{"ann-secret", "ann"}, {"ben-secret", "ben"}};
  const auto found = token ? users.find(*token) : users.end();
  if (found == users.end()) throw sse::HttpError(401, "Authentication is required", {{"WWW-Authenticate", "Bearer"}});
  return {found->second, std::chrono::system_clock::now() + std::chrono::hours(1)};
}

/// Decides about a request. It is called on several threads at once, and must not block.
void admit(const sse::Request& request, sse::ConnectionOptions& connection) {
  std::optional<std::string> token = request.query_value("token");  // an EventSource cannot send headers
  if (const std::string* header = request.header("Authorization"); header && header->starts_with("Bearer "))
    token = header->substr(7);
  const Account account = account_of(token);

  // If `topics` stays empty, the connection gets the events of EVERY topic. So set it, whatever the request says.
  connection.topics = {"user:" + account.user};
  connection.limit_key = account.user;         // counted for max_connections_per_key
  connection.expires_at = account.expires_at;  // then `disconnect`; the client comes back with a new token
}

asio::awaitable<void> emit_all(sse::EventManager& events) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (int number = 1;; ++number) {
    sse::EmitOptions order;
    order.topic = number % 2 == 0 ? "user:ann" : "user:ben";
    events.emit_event("order", {{"number", number}}, order);
    events.emit_event("news", {{"number", number}});  // no topic: everybody gets it
    timer.expires_after(std::chrono::milliseconds(100));
    co_await timer.async_wait(asio::use_awaitable);
  }
}

int main(int argc, char** argv) {
  sse::Options settings;
  settings.history_size = 10'000;        // a client that comes back gets what it missed
  settings.max_connections = 10'000;     // of all users
  settings.max_connections_per_key = 2;  // of one user, as `admit` names them
  sse::EventManager events(settings);

  sse::ServeOptions options;
  options.admit = admit;
  options.allowed_origins = {"https://app.example.org"};  // 403 for the pages of any other origin, CORS for this one

  asio::thread_pool pool(4);
  const auto strand = asio::make_strand(pool);  // `serve` is started and cancelled on one strand
  const auto port = static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 8080);
  tcp::acceptor acceptor(pool, {asio::ip::address_v4::loopback(), port});
  std::cout << "http://" << acceptor.local_endpoint() << "/events" << std::endl;

  asio::cancellation_signal stop, stop_emitting;
  asio::co_spawn(strand, sse::serve(std::move(acceptor), events, options),
                 asio::bind_cancellation_slot(stop.slot(), asio::detached));
  asio::co_spawn(strand, emit_all(events), asio::bind_cancellation_slot(stop_emitting.slot(), asio::detached));
  asio::signal_set signals(strand, SIGINT, SIGTERM);
  signals.async_wait([&](auto, auto) {
    stop.emit(asio::cancellation_type::terminal);
    stop_emitting.emit(asio::cancellation_type::terminal);
  });
  pool.join();
}
