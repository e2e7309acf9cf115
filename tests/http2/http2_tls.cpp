// HTTP/2 over TLS, chosen by ALPN. Compiled where OpenSSL is.
#include "support.hpp"

#if defined(SSE_TEST_TLS)
#include "../socket/tls_support.hpp"

namespace {

using namespace http2_test;
using tls_test::TlsClient;

TEST_CASE("a peer over TLS gets the protocol that it agrees on by ALPN") {
  sse::ServeOptions options = tls_test::options_with_tls();
  options.http2 = sse::http2();
  Server server(options);
  const auto client_of = [&](const std::vector<unsigned char>& protocols) {
    TlsClient client(server);
    SSL_set_alpn_protos(client.ssl(), protocols.data(), static_cast<unsigned>(protocols.size()));
    REQUIRE(client.handshake());
    return client;
  };
  const std::string start =
      std::string(preface) + frame(settings, 0, 0) + frame(headers, 5, 1, packed(get("/nowhere")));
  {
    TlsClient client = client_of({2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1'});
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(client.ssl(), &chosen, &size);
    CHECK(std::string(reinterpret_cast<const char*>(chosen), size) == "h2");
    client.send(start);
    CHECK(client.take_until("Nothing is served at this path\n"));
    client.send(frame(headers, 5, 3, packed(get())));
    CHECK(client.event()->at("type") == "connection");
    server.events.emit_event("n", std::string(50'000, 'x'));  // more than a record
    client.send(frame(goaway, 0, 0, number(0) + number(0)));
  }
  server.wait_for_count(0);
  TlsClient old = client_of({8, 'h', 't', 't', 'p', '/', '1', '.', '1'});
  old.send(good_request);
  CHECK(old.take_until("\r\n\r\n").value_or("").starts_with("HTTP/1.1 200 "));
}

}  // namespace

#endif
