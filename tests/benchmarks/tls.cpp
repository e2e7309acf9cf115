// tls CONNECTIONS tls|plain: `serve` with clients of its own, which are another process. It prints the resident memory
// of an idle connection, the CPU time of its handshake and request, and that of one event to one of them.
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <sse/http.hpp>
#include <sse/tls.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common.hpp"

namespace {

namespace asio = sse::asio;
using sse::tcp;

void expect(bool good, const char* what) {
  if (!good) throw std::runtime_error(what);
}

asio::ssl::context self_signed() {
  asio::ssl::context context(asio::ssl::context::tls_server);
  EVP_PKEY_CTX* const maker = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nullptr);
  EVP_PKEY* key = nullptr;
  EVP_PKEY_keygen_init(maker);
  EVP_PKEY_CTX_set_ec_paramgen_curve_nid(maker, NID_X9_62_prime256v1);
  expect(EVP_PKEY_keygen(maker, &key) == 1, "no key");
  EVP_PKEY_CTX_free(maker);
  X509* const certificate = X509_new();
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  expect(X509_sign(certificate, key, EVP_sha256()) != 0, "no certificate");
  SSL_CTX_use_certificate(context.native_handle(), certificate);
  SSL_CTX_use_PrivateKey(context.native_handle(), key);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return context;
}

/// Connects, reads each connection's first bytes, and then throws away what comes, until `stop` ends.
void run_clients(in_port_t port, std::size_t count, bool with_tls, int stop) {
  asio::io_context io;
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  const std::string request = "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";
  std::vector<tcp::socket> sockets;
  std::vector<pollfd> watched{{stop, POLLIN, 0}};
  std::array<char, 65536> bytes;
  for (std::size_t i = 0; i < count; ++i) {
    sockets.emplace_back(io).connect({asio::ip::address_v4::loopback(), port});
    tcp::socket& socket = sockets.back();
    if (with_tls) {
      SSL* const ssl = SSL_new(context);
      SSL_set_fd(ssl, socket.native_handle());
      expect(SSL_connect(ssl) == 1, "no TLS");
      SSL_write(ssl, request.data(), static_cast<int>(request.size()));
      expect(SSL_read(ssl, bytes.data(), static_cast<int>(bytes.size())) > 0, "no stream");
      SSL_free(ssl);  // what comes is only counted by its sender
    } else {
      asio::write(socket, asio::buffer(request));
      socket.read_some(asio::buffer(bytes));
    }
    watched.push_back({socket.native_handle(), POLLIN, 0});
  }
  while (::poll(watched.data(), watched.size(), -1) > 0 && watched[0].revents == 0)
    for (const pollfd& one : watched)
      if (one.revents != 0 && ::recv(one.fd, bytes.data(), bytes.size(), MSG_DONTWAIT) == 0) return;
}

void measure(std::size_t count, bool with_tls) {
  bench::raise_descriptor_limit();
  std::array<int, 2> to_clients;
  expect(::pipe(to_clients.data()) == 0, "no pipe");
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(to_clients[1]);
    in_port_t port = 0;
    if (::read(to_clients[0], &port, sizeof port) == sizeof port) run_clients(port, count, with_tls, to_clients[0]);
    ::_exit(0);
  }
  ::close(to_clients[0]);
  asio::io_context io(1);
  sse::EventManager events;
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  const in_port_t port = acceptor.local_endpoint().port();
  sse::ServeOptions options;
  if (with_tls) options.tls = sse::tls(self_signed());
  asio::co_spawn(io, sse::serve(std::move(acceptor), events, options), asio::detached);
  std::thread thread([&] { io.run(); });
  using namespace std::chrono_literals;
  const std::size_t memory = bench::resident_bytes();
  const double cpu = bench::cpu_seconds();
  expect(::write(to_clients[1], &port, sizeof port) == sizeof port, "no client");
  while (events.get_connection_count() < count) std::this_thread::sleep_for(10ms);
  std::this_thread::sleep_for(500ms);
  const double connected = bench::cpu_seconds();
  const std::size_t full = bench::resident_bytes();
  constexpr std::size_t emitted = 50;
  for (std::size_t n = 0; n < emitted; ++n) {
    events.emit_event("tick", {{"n", n}, {"text", bench::text}});
    std::this_thread::sleep_for(40ms);
  }
  const double done = bench::cpu_seconds();
  const auto each = static_cast<double>(count);
  const bool all_here = events.get_connection_count() == count;
  bench::reply(R"({"idle":%.0f,"connect_us":%.2f,"event_us":%.3f,"all_here":%s})",
               (static_cast<double>(full) - static_cast<double>(memory)) / each, 1e6 * (connected - cpu) / each,
               1e6 * (done - connected) / each / emitted, all_here ? "true" : "false");
  ::close(to_clients[1]);
  ::waitpid(child, nullptr, 0);
  io.stop();
  thread.join();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    expect(argc == 3, "tls CONNECTIONS tls|plain");
    measure(std::stoul(argv[1]), std::string_view(argv[2]) == "tls");
  } catch (const std::exception& error) {
    std::cerr << "tls: " << error.what() << '\n';
    return 1;
  }
}
