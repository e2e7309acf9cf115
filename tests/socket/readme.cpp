// The README's calls, as it writes them, with their default arguments.

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <optional>
#include <sse/http.hpp>
#include <sse/sse.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

struct Order {
  int number = 7;
};
void to_json(nlohmann::json& json, const Order& order) {
  json = {{"number", order.number}};
}

asio::awaitable<void> read_all(sse::EventManager& events, std::vector<std::string>& seen) {
  sse::EventStream stream = events.add_connection();
  while (std::optional<sse::Event> event = co_await stream.next()) seen.emplace_back(event->type());
}

asio::awaitable<void> read_one(sse::EventManager& events, std::vector<std::string>& seen) {
  sse::ConnectionOptions options;
  options.connection_id = "tab-1";
  options.max_queue_size = 10;
  options.announce = false;
  options.topics = {"orders", "user:7"};
  options.filter = [](const sse::Event& event) { return event.type() != "debug"; };
  options.overflow_policy = sse::OverflowPolicy::drop_oldest;
  sse::EventStream stream = events.add_connection(options);
  co_await stream.async_wait(asio::use_awaitable);
  std::optional<sse::Event> event = stream.try_next();
  seen.emplace_back(event->json());
  std::vector<sse::Event> batch;
  stream.drain(batch, 64);
  CHECK(batch.size() == 1);
  CHECK(stream.dropped() == 0);
  CHECK_FALSE(stream.done());
  stream.close();
  CHECK(stream.done());
}

asio::awaitable<void> session(asio::ip::tcp::socket socket, sse::EventManager& events) try {
  sse::Request request = co_await sse::read_request(socket);
  if (request.path == "/jobs" && request.method == "POST")
    co_await sse::write_events(socket, events, request);
  else
    co_await sse::write_response(socket, 404, "no such thing\n");
} catch (const sse::HttpError& error) {
  CHECK(error.status() == 400);
}

std::string ask(asio::io_context& io, asio::ip::tcp::acceptor& acceptor, sse::EventManager& events,
                std::string_view text) {
  asio::ip::tcp::socket client(io);
  client.connect(acceptor.local_endpoint());
  asio::write(client, asio::buffer(text));
  asio::co_spawn(io, session(acceptor.accept(), events), asio::detached);
  std::string answer;
  asio::async_read(client, asio::dynamic_buffer(answer), [](std::error_code, std::size_t) {});
  while (events.get_connection_count() == 0 && io.run_one() != 0) {
  }
  events.emit_event("progress", {{"percent", 40}});
  events.disconnect_all();
  io.run();
  io.restart();
  return answer;
}

}  // namespace

TEST_CASE("readme: emitting and reading") {
  sse::Options options;
  options.max_queue_size = 100;
  sse::EventManager events(options);
  asio::io_context io;
  std::vector<std::string> all, one;
  asio::co_spawn(io, read_all(events, all), asio::detached);
  asio::co_spawn(io, read_one(events, one), asio::detached);
  io.poll();
  CHECK(events.emit_event("order", Order()) == 2);
  CHECK(events.emit_json("price", R"({"bid":1.07})") == 2);
  io.poll();
  CHECK_FALSE(events.send_event("tab-1", "hello", {{"you", "only"}}));
  CHECK_FALSE(events.disconnect("tab-1", "logged out"));
  events.disconnect_all("maintenance");
  io.run();
  CHECK(all == std::vector<std::string>{"connection", "order", "price", "disconnect"});
  REQUIRE(one.size() == 1);
  CHECK(one[0].starts_with(R"({"type":"order","data":{"number":7},"timestamp":)"));
}

