// TLS in `serve` and in its parts (tls.hpp). Built where CMake finds OpenSSL.
#if defined(SSE_TEST_TLS)

#include <sse/answer_events.hpp>

#include "tls_support.hpp"

namespace tls_serving {
namespace {

using namespace tls_test;
using Work = asio::awaitable<void>;

std::string ask(const Server& server, const std::string& request) {
  TlsClient client(server);
  if (!client.handshake() || !client.send(request)) return "no TLS";
  std::string answer = client.read_to_end();
  return client.notified() ? answer : answer + " (cut)";
}

TEST_CASE("serve speaks TLS: streams, answers, and an end that the client can tell from a cut") {
  sse::ServeOptions options = options_with_tls();
  options.metrics_path = "/metrics";
  Server server(options);
  TlsClient stream(server);
  stream.open_stream();
  const std::string large(100'000, 'x');
  for (int n = 0; n < 50; ++n) server.events.emit_event("n", {{"n", n}, {"text", n % 7 == 0 ? large : "small"}});
  for (int n = 0; n < 50; ++n) {
    const auto event = stream.event();
    REQUIRE(event);
    CHECK(event->at("data").at("n") == n);
    CHECK(event->at("data").at("text") == (n % 7 == 0 ? large : "small"));
  }
  CHECK(ask(server, "HEAD /events HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(ask(server, "GET /other HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 404 "));
  CHECK(ask(server, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 200 "));
  const std::string long_head = "GET /other HTTP/1.1\r\nHost: x\r\nX: " + std::string(10'000, 'x') + "\r\n\r\n";
  CHECK(ask(server, long_head).starts_with("HTTP/1.1 404 "));  // one record, and more than one read
  CHECK(ask(server, "nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
  CHECK_FALSE(ask(server, "GET /other HTTP/1.1\r\nHost: x\r\n\r\n").ends_with("(cut)"));
  SECTION("drain") {
    server.task.cancel();
    CHECK(stream.event()->at("type") == "disconnect");
    CHECK(stream.read_to_end().empty());
    CHECK(stream.notified());
    server.task.get();
  }
  SECTION("the client says goodbye") {
    SSL_shutdown(stream.ssl());
    stream.socket().send(stream.take_output());
    CHECK(server.log.removed(1).front() == "The peer is gone: " + text_of(asio::error::eof));
  }
  SECTION("the client closes") {
    stream.socket().close();
    CHECK(server.log.removed(1).front().starts_with("The peer is gone: "));
  }
}

TEST_CASE("TLS 1.2 and 1.3 are spoken, and nothing older") {
  asio::ssl::context old = identity().server_context();
  SSL_CTX_set_cipher_list(old.native_handle(), "DEFAULT:@SECLEVEL=0");
  SSL_CTX_set_min_proto_version(old.native_handle(), TLS1_VERSION);
  sse::ServeOptions options;
  options.tls = sse::tls(old);
  Server server(options);
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION}) {
    asio::ssl::context context = identity().client_context();
    SSL_CTX_set_cipher_list(context.native_handle(), "DEFAULT:@SECLEVEL=0");
    SSL_CTX_set_min_proto_version(context.native_handle(), version);
    SSL_CTX_set_max_proto_version(context.native_handle(), version);
    TlsClient client(Client::to(server.port), std::move(context));
    CAPTURE(version);
    const bool known = version >= TLS1_2_VERSION;
    CHECK(client.handshake() == known);
    if (known)
      client.open_stream();
    else
      CHECK(TlsClient::failure().find("alert protocol version") != std::string::npos);
  }
}

TEST_CASE("a client without ALPN, or with an unknown protocol, speaks HTTP/1.1") {
  Server server(options_with_tls());
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", ""}, {"\3foo", ""}, {"\10http/1.1", "http/1.1"}, {"\2h2\10http/1.1", "http/1.1"}, {"\2h2", ""}};
  for (const auto& [offered, chosen] : cases) {
    TlsClient client(server);
    if (!offered.empty())
      SSL_set_alpn_protos(client.ssl(), reinterpret_cast<const unsigned char*>(offered.data()),
                          static_cast<unsigned>(offered.size()));
    client.open_stream();
    const unsigned char* protocol = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(client.ssl(), &protocol, &size);
    CHECK(std::string(reinterpret_cast<const char*>(protocol), size) == chosen);
  }
}

std::string client_hello() {
  TlsClient client(Client::unconnected());
  SSL_do_handshake(client.ssl());
  return client.take_output();
}

TEST_CASE("a handshake that is cut at any byte leaves nothing behind") {
  Server server(options_with_tls());
  TlsClient stream(server);
  stream.open_stream();
  const std::size_t before = open_descriptors();
  const std::string hello = client_hello();
  for (std::size_t size = 0; size <= hello.size(); ++size) {
    Client client = Client::to(server.port);
    client.send(hello.substr(0, size));
    if (size % 2 == 0) client.end_sending();
    if (size % 3 == 0) client.reset();
  }
  TlsClient noise(server);
  noise.socket().send(std::string(2'000, '\x16'));
  noise.socket().read_to_end();
  Client plain = Client::to(server.port);
  plain.send(good_request);
  CHECK(plain.read_to_end().find("HTTP/") == std::string::npos);
  plain.close();
  noise.socket().close();
  eventually("the sockets are closed", [&] { return open_descriptors() == before; });
  server.events.emit_event("after", {});
  CHECK(stream.event()->at("type") == "after");
}

TEST_CASE("a handshake that comes byte by byte succeeds") {
  Server server(options_with_tls());
  TlsClient client(server);
  SSL_do_handshake(client.ssl());
  for (const char byte : client.take_output()) {
    client.socket().send({&byte, 1});
    if (byte % 16 == 0) platform::pause(1ms);
  }
  client.open_stream();
}

TEST_CASE("handshakes are bounded in time and in number") {
  sse::ServeOptions options = options_with_tls();
  SECTION("time") {
    options.limits.timeout = 300ms;
    Server server(options);
    Client silent = Client::to(server.port);
    Client half = Client::to(server.port);
    half.send(client_hello().substr(0, 100));
    CHECK(silent.read_to_end().empty());
    CHECK(half.read_to_end().empty());
  }
  SECTION("time, behind a handshake") {
    options.limits.timeout = 2s;
    Server server(options);
    TlsClient asks_nothing(server);
    REQUIRE(asks_nothing.handshake());
    CHECK(asks_nothing.read_to_end().starts_with("HTTP/1.1 408 "));
    CHECK(asks_nothing.notified());
  }
  SECTION("number") {
    options.limits.max_pending = 2;
    options.limits.timeout = 60s;
    Server server(options);
    Client first = Client::to(server.port);
    first.send(client_hello().substr(0, 100));
    Client second = Client::to(server.port);
    TlsClient third(server);
    CHECK(first.read_to_end().empty());
    third.open_stream();
    CHECK_FALSE(platform::wait_readable(second.descriptor(), 0ms));
  }
}

TEST_CASE("a renewed certificate is used by the next handshake, and a living stream goes on") {
  const Identity renewed;
  auto tls = sse::tls(identity().server_context());
  sse::ServeOptions options;
  options.tls = tls;
  Server server(options);
  const auto shows = [](TlsClient& client, const Identity& expected) {
    X509* const shown = SSL_get_peer_certificate(client.ssl());
    const bool same = shown && expected.is(shown);
    X509_free(shown);
    return same;
  };
  TlsClient before(server);
  before.open_stream();
  CHECK(shows(before, identity()));
  TlsClient between(server);  // its handshake has begun
  SSL_do_handshake(between.ssl());
  between.socket().send(between.take_output());
  if (!platform::wait_readable(between.socket().descriptor(), patience)) give_up("the server's hello");
  tls->set_context(renewed.server_context());
  between.open_stream();
  CHECK(shows(between, identity()));
  TlsClient after(server);
  after.open_stream();
  CHECK(shows(after, renewed));
  server.events.emit_event("after", {});
  for (TlsClient* client : {&before, &between, &after}) CHECK(client->event()->at("type") == "after");
}

/// A stream whose client has read its first event only, and 500 events of 20 kB that it does not read.
struct Unread {
  explicit Unread(const sse::ServeOptions& options)
      : server(options, settings()), client(Client::to(server.port, 4096)) {
    client.open_stream();
    const std::string text(20'000, 'x');
    for (std::size_t n = 0; n < emitted; ++n) server.events.emit_event("n", {{"n", n}, {"text", text}});
  }
  static sse::Options settings() {
    sse::Options options;
    options.max_queue_size = 10;
    return options;
  }

  static constexpr std::size_t emitted = 500;
  Server server;
  TlsClient client;
};

TEST_CASE("a TLS client that reads late finds recent events, and is told its losses") {
  Unread unread(options_with_tls());
  std::size_t received = 0, dropped = 0;
  while (received + dropped < Unread::emitted) {
    const auto event = unread.client.event();
    REQUIRE(event);
    if (event->at("type") == "overflow") {
      dropped += event->at("dropped").get<std::size_t>();
    } else {
      CHECK(event->at("data").at("n") == received + dropped);
      ++received;
    }
  }
  CHECK(dropped > 0);
  CHECK(received < 200);
}

TEST_CASE("a TLS client that reads nothing is cut after send_timeout, without a goodbye") {
  sse::ServeOptions options = options_with_tls();
  options.stream.send_timeout = 1s;
  Unread unread(options);
  CHECK(unread.server.log.removed(1).front().starts_with("Sending timed out after 1000 ms"));
  unread.client.read_to_end();
  CHECK_FALSE(unread.client.notified());
}

TEST_CASE("what a TLS client sends after its request is bounded, with the bytes of TLS itself") {
  Server server(options_with_tls());
  TlsClient client(server);
  client.open_stream();
  SECTION("data") {
    const std::string kilobyte(1024, 'x');
    for (int n = 0; n < 80; ++n) client.send(kilobyte);
  }
  SECTION("new keys") {
    for (int n = 0; n < 5'000; ++n) {
      SSL_key_update(client.ssl(), SSL_KEY_UPDATE_NOT_REQUESTED);
      SSL_do_handshake(client.ssl());
      client.socket().send(client.take_output());
    }
  }
  CHECK(server.log.removed(1).front().starts_with("The peer sent more than 64 KiB"));
}

TEST_CASE("a client that renegotiates gets nothing new, and its stream goes on") {
  Server server(options_with_tls());
  asio::ssl::context context = identity().client_context();
  SSL_CTX_set_max_proto_version(context.native_handle(), TLS1_2_VERSION);
  TlsClient client(Client::to(server.port), std::move(context));
  client.open_stream();
  TlsClient other(server);
  other.open_stream();
  SSL_renegotiate(client.ssl());
  SSL_do_handshake(client.ssl());
  client.socket().send(client.take_output());
  server.events.emit_event("after", {});
  CHECK(other.event()->at("type") == "after");
  const auto event = client.event();  // or OpenSSL ends it because of the warning that it gets
  CHECK((!event || event->at("type") == "after"));
}

Work echo(sse::HandledRequest& handled) {
  const std::string body = co_await sse::read_body(handled.stream, handled.request, 1 << 20);
  co_await handled.respond(200, body);
}

TEST_CASE("handlers answer over TLS") {
  sse::ServeOptions options = options_with_tls();
  std::promise<void> cut;
  options.handle("POST", "/echo", echo)
      .handle("GET", "/answer",
              [](sse::HandledRequest& handled) -> Work {
                const auto produce = [](sse::EventSender& sender) -> Work {
                  for (int n = 0; n < 100; ++n)
                    co_await sender.send_message(std::to_string(n) + std::string(1'000, 'x'));
                };
                co_await sse::answer_events(handled.stream, handled.request, produce);
              })
      .handle("GET", "/fails",
              [](sse::HandledRequest& handled) -> Work {
                co_await asio::async_write(handled.stream, asio::buffer("HTTP/1.1 200 OK\r\n\r\nx", 20),
                                           asio::use_awaitable);
                throw std::runtime_error("late");
              })
      .handle("GET", "/goes", [&](sse::HandledRequest& handled) -> Work {
        const auto produce = [](sse::EventSender& sender) -> Work {
          co_await sender.send_message("first");
          co_await sender.closed();
        };
        co_await sse::answer_events(handled.stream, handled.request, produce);
        cut.set_value();
      });
  Server server(options);
  const std::string body(200'000, 'b');
  const std::string request =
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  CHECK(ask(server, request).ends_with("\r\n\r\n" + body));
  const std::string answer = ask(server, "GET /answer HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(answer.find("data: 99xxx") != answer.npos);
  CHECK_FALSE(answer.ends_with("(cut)"));
  CHECK(ask(server, "GET /fails HTTP/1.1\r\nHost: x\r\n\r\n") == "HTTP/1.1 200 OK\r\n\r\nx (cut)");
  TlsClient goes(server);
  REQUIRE(goes.handshake());
  goes.send("GET /goes HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(goes.take_until("data: first\n\n"));
  goes.socket().close();
  if (cut.get_future().wait_for(patience) != std::future_status::ready) give_up("the producer's end");
}

TEST_CASE("the header of a load balancer comes before TLS") {
  sse::ServeOptions options = options_with_tls();
  options.proxy_protocol_from = {"127.0.0.1"};
  options.admit = [](const sse::Request& request, sse::ConnectionOptions& connection) {
    connection.connection_id = request.remote_address;
  };
  Server server(options);
  const std::string header = "PROXY TCP4 192.0.2.7 192.0.2.1 5000 443\r\n";
  TlsClient client(server);
  SECTION("in one packet") {
    SSL_do_handshake(client.ssl());
    client.socket().send(header + client.take_output());
  }
  SECTION("byte by byte") {
    for (const char byte : header) client.socket().send({&byte, 1});
  }
  client.open_stream();
  CHECK(server.events.get_connection_info().connection_ids == std::vector<std::string>{"192.0.2.7"});
}

TEST_CASE("many handshakes at once do not hold up a living stream") {
  const char* const wanted = std::getenv("SSE_TLS_HANDSHAKES");
  const int count = wanted ? std::atoi(wanted) : 100;
  sse::ServeOptions options = options_with_tls();
  options.limits.max_pending = 0;
  options.limits.timeout = 60s;
  Server server(options, {}, 2);
  TlsClient stream(server);
  stream.open_stream();
  std::vector<std::unique_ptr<TlsClient>> clients;
  for (int n = 0; n < count; ++n) {
    clients.push_back(std::make_unique<TlsClient>(server));
    SSL_do_handshake(clients.back()->ssl());
  }
  for (auto& client : clients) client->socket().send(client->take_output());
  server.events.emit_event("between", {});
  CHECK(stream.event()->at("type") == "between");
  for (auto& client : clients) client->open_stream();
  server.events.emit_event("after", {});
  for (auto& client : clients) CHECK(client->event()->at("type") == "after");
}

TEST_CASE("a TlsStream works as a socket does") {
  Log log;
  sse::EventManager events;
  events.set_observer(log.observer());
  Context context;
  auto tls = sse::tls(identity().server_context());
  auto [socket, accepted] = connect(context.io);
  TlsClient client(std::move(socket));
  sse::TlsStream stream(std::move(accepted), *tls);
  std::atomic<bool> peer_is_here{true};
  const auto work = [&]() -> Work {
    const sse::Request request = co_await sse::read_request(stream);
    co_await sse::write_events(stream, events.add_connection(request.path, ""));
    if (!peer_is_here) co_return;
    co_await sse::write_response(stream, 200, "bye");
    stream.close_notify();
    stream.next_layer().shutdown(tcp::socket::shutdown_send);
  };
  Task task(context.io, work());
  client.open_stream();
  const std::string large(100'000, 'x');
  for (int n = 0; n < 20; ++n) events.emit_event("n", {{"n", n}, {"text", large}});
  for (int n = 0; n < 20; ++n) CHECK(client.event()->at("data").at("n") == n);
  SECTION("the manager ends it") {
    events.disconnect_all("the end");
    CHECK(client.event()->at("message") == "the end");
    CHECK(client.read_to_end().ends_with("\r\n\r\nbye"));
    CHECK(client.notified());
    CHECK_NOTHROW(task.get());
  }
  SECTION("the peer goes") {
    peer_is_here = false;
    client.socket().close();
    CHECK(log.removed(1).front().starts_with("The peer is gone: "));
    CHECK_NOTHROW(task.get());
  }
  SECTION("it is cancelled") {
    task.cancel();
    CHECK(task.error() == asio::error::operation_aborted);
  }
  CHECK(events.get_connection_count() == 0);
}

TEST_CASE("a write to a peer that has gone is an error, and no SIGPIPE") {
  Context context;
  auto tls = sse::tls(identity().server_context());
  auto [socket, accepted] = connect(context.io);
  TlsClient client(std::move(socket));
  sse::TlsStream stream(std::move(accepted), *tls);
  Task shaking(context.io, stream.async_handshake(asio::use_awaitable));
  CHECK(client.handshake());
  shaking.get();
  client.socket().reset();
  sse::error_code error;
  const auto work = [&]() -> Work {
    const std::string text(16'000, 'x');
    for (int n = 0; n < 3; ++n)
      co_await asio::async_write(stream, asio::buffer(text), asio::redirect_error(asio::use_awaitable, error));
  };
  Task(context.io, work()).get();
  CHECK(error);
}

TEST_CASE("serve_connection takes a TlsStream, or does the handshake") {
  sse::EventManager events;
  Context context;
  auto tls = sse::tls(identity().server_context());
  auto [socket, accepted] = connect(context.io);
  TlsClient client(std::move(socket));
  sse::ServeOptions options;
  const auto work = [&](bool itself) -> Work {
    if (itself) {
      options.tls = tls;
      co_return co_await sse::serve_connection(accepted, events, options);
    }
    sse::TlsStream stream(std::move(accepted), *tls);
    co_await stream.async_handshake(asio::use_awaitable);
    CHECK(stream.alpn().empty());
    co_await sse::serve_connection(stream, events, options);
  };
  for (const bool itself : {false, true}) {
    DYNAMIC_SECTION(itself) {
      Task task(context.io, work(itself));
      client.open_stream();
      events.emit_event("n", {});
      CHECK(client.event()->at("type") == "n");
      task.cancel();
      CHECK(client.event()->at("type") == "disconnect");
      CHECK(client.read_to_end().empty());
      CHECK(client.notified());
      CHECK_NOTHROW(task.get());
    }
  }
}

TEST_CASE("read_request bounds the time of a handshake") {
  Context context;
  auto tls = sse::tls(identity().server_context());
  auto [socket, accepted] = connect(context.io);
  socket.send(client_hello().substr(0, 50));
  sse::TlsStream stream(std::move(accepted), *tls);
  sse::RequestLimits limits;
  limits.timeout = 50ms;
  int status = 0;
  const auto work = [&]() -> Work {
    try {
      co_await sse::read_request(stream, limits);
    } catch (const sse::HttpError& error) {
      status = static_cast<int>(error.status());
    }
  };
  Task(context.io, work()).get();
  CHECK(status == 408);
}

/// The first thing that a client is told that connects once.
std::string follow(const std::string& url, sse::ClientOptions options) {
  options.reconnect = false;
  Context context;
  std::string told_first;
  const auto work = [&]() -> Work {
    sse::Client client(url, std::move(options));
    bool over = false;
    told_first = co_await step(client, over);
  };
  Task(context.io, work()).get();
  return told_first;
}

TEST_CASE("a client over TLS checks the certificate and the host") {
  Server server(options_with_tls());
  const std::string port = std::to_string(server.port);
  asio::ssl::context trusting = identity().client_context();
  CHECK(follow("https://127.0.0.1:" + port + "/events", sse::tls_client(trusting)).starts_with("message {\"type\":"));
  CHECK(follow("https://localhost:" + port + "/events", sse::tls_client(trusting)).starts_with("message {\"type\":"));
  const std::string stranger = follow("https://127.0.0.1:" + port + "/events", sse::tls_client());
  CHECK(stranger.find("The certificate of 127.0.0.1:" + port + " is not accepted, self") != stranger.npos);

  const Identity other("DNS:example.org");
  sse::ServeOptions options;
  options.tls = sse::tls(other.server_context());
  Server wrong(options);
  asio::ssl::context other_trusting = other.client_context();
  const std::string wrong_port = std::to_string(wrong.port);
  const auto refused = [&](const std::string& host, const std::string& why) {
    const std::string told = follow("https://" + host + ":" + wrong_port + "/events", sse::tls_client(other_trusting));
    CHECK(told.find("is not accepted, " + why) != told.npos);
  };
  refused("localhost", "hostname mismatch");
  refused("127.0.0.1", "IP address mismatch");
  CHECK(wrong.events.get_connection_count() == 0);

  Server plain;
  CHECK(follow("http://127.0.0.1:" + std::to_string(plain.port) + "/events", sse::tls_client(trusting))
            .starts_with("message {\"type\":"));
  CHECK(follow("https://127.0.0.1:" + std::to_string(plain.port) + "/events", sse::tls_client(trusting))
            .starts_with("error: No TLS with 127.0.0.1:"));
}

/// Bytes of one socket to the other, until an end.
Work pass_on(tcp::socket& from, tcp::socket& to) {
  std::array<char, 4096> bytes;
  for (sse::error_code error; !error;) {
    const std::size_t size =
        co_await from.async_read_some(asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, error));
    if (!error)
      co_await asio::async_write(to, asio::buffer(bytes.data(), size),
                                 asio::redirect_error(asio::use_awaitable, error));
  }
  sse::error_code ignored;
  to.shutdown(tcp::socket::shutdown_send, ignored);
}

TEST_CASE("a client over TLS goes through a proxy") {
  Server server(options_with_tls());
  Context context;
  tcp::acceptor acceptor = listen(context.io);
  std::string asked;
  const auto proxy = [&]() -> Work {
    tcp::socket client = co_await acceptor.async_accept(asio::use_awaitable);
    const std::size_t size =
        co_await asio::async_read_until(client, asio::dynamic_buffer(asked), "\r\n\r\n", asio::use_awaitable);
    asked.resize(size);
    tcp::socket target(context.io);
    co_await target.async_connect({asio::ip::address_v4::loopback(), server.port}, asio::use_awaitable);
    const std::string yes = "HTTP/1.1 200 OK\r\n\r\n";
    co_await asio::async_write(client, asio::buffer(yes), asio::use_awaitable);
    asio::co_spawn(context.io, pass_on(target, client), asio::detached);
    co_await pass_on(client, target);
  };
  Task task(context.io, proxy());
  asio::ssl::context trusting = identity().client_context();
  const sse::Proxy through("http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()));
  CHECK(follow("https://localhost:" + std::to_string(server.port) + "/events", sse::tls_client(trusting, through))
            .starts_with("message {\"type\":"));
  CHECK(asked.starts_with("CONNECT localhost:" + std::to_string(server.port) + " HTTP/1.1\r\n"));
  context.join();
}

}  // namespace
}  // namespace tls_serving

#endif
