// The test kit over sockets: what a service's own tests do with it, hostile services, and how it fails.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <sse/http.hpp>
#include <sse/sse.hpp>
#include <sse/testing.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

#if defined(SSE_USE_BOOST_ASIO)  // Clang has no alias that is the name of a namespace already
namespace asio = sse::asio;
#endif
namespace kit = sse::testing;
using namespace std::chrono_literals;
using kit::Timeout, kit::Ended;
using nlohmann::json;

constexpr std::string_view stream_head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";

template <class Failure, class Function>
std::string failure(Function&& function) {
  try {
    function();
  } catch (const Failure& error) {
    return error.what();
  }
  return "it did not fail";
}
template <class Function>
sse::error_code end_of(Function&& function) {
  try {
    function();
  } catch (const Ended& end) {
    return end.code();
  }
  FAIL("it did not end");
  return {};
}

std::string type_of(const sse::Message& message) {
  return json::parse(message.data)["type"];
}

/// A service that says what the test says. Its end is a plain socket.
struct Hostile {
  Hostile() : pair(kit::connected_pair(io.get_executor())) { client.set_patience(5s); }

  void says(std::string_view text) { asio::write(pair.service, asio::buffer(text.data(), text.size())); }
  void closes() { pair.service.close(); }
  void resets() {
    pair.service.set_option(asio::socket_base::linger(true, 0));
    pair.service.close();
  }

  asio::io_context io;
  kit::ConnectedPair pair;
  kit::Client& client = pair.client;
};

TEST_CASE("a client reads two events and stops, and is told exactly what it has lost") {
  sse::EventManager events(10);
  const kit::ObserverLog log;
  events.set_observer(log.observer());
  kit::Server server(events);
  kit::Client client = kit::Client::get(server.port(), "/events", {}, 4096);
  CHECK(client.status() == 200);
  CHECK(type_of(client.read()) == "connection");
  const std::string text(1000, 'x');
  int emitted = 0;
  for (; emitted < 2; ++emitted) events.emit_event("n", {{"n", emitted}, {"text", text}});
  CHECK(client.read(2).size() == 2);
  while (events.get_connection_info().connections.at(0).dropped < 50)
    events.emit_event("n", {{"n", emitted++}, {"text", text}});
  events.disconnect_all("enough");
  int next = 2, lost = 0, gaps = 0;
  std::vector<sse::Message> rest = client.read_to_end();
  REQUIRE(!rest.empty());
  CHECK(json::parse(rest.back().data)["message"] == "enough");
  rest.pop_back();
  for (const sse::Message& message : rest) {
    const json body = json::parse(message.data);
    if (body["type"] == "overflow") {
      next += body["dropped"].get<int>();
      lost += body["dropped"].get<int>();
      ++gaps;
    } else {
      CHECK(body["data"]["n"] == next++);
    }
  }
  CHECK(next == emitted);
  CHECK(gaps > 0);
  CHECK(lost >= 50);
  CHECK(log.removed(1).at(0).row.dropped == static_cast<std::size_t>(lost));
}