TEST_CASE("readme: topics, keys, messages, and a client that comes back") {
  sse::Options settings;
  settings.max_queue_bytes = 0;
  settings.history_size = 10'000;
  sse::EventManager events(settings);
  sse::EventStream tab = events.add_connection("tab-1");
  sse::EmitOptions options;
  options.topic = "orders";
  options.key = "EUR/USD";
  options.transient = true;
  CHECK(events.emit_event("price", {{"bid", 1.07}}, options) == 1);
  CHECK(events.subscribe("tab-1", "orders"));
  CHECK(events.emit_message("", "[DONE]") == 1);
  CHECK(events.send_message("tab-1", "message", R"({"jsonrpc":"2.0","method":"ping"})"));
  std::vector<sse::Event> all;
  tab.drain(all, 64);
  REQUIRE(all.size() == 4);
  CHECK(all[2].json() == "[DONE]");
  sse::ConnectionOptions again;
  again.last_event_id = std::string(all[0].id());
  sse::EventStream resumed = events.add_connection(again);
  CHECK(resumed.try_next()->type() == "connection");
  CHECK(resumed.try_next()->json() == "[DONE]");
}

TEST_CASE("readme: who may come in") {
  asio::io_context io;
  sse::EventManager events;
  sse::ServeOptions options;
  options.topics_from_query = true;
  options.admit = [](const sse::Request& request, sse::ConnectionOptions& connection) {
    const std::string* token = request.header("Authorization");
    if (!token) throw sse::HttpError(401, "Who are you?", {{"WWW-Authenticate", "Bearer"}});
    connection.topics = {*token};
  };
  asio::ip::tcp::acceptor acceptor{io, {asio::ip::tcp::v4(), 0}};
  asio::ip::tcp::socket client(io);
  client.connect(acceptor.local_endpoint());
  asio::write(client, asio::buffer(std::string_view("GET /events?topic=a HTTP/1.1\r\nHost: a\r\n\r\n")));
  asio::co_spawn(io, sse::serve(std::move(acceptor), events, options), asio::detached);
  std::string answer;
  bool answered = false;
  asio::async_read(client, asio::dynamic_buffer(answer), [&](std::error_code, std::size_t) { answered = true; });
  while (!answered) io.run_one();
  CHECK(answer.starts_with("HTTP/1.1 401 Unauthorized\r\n"));
  CHECK(answer.find("\r\nWWW-Authenticate: Bearer\r\n") != std::string::npos);
}

TEST_CASE("readme: a session of one's own") {
  asio::io_context io;
  sse::EventManager events;
  asio::ip::tcp::acceptor acceptor{io, {asio::ip::tcp::v4(), 0}};
  const std::string stream = ask(io, acceptor, events, "POST /jobs HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}");
  CHECK(stream.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"));
  CHECK(stream.find(R"({"type":"progress","data":{"percent":40})") != std::string::npos);
  CHECK(ask(io, acceptor, events, "GET /other HTTP/1.1\r\nHost: a\r\n\r\n").ends_with("\r\n\r\nno such thing\n"));
  CHECK(ask(io, acceptor, events, "GET / HTTP/1.1\r\n\r\n").empty());
}

TEST_CASE("readme: serve, with every default") {
  asio::io_context io;
  sse::EventManager events;
  asio::ip::tcp::acceptor acceptor{io, {asio::ip::tcp::v4(), 0}};
  const auto address = acceptor.local_endpoint();
  asio::cancellation_signal stop;
  bool returned = false;
  asio::co_spawn(io, sse::serve(std::move(acceptor), events, {}),
                 asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr failure) { returned = !failure; }));
  asio::ip::tcp::socket client(io);
  client.connect(address);
  asio::write(client, asio::buffer(std::string_view("GET /events HTTP/1.1\r\nHost: a\r\n\r\n")));
  while (events.get_connection_count() == 0) io.run_one();
  events.emit_event("request_complete", {{"status", 200}, {"duration_ms", 12.5}});
  stop.emit(asio::cancellation_type::terminal);
  std::string answer;
  asio::async_read(client, asio::dynamic_buffer(answer), [](std::error_code, std::size_t) {});
  io.run();
  CHECK(returned);
  CHECK(answer.find(R"("data":{"duration_ms":12.5,"status":200})") < answer.find(R"({"type":"disconnect")"));
}
