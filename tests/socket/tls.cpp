// Built where CMake finds OpenSSL.
#if defined(SSE_TEST_TLS)

#include <openssl/ssl.h>

#include <atomic>

#if defined(SSE_USE_BOOST_ASIO)
#include <boost/asio/ssl.hpp>
#else
#include <asio/ssl.hpp>
#endif

#include "client_support.hpp"

namespace {

using TlsStream = asio::ssl::stream<tcp::socket>;

/// TLS without certificates: both ends agree on a key that nobody has signed.
void allow_anonymous(SSL_CTX* context) {
  SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
  REQUIRE(SSL_CTX_set_cipher_list(context, "aNULL:@SECLEVEL=0") == 1);
}

TEST_CASE("a TLS stream works as a socket does") {
  Log log;
  sse::EventManager events;
  events.set_observer(log.observer());
  Context context;
  asio::ssl::context server_side(asio::ssl::context::tls_server), client_side(asio::ssl::context::tls_client);
  allow_anonymous(server_side.native_handle());
  allow_anonymous(client_side.native_handle());
  auto [client, socket] = connect(context.io);
  TlsStream stream(std::move(socket), server_side);
  std::atomic<bool> peer_is_here{true};
  const auto work = [&]() -> asio::awaitable<void> {
    co_await stream.async_handshake(TlsStream::server, asio::use_awaitable);
    const sse::Request request = co_await sse::read_request(stream);
    co_await sse::write_events(stream, events.add_connection(request.path, ""));
    if (peer_is_here) co_await sse::write_response(stream, 200, "bye");
  };
  Task task(context.io, work());

  platform::set_receive_timeout(client.descriptor(), patience);
  const std::unique_ptr<SSL, decltype(&SSL_free)> tls(SSL_new(client_side.native_handle()), SSL_free);
  SSL_set_fd(tls.get(), client.descriptor());
  REQUIRE(SSL_connect(tls.get()) == 1);
  const std::string request = "GET /tls HTTP/1.1\r\nHost: x\r\n\r\n";
  REQUIRE(SSL_write(tls.get(), request.data(), static_cast<int>(request.size())) > 0);
  std::string text;
  const auto read_until = [&](std::string_view end) {
    char bytes[4096];
    while (text.find(end) == text.npos) {
      const int size = SSL_read(tls.get(), bytes, sizeof bytes);
      if (size <= 0) return false;
      text.append(bytes, static_cast<std::size_t>(size));
    }
    return true;
  };
  CHECK(read_until("\"connection_id\":\"/tls\""));
  const std::string large(100'000, 'x');
  for (int n = 0; n < 20; ++n) events.emit_event("n", {{"n", n}, {"text", large}});
  CHECK(read_until("\"n\":19"));
  SECTION("the manager ends it") {
    events.disconnect_all("the end");
    CHECK(read_until("\r\n\r\nbye"));
    CHECK_NOTHROW(task.get());
  }
  SECTION("the peer goes") {
    peer_is_here = false;
    client.close();
    CHECK(log.removed(1).front().starts_with("The peer is gone: "));
    CHECK_NOTHROW(task.get());
  }
  SECTION("it is cancelled") {
    task.cancel();
    CHECK(task.error() == asio::error::operation_aborted);
  }
  CHECK(events.get_connection_count() == 0);
}

TEST_CASE("a client reads a stream over TLS, and connects again") {
  Context context;
  sse::EventManager events;
  asio::ssl::context server_side(asio::ssl::context::tls_server), client_side(asio::ssl::context::tls_client);
  allow_anonymous(server_side.native_handle());
  allow_anonymous(client_side.native_handle());
  tcp::acceptor acceptor = listen(context.io);
  sse::ClientOptions options = quick();
  options.connect = [&](sse::Url url) -> asio::awaitable<sse::AnyStream> {
    TlsStream stream(co_await sse::connect_tcp(url), client_side);
    co_await stream.async_handshake(TlsStream::client, asio::use_awaitable);
    co_return sse::AnyStream(std::move(stream));
  };
  const std::string large(30'000, 'x');  // more than a TLS record
  const auto serve = [&]() -> asio::awaitable<void> {
    for (int connection = 0; connection < 3; ++connection) {
      TlsStream stream(co_await acceptor.async_accept(asio::use_awaitable), server_side);
      co_await stream.async_handshake(TlsStream::server, asio::use_awaitable);
      const sse::Request request = co_await sse::read_request(stream);
      sse::EventStream own = events.add_connection(request.path, "");
      for (int n = 0; n < 20; ++n) events.emit_event("n", {{"n", n}, {"text", large}});
      events.disconnect_all("round");
      co_await sse::write_events(stream, std::move(own));
    }
  };
  Task serving(context.io, serve());
  const auto read = [&]() -> asio::awaitable<void> {
    sse::Client client("https://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()) + "/tls", options);
    for (int connection = 0; connection < 3; ++connection)
      for (int n = -1; n <= 20; ++n) {
        const auto message = co_await client.next();
        const json event = json::parse(message.value().data);
        const bool right = n < 0     ? event.at("connection_id") == "/tls"
                           : n == 20 ? event.at("message") == "round"
                                     : event.at("data") == json{{"n", n}, {"text", large}};
        if (!right) throw std::runtime_error("not what was sent: " + message->data.substr(0, 100));
      }
  };
  Task(context.io, read()).get();
  CHECK_NOTHROW(serving.get());
}

}  // namespace

#endif
