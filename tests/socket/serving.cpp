#include <catch2/generators/catch_generators.hpp>
#include <map>

#include "support.hpp"

namespace {

std::string head_of(const Server& server, std::string_view request) {
  return server.get(request).head();
}

TEST_CASE("GET gets a stream, HEAD its head alone, and all else its status") {
  sse::ServeOptions options;
  options.path = "/live";
  options.stream.allow_origin = "*";
  const Server server(options);
  const std::string host = " HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string stream_head = head_of(server, "GET /live?token=1" + host);
  CHECK(stream_head.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"));
  CHECK(stream_head.find("\r\nAccess-Control-Allow-Origin: *\r\n") != std::string::npos);
  CHECK(server.get("HEAD /live" + host).read_to_end() == stream_head);

  const std::string elsewhere = server.get("GET /" + host).read_to_end();
  CHECK(elsewhere.starts_with("HTTP/1.1 404 Not Found\r\n"));
  CHECK(elsewhere.find("\r\nContent-Length: 31\r\n") != std::string::npos);
  CHECK(elsewhere.ends_with("\r\n\r\nNothing is served at this path\n"));
  CHECK(server.get("HEAD /nowhere" + host).read_to_end().ends_with("\r\n\r\n"));
  for (const auto* method : {"BREW", "get"})
    CHECK(head_of(server, method + " /live"s + host).starts_with("HTTP/1.1 501 Not Implemented\r\n"));
  CHECK(head_of(server, "CONNECT localhost:80"s + host).starts_with("HTTP/1.1 405 Method Not Allowed\r\n"));
  for (const auto* method : {"POST", "OPTIONS", "DELETE"}) {
    const std::string wrong = head_of(server, method + " /live"s + host);
    CHECK(wrong.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"));
    CHECK(wrong.find("\r\nAllow: GET, HEAD\r\n") != std::string::npos);
  }
  for (const std::string& request : {"GET /nowhere"s + host, "POST /live"s + host, "BREW /live"s + host,
                                     "GET /live HTTP/1.1\r\n\r\n"s, "GET /"s + std::string(20'000, 'x') + host}) {
    INFO(request.substr(0, 50));
    CHECK(head_of(server, request).find("\r\nCache-Control: no-store\r\n") != std::string::npos);
  }
  CHECK(head_of(server, "GET /live HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n").starts_with("HTTP/1.1 413 "));
  CHECK(
      head_of(server, "GET /live HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello").starts_with("HTTP/1.1 200 "));
}

TEST_CASE("past max_connections there is 503, and room again when somebody goes") {
  sse::Options settings;
  settings.max_connections = 2;
  const Server server({}, settings);
  const Client first = server.stream();
  {
    const Client second = server.stream();
    const std::string refused = head_of(server, good_request);
    CHECK(refused.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
    CHECK(refused.find("\r\nRetry-After: ") != std::string::npos);
    CHECK(head_of(server, "HEAD /events HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 200 "));
  }
  server.wait_for_count(1);
  CHECK_NOTHROW(server.stream());
}

TEST_CASE("one connection is ended by its id, and the others stay") {
  Server server;
  Client stays = server.stream();
  Client goes = server.get();
  goes.head();
  CHECK(server.events.disconnect(goes.event()->at("connection_id").get<std::string>(), "enough"));
  CHECK(goes.event()->at("message") == "enough");
  CHECK_FALSE(goes.event());
  CHECK(server.log.removed(1) == std::vector{"enough"s});
  server.events.emit_event("more", 1);
  CHECK(stays.event()->at("type") == "more");
}

TEST_CASE("two managers on two acceptors don't meet") {
  Server one, two;
  Client of_one = one.stream(), of_two = two.stream();
  one.events.emit_event("one", 1);
  two.events.emit_event("two", 2);
  CHECK(of_one.event()->at("type") == "one");
  CHECK(of_two.event()->at("type") == "two");
  one.task.cancel();
  CHECK(of_one.event()->at("type") == "disconnect");
  one.task.get();
  two.events.emit_event("two", 3);
  CHECK(of_two.event()->at("data") == 3);
}

TEST_CASE("a cancelled serve accepts no more, delivers what waits, says goodbye and returns") {
  Server server;
  std::vector<Client> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(server.stream());
  Client half = server.get("GET /events HTTP/1.1\r\nHo");
  for (int n = 0; n < 50; ++n) server.events.emit_event("n", n);
  server.task.cancel();
  for (Client& client : clients) {
    for (int n = 0; n < 50; ++n) REQUIRE(client.event()->at("data") == n);
    const json last = client.event().value();
    CHECK(last.at("type") == "disconnect");
    CHECK(last.at("message") == "The server is shutting down");
    CHECK_FALSE(client.event());
  }
  CHECK(half.read_to_end().empty());
  CHECK_NOTHROW(server.task.get());
  CHECK(server.events.get_connection_count() == 0);
  CHECK_FALSE(Client::unconnected().connect(server.port));
}

TEST_CASE("a client that does not read is cut: after the grace, at once without one, or by a second cancellation") {
  sse::ServeOptions options;
  options.grace = GENERATE(300ms, 0ms, 3'600'000ms);
  Server server(options);
  const Client stalled = server.stream(4096);
  Client reads = server.stream();
  const std::string large(64 * 1024, 'x');
  for (int n = 0; n < 100; ++n) {  // what a system takes for a peer that does not read is less
    server.events.emit_event("large", large);
    REQUIRE(reads.event()->at("type") == "large");
  }
  server.task.cancel();
  if (options.grace > 0ms) {
    CHECK(reads.event()->at("type") == "disconnect");
    CHECK_FALSE(reads.event());
  }
  if (options.grace > patience) {
    CHECK_FALSE(server.task.ready());
    server.task.cancel();
  }
  CHECK_NOTHROW(server.task.get());
  CHECK(server.events.get_connection_count() == 0);
}

TEST_CASE("serve with an acceptor that can't be used says so") {
  sse::EventManager events;
  Context context;
  Task closed(context.io, sse::serve(tcp::acceptor(context.io), events));
  CHECK_THROWS_AS(closed.get(), sse::system_error);
  tcp::acceptor acceptor(context.io, tcp::v4());
  acceptor.bind({asio::ip::address_v4::loopback(), 0});
  Task silent(context.io, sse::serve(std::move(acceptor), events));
  CHECK_THROWS_AS(silent.get(), sse::system_error);
}

#if defined(SSE_TEST_POSIX)
TEST_CASE("serve survives a lack of descriptors, and its streams go on meanwhile") {
  Server server;
  Client client = server.stream();
  std::vector<Client> waiting;
  for (int i = 0; i < 3; ++i) waiting.push_back(Client::unconnected());
  std::optional<platform::NoMoreDescriptors> limit(std::in_place);
  bool went_on = true;
  for (Client& late : waiting) {
    went_on = went_on && late.connect(server.port) && late.send(good_request);
    server.events.emit_event("meanwhile", 1);
    went_on = went_on && client.event()->at("type") == "meanwhile";
  }
  const std::size_t served = server.events.get_connection_count();
  limit.reset();
  CHECK(went_on);
  CHECK(served == 1);
  for (Client& late : waiting) CHECK(late.status() == 200);
}
#endif

TEST_CASE("serve survives connections that are aborted before and after they are accepted") {
  const Server server;
  const std::size_t before = open_descriptors();
  for (int n = 0; n < 300; ++n) {
    Client client = Client::to(server.port);
    if (n % 3 == 1) client.send("GET");
    if (n % 3 == 2) client.send(good_request);
    client.reset();
  }
  CHECK_NOTHROW(server.stream());
  server.wait_for_count(0);
  eventually("every descriptor closed", [&] { return open_descriptors() <= before; });
}

TEST_CASE("an io_context that is destroyed under a serve and its streams leaves nothing behind") {
  sse::EventManager events;
  const std::size_t before = open_descriptors();
  {
    auto context = std::make_unique<Context>(2);
    tcp::acceptor acceptor = listen(context->io);
    const auto port = acceptor.local_endpoint().port();
    asio::co_spawn(asio::make_strand(context->io), sse::serve(std::move(acceptor), events), asio::detached);
    std::vector<Client> clients;
    for (const auto& bytes : {good_request, "GET /ev"s, "GET / HTTP/1.0\r\n\r\n"s, good_request}) {
      clients.push_back(Client::to(port, 4096));
      clients.back().send(bytes);
      if (bytes.ends_with("\r\n\r\n")) clients.back().head();
    }
    CHECK(events.get_connection_count() == 2);
    const std::string large(64 * 1024, 'x');
    for (int n = 0; n < 100; ++n) events.emit_event("large", large);
    SECTION("running") {
      context.reset();
    }
    SECTION("stopped, with more on its way") {
      context->join();
      events.emit_event("late", 1);
      events.disconnect_all();
      context.reset();
    }
    CHECK(events.get_connection_count() == 0);
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("emitters on many threads, a server on four, and clients that come and go") {
  constexpr int emitters = 3, events_each = 700;
  Server server({}, sse::Options(), 4);
  std::vector<Client> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(server.stream());
  std::vector<std::jthread> threads;
  for (int emitter = 0; emitter < emitters; ++emitter)
    threads.emplace_back([&, emitter] {
      for (int n = 0; n < events_each; ++n) server.events.emit_event("n", {{"emitter", emitter}, {"n", n}});
    });
  for (int n = 0; n < 40; ++n) {
    Client guest = server.get();
    if (n % 2 == 0) guest.status();
    if (n % 4 == 0) guest.reset();
  }
  for (auto& thread : threads) thread.join();
  server.task.cancel();
  for (Client& client : clients) {
    int received = 0, dropped = 0;
    std::map<int, int> last;
    bool in_order = true;
    for (std::string type; type != "disconnect";) {
      const json event = client.event().value();
      type = event.at("type");
      if (type == "overflow") dropped += event.at("dropped").get<int>();
      if (type != "n") continue;
      ++received;
      const int n = event.at("data").at("n");
      in_order = in_order && n >= last[event.at("data").at("emitter")];
      last[event.at("data").at("emitter")] = n + 1;
    }
    CHECK(in_order);
    CHECK(received + dropped == emitters * events_each);
    CHECK_FALSE(client.event());
  }
  CHECK_NOTHROW(server.task.get());
  CHECK(server.events.get_connection_count() == 0);
}

TEST_CASE("many sessions on many threads end at the moment when serve is cut") {
  for (int round = 0; round < 20; ++round) {
    sse::ServeOptions options;
    options.grace = 0ms;
    Server server(options, sse::Options(), 4);
    std::vector<Client> clients;
    for (int i = 0; i < 10; ++i) clients.push_back(server.get(i % 2 ? good_request : "GET"s));
    std::jthread closer([&] { clients.clear(); });
    server.task.cancel();
    server.task.cancel();
    CHECK_NOTHROW(server.task.get());
    closer.join();
  }
}

TEST_CASE("a client that reads slowly is not taken for one that takes nothing") {
  sse::ServeOptions options;
  options.stream.send_timeout = 500ms;
  sse::Options settings;
  settings.max_queue_size = 10'000;
  Server server(options, settings);
  Client client = server.stream(4096);
  const std::string text(1000, 'x');
  const std::jthread emitter([&] {
    for (int i = 0; i < 2000; ++i) server.events.emit_event("x", text);
  });
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; std::chrono::steady_clock::now() < begin + 4 * options.stream.send_timeout; ++i) {
    REQUIRE(client.event());
    if (i % 15 == 0) platform::pause(40ms);  // its pace: far from what makes a full socket writable in half a second
  }
  CHECK(server.events.get_connection_count() == 1);
}

TEST_CASE("serve takes an acceptor of any executor") {
  sse::EventManager events;
  Context context(2);
  const tcp::endpoint anywhere(asio::ip::address_v4::loopback(), 0);
  asio::basic_socket_acceptor<tcp, asio::io_context::executor_type> own(context.io, anywhere);
  asio::basic_socket_acceptor<tcp, Task::Strand> ordered(asio::make_strand(context.io), anywhere);
  tcp::acceptor erased(asio::make_strand(context.io), anywhere);
  const std::vector ports{own.local_endpoint().port(), ordered.local_endpoint().port(), erased.local_endpoint().port()};
  Task first(context.io, sse::serve(std::move(own), events)),
      second(context.io, sse::serve(std::move(ordered), events)),
      third(context.io, sse::serve(std::move(erased), events, {}));
  std::vector<Client> clients;
  for (int i = 0; i < 60; ++i) {
    clients.push_back(Client::to(ports[static_cast<std::size_t>(i) % ports.size()]));
    clients.back().send(good_request);
  }
  for (Client& client : clients) {
    CHECK(client.status() == 200);
    CHECK(client.event()->at("type") == "connection");
  }
  for (int n = 0; n < 20; ++n) events.emit_event("n", n);
  for (Client& client : clients)
    for (int n = 0; n < 20; ++n) REQUIRE(client.event()->at("data") == n);
  for (Task* task : {&first, &second, &third}) task->cancel();
  for (Client& client : clients) {
    CHECK(client.event()->at("type") == "disconnect");
    CHECK_FALSE(client.event());
  }
  for (Task* task : {&first, &second, &third}) CHECK_NOTHROW(task->get());
}

TEST_CASE("the times of other streams go on when the serve that came first has gone") {
  sse::EventManager events;
  Context context;
  std::optional<Task> serving;
  tcp::acceptor acceptor = listen(context.io);
  const auto port = acceptor.local_endpoint().port();
  Client half = Client::to(port);
  serving.emplace(context.io, sse::serve(std::move(acceptor), events));
  CHECK(half.send("GET /events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: "));
  Client whole = Client::to(port);
  whole.send(good_request);
  CHECK(whole.status() == 200);
  auto [client, socket] = connect(context.io);
  sse::StreamOptions options;
  options.keep_alive = 1ms;
  Task writing(context.io, sse::write_events(socket, events.add_connection("alone"), options));
  CHECK(client.status() == 200);
  serving->cancel();
  CHECK(half.read_to_end().empty());
  CHECK_NOTHROW(serving->get());
  serving.reset();
  CHECK(client.take_until(": keep-alive\n\n"));
  CHECK(client.take_until(": keep-alive\n\n"));
  events.disconnect_all();
  CHECK_NOTHROW(writing.get());
}

#if defined(SSE_TEST_BOUNDED_SEND_BUFFER)
TEST_CASE("a client that never reads finds no more than its queue and 256 KiB when it reads again") {
  Server server;
  Client client = server.stream();
  const std::string text(1000, 'x');
  for (int n = 0; n < 20'000; ++n) {  // 20 MB; a system's buffers grow to several
    server.events.emit_event("x", text);
    if (n % 100 == 0) platform::pause(1ms);
  }
  server.events.disconnect_all();
  const std::string found = client.read_to_end();
  const std::size_t queue = 100 * (text.size() + 100);
  CHECK(found.ends_with("\n\n"));
  CHECK(found.find("\"type\":\"overflow\"") != std::string::npos);
  CHECK(found.size() < queue + 256 * 1024);
}
#endif

TEST_CASE("every call with its default arguments, and with {}") {
  sse::EventManager events;
  Context context;
  auto [client, socket] = connect(context.io);
  std::string reason;
  const auto work = [&]() -> asio::awaitable<void> {
    (void)co_await sse::read_request(socket, {});
    co_await sse::write_response(socket, 200);
    co_await sse::write_response(socket, 200, {});
    co_await sse::write_response(socket, 200, "text");
    co_await sse::write_response(socket, 200, "text"s);
    co_await sse::write_events(socket, events.add_connection({}), {});
    co_await sse::write_events(socket, events.add_connection());
    unsigned status = 0;
    try {
      (void)co_await sse::read_request(socket);
    } catch (const sse::HttpError& error) {
      status = error.status();
      reason = error.what();
    }
    co_await sse::write_response(socket, status);
  };
  Task task(context.io, work());
  client.send(good_request);
  for (int i = 0; i < 4; ++i) {
    CHECK(client.status() == 200);
    if (i >= 2) CHECK(client.take_until("text"));
  }
  for (int i = 0; i < 2; ++i) {
    CHECK(client.status() == 200);
    CHECK(client.event()->at("type") == "connection");
    events.disconnect_all();
    CHECK(client.event()->at("type") == "disconnect");
  }
  client.send("nonsense\r\n");
  CHECK(client.status() == 400);
  task.get();
  CHECK(reason == "The request line must be METHOD TARGET HTTP/1.1");

  const auto serve = [&](bool braces) -> asio::awaitable<void> {
    if (braces)
      co_await sse::serve(listen(context.io), events, {});
    else
      co_await sse::serve(listen(context.io), events);
  };
  Task serving(context.io, serve(false)), serving_too(context.io, serve(true));
  serving.cancel();
  serving_too.cancel();
  CHECK_NOTHROW(serving.get());
  CHECK_NOTHROW(serving_too.get());
}

}  // namespace