TEST_CASE("a served connection expires by the manual clock, and has its keep-alives till then") {
  const std::chrono::milliseconds keep_alive = GENERATE(0ms, 1000ms, 15'000ms);
  kit::ManualClock clock;
  sse::Options settings;
  settings.clock = clock;
  sse::EventManager events(settings);
  sse::ServeOptions options;
  options.stream.keep_alive = keep_alive;
  options.admit = [clock](const sse::Request&, sse::ConnectionOptions& connection) {
    connection.expires_at = clock() + 1h;
  };
  kit::Server server(events, options);
  kit::Client client = kit::Client::get(server.port());
  CHECK(type_of(client.read()) == "connection");
  if (keep_alive == 1000ms) {
    const auto begin = std::chrono::steady_clock::now();
    CHECK(client.take_bytes(28) == ": keep-alive\n\n: keep-alive\n\n");
    CHECK(std::chrono::steady_clock::now() - begin > 1000ms);  // and not with each look at the clock
  }
  clock.advance(1h);
  const auto rest = client.read_to_end();
  REQUIRE(rest.size() == 1);
  CHECK(json::parse(rest[0].data)["message"] == "The connection's time is up");
  CHECK(json::parse(rest[0].data)["timestamp"] == 1'000'003'600);
}

TEST_CASE("a slow socket is cut when its time to send is up") {
  sse::EventManager events;
  const kit::ObserverLog log;
  events.set_observer(log.observer());
  asio::io_context io;
  auto pair = kit::connected_pair(io.get_executor(), 4096, 4096);
  sse::StreamOptions options;
  options.send_timeout = 500ms;  // Linux's own, TCP_USER_TIMEOUT, is ten times that
  std::promise<void> done;
  asio::co_spawn(io, sse::write_events(pair.service, events.add_connection(), options),
                 [&](const std::exception_ptr& error) {
                   if (error)
                     done.set_exception(error);
                   else
                     done.set_value();
                 });
  for (int i = 0; i < 90; ++i) events.emit_event("n", std::string(10'000, 'x'));
  std::thread thread([&] { io.run(); });
  CHECK(pair.client.take_bytes(15) == "HTTP/1.1 200 OK");
  const auto removed = log.removed(1);
  thread.join();
  done.get_future().get();
  CHECK(removed.at(0).reason == "Sending timed out after 500 ms");
  CHECK(removed.at(0).row.ended == sse::EndReason::send_timeout);
  pair.service.close();
  // The content of the systems' buffers, and no whole message behind it.
  const std::string held = failure<Ended>([&] { pair.client.read(90); });
  CHECK(held.find("ended its stream; there were ") != held.npos);
  CHECK(held.find(" of 90 messages: {\"type\":\"connection\"") != held.npos);
}

TEST_CASE("bytes that are taken by number and messages that are read go on behind each other") {
  Hostile service;
  kit::Client& client = service.client;
  service.says(stream_head);
  service.says("id: 1\ndata: one\n\nretry: 250\nid: 2\ndata: two\n\n: comment\n\ndata: three\n\n");
  CHECK(client.take_bytes(stream_head.size() + 9) == std::string(stream_head) + "id: 1\ndat");
  CHECK(client.read() == sse::Message{"message", "one", "1"});
  CHECK(client.last_event_id() == "1");
  CHECK_FALSE(client.retry());
  CHECK(client.take_bytes(38) == "retry: 250\nid: 2\ndata: two\n\n: comment\n");
  CHECK(client.last_event_id() == "2");
  CHECK(client.retry() == 250ms);
  CHECK(client.read(2) == std::vector<sse::Message>{{"message", "two", "2"}, {"message", "three", "2"}});
  service.closes();
  CHECK(client.read_to_end().empty());
  CHECK_FALSE(end_of([&] { client.read(); }));
  CHECK_FALSE(end_of([&] { client.take_bytes(1); }));
}

TEST_CASE("a client that comes back says where it was") {
  sse::Options settings;
  settings.history_size = 10;
  sse::EventManager events(settings);
  kit::Server server(events);
  kit::Client first = kit::Client::get(server.port());
  CHECK(type_of(first.read()) == "connection");
  for (int i = 0; i < 5; ++i) events.emit_event("n", i);
  CHECK(first.read(2).size() == 2);
  const std::string id = first.last_event_id();
  first.reset();
  CHECK(end_of([&] { first.read(); }) == asio::error::operation_aborted);
  kit::Client again = kit::Client::get(server.port(), "/events", {{"Last-Event-ID", id}});
  const auto told = again.read(4);
  CHECK(type_of(told[0]) == "connection");
  for (int i = 2; i < 5; ++i) CHECK(json::parse(told[static_cast<std::size_t>(i - 1)].data)["data"] == i);
  server.stop();
  CHECK(json::parse(again.read_to_end().at(0).data)["message"] == "The server is shutting down");
}

TEST_CASE("a client's close and its reset reach the service") {
  sse::EventManager events;
  const kit::ObserverLog log;
  events.set_observer(log.observer());
  kit::Server server(events);
  for (const bool reset : {false, true}) {
    kit::Client client = kit::Client::get(server.port());
    CHECK(type_of(client.read()) == "connection");
    reset ? client.reset() : client.close();
    CHECK(log.removed(reset ? 2 : 1).back().row.ended == sse::EndReason::peer_gone);
  }
}

TEST_CASE("a refusal is read as what it is, and is no stream") {
  sse::EventManager events;
  sse::ServeOptions options;
  options.admit = [](const sse::Request&, sse::ConnectionOptions&) {
    throw sse::HttpError(401, "Who are you?", {{"WWW-Authenticate", "Bearer"}});
  };
  kit::Server server(events, options);
  kit::Client client = kit::Client::get(server.port());
  CHECK(failure<sse::BadResponse>([&] { client.read(); }).ends_with(" answers with status 401"));
  CHECK(failure<sse::BadResponse>([&] { client.read_to_end(); }).ends_with(" answers with status 401"));
  CHECK(client.status() == 401);
  CHECK(*client.header("www-authenticate") == "Bearer");
  CHECK(client.body() == "Who are you?\n");
  CHECK(client.body() == "Who are you?\n");
  kit::Client elsewhere = kit::Client::get(server.port(), "/elsewhere");
  CHECK(elsewhere.status() == 404);
  kit::Client post(server.port());
  post.request("/events", {{"Content-Type", "text/plain"}}, "POST", "hello");
  CHECK(post.status() == 405);
  kit::Client head(server.port());
  head.request("/events", {}, "HEAD");
  CHECK(head.status() == 401);
}

TEST_CASE("an answer that is no stream of events says why it is none") {
  const auto why = [](std::string_view answer) {
    Hostile service;
    service.says(answer);
    service.closes();
    return failure<sse::BadResponse>([&] { service.client.read(); });
  };
  CHECK(why("HTTP/1.1 204 No Content\r\n\r\n").ends_with(" answers with status 204"));
  CHECK(why("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
            .ends_with(" answers with Content-Type text/html, and not text/event-stream"));
  CHECK(why("HTTP/1.1 200 OK\r\n\r\n").ends_with(" with Content-Type none, and not text/event-stream"));
  CHECK(why("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n\r\n")
            .ends_with(" with Content-Encoding gzip, and not identity"));
  CHECK(why("SSH-2.0-OpenSSH\r\n").ends_with("does not begin with a status line of HTTP/1.1"));
  CHECK(why("HTTP/1.1 200 OK\nContent-Type: text/event-stream\n\n")
            .ends_with("must end with CR LF and contain neither elsewhere"));
  CHECK(why("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n")
            .ends_with("Content-Length and Transfer-Encoding must not both be present"));
  CHECK(why("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n")
            .ends_with("is not a hexadecimal number of at most 64 bits"));
}

TEST_CASE("what came before a broken body is read first") {
  Hostile service;
  service.says("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n");
  service.says("Transfer-Encoding: chunked\r\n\r\n9\r\ndata: a\n\n\r\n9\r\ndata: b\n\n\r\nxyz\r\n");
  CHECK(service.client.read().data == "a");
  CHECK(service.client.read().data == "b");
  CHECK_THROWS_AS(service.client.read(), sse::BadResponse);
  CHECK_THROWS_AS(service.client.read_to_end(), sse::BadResponse);
}

TEST_CASE("a service that closes in the middle is told from one that ends") {
  {
    Hostile service;
    service.says(stream_head);
    service.says("data: one\n\ndata: tw");
    service.closes();
    const std::string why = failure<Ended>([&] { service.client.read(2); });
    CHECK(why.ends_with(R"(ended its stream; there were 1 of 2 messages: one; behind them: "data: tw")"));
    CHECK(service.client.read_to_end() == std::vector<sse::Message>{{"message", "one", ""}});
  }
  {
    Hostile service;
    service.says(stream_head);
    service.says("data: one\n\n");
    CHECK(service.client.read().data == "one");
    service.resets();
    CHECK(end_of([&] { service.client.read(); }) == asio::error::connection_reset);
    CHECK(end_of([&] { service.client.read_to_end(); }) == asio::error::connection_reset);
  }
  for (const std::string_view told : {"Content-Length: 20", "Transfer-Encoding: chunked"}) {
    Hostile service;
    service.says("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n");
    service.says(std::string(told) + "\r\n\r\n");
    service.closes();
    CHECK(end_of([&] { service.client.read_to_end(); }) == asio::error::eof);
  }
  {
    Hostile service;
    service.says("HTTP/1.1 200 OK\r\nContent-Ty");
    service.closes();
    CHECK(failure<Ended>([&] { service.client.status(); }).ends_with("had sent no head of an answer but a part"));
    CHECK(end_of([&] { service.client.status(); }) == asio::error::eof);
  }
  Hostile service;
  service.says("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 9\r\n\r\nlat");
  service.closes();
  CHECK(service.client.status() == 503);
  CHECK(end_of([&] { service.client.body(); }) == asio::error::eof);
}

TEST_CASE("a body whose length is told ends in good order, and the connection may stay") {
  for (const std::string_view body : {"Content-Length: 9\r\n\r\ndata: a\n\nrubbish",
                                      "Transfer-Encoding: chunked\r\n\r\n9\r\ndata: a\n\n\r\n0\r\n\r\nrubbish"}) {
    Hostile service;
    service.says("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n");
    service.says(body);
    CHECK(service.client.read_to_end().at(0).data == "a");
    CHECK_FALSE(end_of([&] { service.client.read(); }));
  }
}

TEST_CASE("a client's wait in vain says what came, which waits for the next call") {
  Hostile service;
  kit::Client& client = service.client;
  client.set_patience(30ms);
  CHECK(failure<Timeout>([&] { client.status(); }).ends_with(" sent no head of an answer within 30 ms"));
  service.says(stream_head);
  service.says("data: one\n\n: keep-alive\n\ndata: half");
  const std::string why = failure<Timeout>([&] { client.read(2); });
  CHECK(why.find(" sent too few messages within 30 ms; there were 1 of 2 messages: one; behind them: ") != why.npos);
  CHECK(why.find("data: half") != why.npos);
  CHECK_THROWS_AS(client.read_to_end(), Timeout);
  CHECK(failure<Timeout>([&] { client.take_bytes(3); }).ends_with(" gave within 30 ms 0 of 3 bytes"));
  service.says(" a");
  CHECK_THROWS_AS(client.take_bytes(3), Timeout);
  service.says(" loaf\n\n");
  client.set_patience(5s);
  CHECK(client.take_bytes(3) == " a ");
  CHECK(client.read(2)[1].data == "half a loaf");
  CHECK_THROWS_AS(client.body(), sse::Error);
  client.set_patience(30ms);
  CHECK(failure<Timeout>([&] {
          for (;;) client.send(std::string(1 << 20, 'x'));
        }).find(" did not take ") != std::string::npos);
}

TEST_CASE("nobody who listens is an error at once") {
  std::uint16_t port = 0;
  {
    asio::io_context io;
    sse::tcp::acceptor acceptor(io, sse::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    port = acceptor.local_endpoint().port();
  }
  CHECK_THROWS_AS(kit::Client(port), sse::system_error);
}

TEST_CASE("a session of the service's own is tested through a connected pair") {
  sse::EventManager events;
  asio::io_context io;
  auto pair = kit::connected_pair(io.get_executor());
  sse::Request request;
  const auto session = [](sse::tcp::socket& socket, sse::EventManager& manager,
                          sse::Request& got) -> asio::awaitable<void> {
    got = co_await sse::read_request(socket);
    co_await sse::write_events(socket, manager, got);
  };
  asio::co_spawn(io, session(pair.service, events, request), asio::detached);
  std::thread thread([&] { io.run(); });
  pair.client.request("/jobs?id=7", {{"Authorization", "Bearer x"}}, "POST", "{}");
  CHECK(type_of(pair.client.read()) == "connection");
  CHECK(*request.header("Authorization") == "Bearer x");
  CHECK(request.query == "id=7");
  CHECK(request.rest == "{}");
  events.emit_event("progress", 50);
  events.disconnect_all();
  CHECK(pair.client.read(2).size() == 2);
  thread.join();
}

TEST_CASE("a server that goes away cuts its clients, and one that is stopped ends them") {
  sse::EventManager events;
  auto server = std::make_unique<kit::Server>(events);
  kit::Client client = kit::Client::get(server->port());
  CHECK(type_of(client.read()) == "connection");
  server.reset();
  CHECK(client.read_to_end().empty());
  CHECK(events.get_connection_count() == 0);
  kit::Server other(events);
  kit::Client told = kit::Client::get(other.port());
  CHECK(type_of(told.read()) == "connection");
  other.stop();
  other.stop();
  CHECK(type_of(told.read_to_end().at(0)) == "disconnect");
  CHECK_THROWS_AS(kit::Client(other.port()), sse::system_error);
}

}  // namespace
