#include <set>

#include "support.hpp"

namespace {

std::string get_as(const Server& server, std::string_view headers, std::string_view target = "/events") {
  return server.get("GET " + std::string(target) + " HTTP/1.1\r\nHost: x\r\n" + std::string(headers) + "\r\n")
      .read_to_end();
}
const std::string browser = "Accept: text/event-stream\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n";

sse::Options at_most(std::size_t connections, std::size_t per_key = 0) {
  sse::Options options;
  options.max_connections = connections;
  options.max_connections_per_key = per_key;
  return options;
}

int number_after(const std::string& text, std::string_view what) {
  const std::size_t begin = text.find(what);
  return begin == text.npos ? -1 : std::stoi(text.substr(begin + what.size()));
}

TEST_CASE("a limit refuses an API client with a status, and an EventSource with a stream that ends") {
  const Server server({}, at_most(1));
  const Client first = server.stream();
  const std::string api = get_as(server, "Accept: text/event-stream\r\nUser-Agent: curl/7\r\n");
  CHECK(api.starts_with("HTTP/1.1 503 "));
  CHECK(number_after(api, "Retry-After: ") >= 15);
  CHECK(number_after(api, "Retry-After: ") <= 45);
  std::set<int> retries;
  for (int i = 0; i < 10; ++i) {
    Client page = server.get("GET /events HTTP/1.1\r\nHost: x\r\n" + browser + "\r\n");
    CHECK(page.status() == 200);
    const auto end = page.event();
    REQUIRE(end);
    CHECK(end->at("type") == "disconnect");
    CHECK(end->at("message") == "No more connections are accepted at the moment");
    CHECK_FALSE(page.event());
    REQUIRE(page.retry);
    CHECK(*page.retry >= 15'000);
    CHECK(*page.retry <= 45'000);
    retries.insert(*page.retry);
  }
  CHECK(retries.size() > 5);
  CHECK(get_as(server, "Accept: text/event-stream\r\nUser-Agent: Mozilla/5.0\r\n").starts_with("HTTP/1.1 200 "));
  CHECK(server.events.get_connection_count() == 1);
  CHECK(server.events.stats().refused[sse::RefusalReason::max_connections] == 12);
}

TEST_CASE("the service chooses how it refuses, and names the key: the address, unless admit says so") {
  sse::ServeOptions options;
  options.stream.refusal = sse::RefusalForm::status;
  options.stream.refusal_retry = 2s;
  options.admit = [](const sse::Request& request, sse::ConnectionOptions& connection) {
    const std::string* const user = request.header("X-User");
    connection.limit_key = user ? *user : request.remote_address;
  };
  const Server server(options, at_most(0, 1));
  const Client first = server.stream();
  const std::string refused = get_as(server, browser);
  CHECK(refused.starts_with("HTTP/1.1 429 Too Many Requests\r\n"));
  CHECK(refused.find("\r\nCache-Control: no-store\r\n") != refused.npos);
  CHECK(number_after(refused, "Retry-After: ") <= 3);
  CHECK(refused.ends_with("You have too many connections\n"));
  CHECK(server.events.get_connection_info().connections[0].limit_key == "127.0.0.1");
  Client other = server.get("GET /events HTTP/1.1\r\nHost: x\r\nX-User: ann\r\n\r\n");
  CHECK(other.status() == 200);
}

TEST_CASE("only pages of the allowed origins may read, and each is named for itself") {
  sse::ServeOptions options;
  options.allowed_origins = {"https://a.example", "https://b.example"};
  int asked = 0;
  options.admit = [&](const sse::Request&, sse::ConnectionOptions&) { ++asked; };
  const Server server(options);
  const std::string refused = get_as(server, "Origin: https://evil.example\r\n");
  CHECK(refused.starts_with("HTTP/1.1 403 Forbidden\r\n"));
  CHECK(refused.find("\r\nVary: Origin\r\n") != refused.npos);
  CHECK(refused.find("\r\nCache-Control: no-store\r\n") != refused.npos);
  CHECK(get_as(server, "Origin: null\r\n").starts_with("HTTP/1.1 403 "));
  CHECK(get_as(server, "Origin: https://a.example.evil\r\n").starts_with("HTTP/1.1 403 "));
  CHECK(asked == 0);
  CHECK(server.events.stats().refused[sse::RefusalReason::origin] == 3);
  Client allowed = server.get("GET /events HTTP/1.1\r\nHost: x\r\nOrigin: https://b.example\r\n\r\n");
  const std::string head = allowed.head();
  CHECK(head.find("\r\nAccess-Control-Allow-Origin: https://b.example\r\n") != head.npos);
  CHECK(head.find("\r\nVary: Origin\r\n") != head.npos);
  const std::string none = server.get().head();
  CHECK(none.starts_with("HTTP/1.1 200 "));
  CHECK(none.find("Allow-Origin") == none.npos);
}

TEST_CASE("a page of another origin may read why it gets no stream") {
  sse::ServeOptions options;
  options.allowed_origins = {"https://a.example"};
  options.stream.headers = {{"Access-Control-Allow-Credentials", "true"}, {"Set-Cookie", "seen=1"}};
  options.admit = [](const sse::Request& request, sse::ConnectionOptions&) {
    if (request.query_value("gone"))
      throw sse::HttpError(204, "", {{"Access-Control-Allow-Origin", "https://other.example"}});
    if (!request.header("Cookie")) throw sse::HttpError(401, "Log in first");
  };
  sse::Options one;
  one.max_connections = 1;
  Server server(options, one);
  const std::string head = "Host: x\r\nOrigin: https://a.example\r\n";
  const auto holds = [](const std::string& response, std::string_view line) {
    return response.find(line) != response.npos;
  };
  Client first = server.get("GET /events HTTP/1.1\r\nCookie: a=b\r\n" + head + "\r\n");
  REQUIRE(first.status() == 200);
  for (const std::string cookie : {"", "Cookie: a=b\r\n"}) {
    const std::string response = server.get("GET /events HTTP/1.1\r\n" + cookie + head + "\r\n").head();
    CAPTURE(response);
    CHECK(response.starts_with(cookie.empty() ? "HTTP/1.1 401 " : "HTTP/1.1 503 "));
    CHECK(holds(response, "\r\nAccess-Control-Allow-Origin: https://a.example\r\n"));
    CHECK(holds(response, "\r\nAccess-Control-Allow-Credentials: true\r\n"));
    CHECK(holds(response, "\r\nVary: Origin\r\n"));
    CHECK_FALSE(holds(response, "Set-Cookie"));
  }
  const std::string own = server.get("GET /events?gone HTTP/1.1\r\n" + head + "\r\n").head();
  CHECK(holds(own, "\r\nAccess-Control-Allow-Origin: https://other.example\r\n"));
  CHECK_FALSE(holds(own, "https://a.example"));
}

TEST_CASE("a page of another origin may ask whether it may send headers of its own") {
  sse::ServeOptions options;
  options.allowed_origins = {"https://a.example"};
  int asked = 0;
  options.admit = [&](const sse::Request&, sse::ConnectionOptions&) { ++asked; };
  const Server server(options);
  const auto ask = [&](const std::string& headers, const std::string& target = "/events") {
    return server.get("OPTIONS " + target + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n").read_to_end();
  };
  const std::string method = "Access-Control-Request-Method: GET\r\n";
  CHECK(ask("Origin: https://a.example\r\nAccess-Control-Request-Headers: authorization,last-event-id\r\n" + method) ==
        "HTTP/1.1 204 No Content\r\nConnection: close\r\nAccess-Control-Allow-Origin: https://a.example\r\n"
        "Vary: Origin\r\nAccess-Control-Expose-Headers: Retry-After\r\nAccess-Control-Allow-Methods: GET, HEAD\r\n"
        "Access-Control-Allow-Headers: authorization,last-event-id\r\nAccess-Control-Max-Age: 7200\r\n\r\n");
  CHECK(ask("Origin: https://evil.example\r\n" + method).starts_with("HTTP/1.1 403 "));
  CHECK(ask("Origin: https://a.example\r\n").starts_with("HTTP/1.1 405 "));
  CHECK(ask(method).starts_with("HTTP/1.1 405 "));
  CHECK(ask("Origin: https://a.example\r\n" + method, "/other").starts_with("HTTP/1.1 404 "));
  CHECK(asked == 0);
  const Server closed;
  CHECK(closed.get("OPTIONS /events HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\n" + method + "\r\n")
            .read_to_end()
            .starts_with("HTTP/1.1 405 "));
}

TEST_CASE("a connection is ended when its time is up, even if it is silent") {
  sse::ServeOptions options;
  options.admit = [](const sse::Request&, sse::ConnectionOptions& connection) {
    connection.expires_at = std::chrono::system_clock::now() + 300ms;
  };
  Server server(options);
  Client client = server.stream();
  const auto end = client.event();
  REQUIRE(end);
  CHECK(end->at("message") == "The connection's time is up");
  CHECK_FALSE(client.event());
  CHECK(server.events.stats().ended[sse::EndReason::expired] == 1);
}

TEST_CASE("a connection whose peer takes nothing is ended when its time is up: what comes later is not for it") {
  sse::ServeOptions options;
  options.admit = [](const sse::Request&, sse::ConnectionOptions& connection) {
    connection.expires_at = std::chrono::system_clock::now() + 300ms;
  };
  Server server(options);
  Client stuck = server.get(good_request, 4096);
  server.wait_for_count(1);
  for (std::size_t i = 0; i < 100; ++i) server.events.emit_event("big", std::string(100'000, 'x'));
  server.wait_for_count(0);
  CHECK(server.events.emit_event("late", 1) == 0);
  CHECK(server.events.stats().ended[sse::EndReason::expired] == 1);
}

TEST_CASE("metrics have a path of their own, in the format that is asked for") {
  sse::ServeOptions options;
  options.metrics_path = "/metrics";
  options.admit = [](const sse::Request&, sse::ConnectionOptions&) { throw sse::HttpError(401, "no"); };
  Server server(options);
  server.events.emit_event("x", 1);
  const std::string text = get_as(server, "", "/metrics");
  CHECK(text.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  CHECK(text.find("\nsse_events_emitted_total 1\n") != text.npos);
  const std::string open = get_as(server, "Accept: application/openmetrics-text;version=1.0.0\r\n", "/metrics");
  CHECK(open.find("\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n") != open.npos);
  CHECK(open.ends_with("# EOF\n"));
  CHECK(server.get("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n").read_to_end().ends_with("\r\n\r\n"));
  CHECK(server.get("POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n").status() == 405);
  CHECK(Server().get("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").status() == 404);
}

TEST_CASE("admit_metrics refuses requests for the metrics, and no others") {
  sse::ServeOptions options;
  options.metrics_path = "/metrics";
  options.admit_metrics = [](const sse::Request& request) {
    if (*request.header("Host") == "y") throw sse::HttpError(403, "Not here");
    if (*request.header("Host") == "z") throw std::runtime_error("a secret");
  };
  std::promise<std::string> told;
  options.admit_failure = [&](const sse::Request&, std::string_view what) { told.set_value(std::string(what)); };
  Server server(options);
  CHECK(server.get("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").status() == 200);
  const std::string refused = server.get("GET /metrics HTTP/1.1\r\nHost: y\r\n\r\n").read_to_end();
  CHECK(refused.starts_with("HTTP/1.1 403 "));
  CHECK(refused.ends_with("\r\n\r\nNot here\n"));
  CHECK(server.get("HEAD /metrics HTTP/1.1\r\nHost: y\r\n\r\n").status() == 403);
  const std::string failed = server.get("GET /metrics HTTP/1.1\r\nHost: z\r\n\r\n").read_to_end();
  CHECK(failed.starts_with("HTTP/1.1 500 "));
  CHECK(failed.find("secret") == failed.npos);
  CHECK(told.get_future().get() == "a secret");
  CHECK(server.get("GET /events HTTP/1.1\r\nHost: y\r\n\r\n").status() == 200);
}

TEST_CASE("what has ended says why") {
  sse::ServeOptions options;
  options.stream.send_timeout = 1s;
  Server server(options);
  { const Client gone = server.stream(); }
  server.log.removed(1);
  Client floods = server.stream();
  floods.send(std::string(70'000, 'x'));
  server.log.removed(2);
  Client stuck = server.stream(4096);
  for (std::size_t i = 0; i < 100; ++i) server.events.emit_event("big", std::string(100'000, 'x'));
  server.log.removed(3);
  const sse::Stats stats = server.events.stats();
  CHECK(stats.ended[sse::EndReason::peer_gone] == 1);
  CHECK(stats.ended[sse::EndReason::flooded] == 1);
  CHECK(stats.ended[sse::EndReason::send_timeout] == 1);
  CHECK(stats.lost[sse::LossReason::unread] > 0);
  CHECK(stats.written_bytes > 0);
}

TEST_CASE(
    "a cancelled serve ends its streams over the spread, each with its own retry, but for those that may finish") {
  sse::ServeOptions options;
  options.spread = 200ms;
  options.grace = patience;
  options.stream.retry = 1s;
  options.admit = [](const sse::Request& request, sse::ConnectionOptions& connection) {
    connection.let_finish = request.query == "answer";
  };
  Server server(options);
  std::vector<Client> clients;
  for (int i = 0; i < 30; ++i) clients.push_back(server.stream());
  Client answer = server.get("GET /events?answer HTTP/1.1\r\nHost: x\r\n\r\n");
  answer.head();
  const std::string id = answer.event()->at("connection_id");
  server.task.cancel();
  std::set<int> retries;
  for (Client& client : clients) {
    CHECK(client.event()->at("message") == "The server is shutting down");
    CHECK_FALSE(client.event());
    REQUIRE(client.retry);
    CHECK(*client.retry >= 500);
    CHECK(*client.retry <= 1'700);
    retries.insert(*client.retry);
  }
  CHECK(retries.size() > 10);
  CHECK_FALSE(server.task.ready());
  CHECK_FALSE(Client::unconnected().connect(server.port));
  server.events.emit_event("token", "more");
  CHECK(answer.event()->at("data") == "more");
  server.events.disconnect(id, "complete");
  CHECK(answer.event()->at("message") == "complete");
  server.task.get();
  CHECK(server.events.stats().ended[sse::EndReason::drained] == 30);
}

TEST_CASE("a cancelled serve that ends a replaced stream does not touch the newer") {
  sse::ServeOptions options;
  options.grace = patience;
  options.admit = [](const sse::Request& request, sse::ConnectionOptions& connection) {
    connection.let_finish = request.query_value("answer").has_value();
    if (!request.query.empty()) connection.connection_id = "same";
  };
  Server server(options);
  Client older = server.get("GET /events?older HTTP/1.1\r\nHost: x\r\n\r\n", 4096);
  server.wait_for_count(1);
  for (std::size_t i = 0; i < 100; ++i) server.events.emit_event("big", std::string(100'000, 'x'));
  Client answer = server.get("GET /events?answer HTTP/1.1\r\nHost: x\r\n\r\n");
  answer.head();
  CHECK(answer.event()->at("connection_id") == "same");
  Client other = server.stream();
  server.task.cancel();
  CHECK(other.event()->at("message") == "The server is shutting down");
  older.close();
  server.events.emit_event("token", "more");
  CHECK(answer.event()->at("data") == "more");
  server.events.disconnect("same", "complete");
  CHECK(answer.event()->at("message") == "complete");
  server.task.get();
  CHECK(server.events.stats().ended[sse::EndReason::drained] == 1);
}

TEST_CASE("a second cancellation cuts a serve in the middle of its spread") {
  sse::ServeOptions options;
  options.spread = patience;
  options.grace = patience;
  Server server(options);
  std::vector<Client> clients;
  for (int i = 0; i < 500; ++i) clients.push_back(server.stream());
  server.task.cancel();
  eventually("the first to end", [&] { return server.events.get_connection_count() < 500; });
  server.task.cancel();
  server.task.get();
  CHECK(server.events.get_connection_count() == 0);
  CHECK(server.events.stats().ended[sse::EndReason::drained] == 500);
}

asio::awaitable<void> drain(sse::EventManager& events, std::chrono::milliseconds deadline) {
  co_await events.drain(deadline);
}

TEST_CASE("drain of the manager ends what serve and write_events write, and lets nobody in") {
  Server server;
  Client client = server.stream();
  server.events.emit_event("last", 1);
  Task task(server.context.io, drain(server.events, patience));
  CHECK(client.event()->at("type") == "last");
  CHECK(client.event()->at("type") == "disconnect");
  CHECK_FALSE(client.event());
  task.get();
  CHECK(get_as(server, "").starts_with("HTTP/1.1 503 "));
}

TEST_CASE("drain of the manager cuts a peer that takes nothing at its deadline") {
  Server server;
  Client stuck = server.stream(4096);
  for (std::size_t i = 0; i < 100; ++i) server.events.emit_event("big", std::string(100'000, 'x'));
  Task task(server.context.io, drain(server.events, 100ms));
  task.get();
  stuck.read_to_end();
  CHECK(server.events.stats().ended[sse::EndReason::drained] == 1);
}

TEST_CASE("drain of the manager cuts what a stream replays") {
  sse::Options options;
  options.history_size = 10;
  sse::EventManager events(options);
  for (int i = 0; i < 10; ++i) events.emit_event("old", i);
  Context context;
  auto [client, socket] = connect(context.io);
  Task task(context.io, [](tcp::socket& to, sse::EventManager& manager) -> asio::awaitable<void> {
    sse::ConnectionOptions all;
    all.from_earliest = true;
    all.announce = false;
    sse::EventStream stream = manager.add_connection(all);
    const std::size_t left = co_await manager.drain(0ms);
    CHECK(left == 1);
    co_await sse::write_events(to, std::move(stream));
    to.close();
  }(socket, events));
  task.get();
  CHECK(client.status() == 200);
  CHECK(client.read_to_end() == ": keep-alive 15000\n\n");
}

TEST_CASE("write_events answers for itself when a limit keeps the client out") {
  asio::io_context io;
  sse::EventManager events(at_most(1));
  const sse::EventStream first = events.add_connection();
  auto [client, socket] = connect(io);
  client.send(good_request);
  Context context;
  tcp::socket peer(context.io, tcp::v4(), socket.release());
  Task task(context.io, [](tcp::socket& to, sse::EventManager& manager) -> asio::awaitable<void> {
    const sse::Request request = co_await sse::read_request(to);
    sse::StreamOptions options;
    options.allow_origin = "https://a.example";
    co_await sse::write_events(to, manager, request, options);
    to.close();
  }(peer, events));
  task.get();
  const std::string head = client.head();
  CHECK(head.starts_with("HTTP/1.1 503 "));
  CHECK(head.find("\r\nAccess-Control-Allow-Origin: https://a.example\r\n") != head.npos);
}

}  // namespace
