// Events over https, and over HTTP/2 where that is asked for. examples/tls/run.sh makes a certificate and starts it.
#include "../common/command_line.hpp"

#include <sse/http.hpp>
#if defined(EXAMPLE_HTTP2)
#include <sse/http2.hpp>
#endif
#include <sse/tls.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

using tcp = asio::ip::tcp;

struct Files {
  std::string certificate, key;
};
struct Settings {
  Files files;
  std::chrono::milliseconds interval;
  bool http2;
};

constexpr const char* page = R"(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>TLS</title>
<link rel="icon" href="data:,">
<ol id="events" reversed></ol>
<script>
  const list = document.getElementById('events');
  new EventSource('/events').onmessage = ({ data }) => {
    list.prepend(Object.assign(document.createElement('li'), { textContent: data }));
    if (list.children.length > 1000) list.lastChild.remove();
  };
</script>
)";

asio::ssl::context tls_context(const Files& files) {
  asio::ssl::context context(asio::ssl::context::tls_server);
  context.use_certificate_chain_file(files.certificate);
  context.use_private_key_file(files.key, asio::ssl::context::pem);
  return context;
}

asio::awaitable<void> send_page(sse::HandledRequest& handled) {
  sse::Response response(page);
  response.content_type = "text/html; charset=utf-8";
  co_await handled.respond(200, std::move(response));
}

/// Something to look at.
asio::awaitable<void> tick(sse::EventManager& events, std::chrono::milliseconds interval) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (std::uint64_t n = 1;; ++n) {
    events.emit_event("tick", {{"n", n}});
    timer.expires_after(interval);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

#if defined(SIGHUP)
/// Certificates expire: SIGHUP reads the files again.
asio::awaitable<void> renew(std::shared_ptr<sse::TlsServer> tls, const Files& files) {
  for (asio::signal_set hang_up(co_await asio::this_coro::executor, SIGHUP);;) {
    co_await hang_up.async_wait(asio::use_awaitable);
    try {
      tls->set_context(tls_context(files));
      std::cout << "tls: the certificate is renewed" << std::endl;
    } catch (const std::exception& error) {  // the old one stays
      std::cerr << "tls: " << command_line::one_line(error.what()) << std::endl;
    }
  }
}
#endif

int run(const tcp::endpoint& endpoint, const Settings& chosen) {
  const std::shared_ptr<sse::TlsServer> tls = sse::tls(tls_context(chosen.files));
  asio::io_context io;
  tcp::acceptor acceptor(io);
  try {
    acceptor = tcp::acceptor(io, endpoint);
  } catch (const std::system_error& error) {
    std::cerr << "tls: cannot listen on " << endpoint << ": " << error.code().message() << std::endl;
    return 1;
  }
  std::cout << "tls: https://" << acceptor.local_endpoint() << '/' << std::endl;

  sse::Options settings;
  settings.history_size = 1000;
  settings.max_connections = 1000;
  sse::EventManager events(settings);
  sse::ServeOptions options;
  options.tls = tls;
#if defined(EXAMPLE_HTTP2)
  if (chosen.http2) options.http2 = sse::http2();
#endif
  options.stream.retry = std::chrono::seconds(1);
  options.spread = std::chrono::seconds(1);
  options.handle("GET", "/", send_page);
  asio::cancellation_signal stop;
  const auto strand = asio::make_strand(io);
  asio::co_spawn(strand, sse::serve(std::move(acceptor), events, options),
                 asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr) { io.stop(); }));

  asio::signal_set signals(strand, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code, int) {
    signals.clear();  // a second one ends the program at once
    stop.emit(asio::cancellation_type::terminal);
  });
  asio::co_spawn(asio::make_strand(io), tick(events, chosen.interval), asio::detached);
#if defined(SIGHUP)
  asio::co_spawn(asio::make_strand(io), renew(tls, chosen.files), asio::detached);
#endif
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < std::max(2u, std::thread::hardware_concurrency()); ++i)
    threads.emplace_back([&] { io.run(); });
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace command_line;
  CLI::App app("Sends a tick to every browser (or curl) at /events, over https.\n", "tls");
  add_help_and_version(
      app,
      "With a certificate that you have signed yourself, curl must be told of it:\n"
      "  curl -N --cacert certificate.pem https://localhost:8443/events\n"
      "Once it listens, `tls: https://ADDR:PORT/` goes to standard output.\n"
      "SIGHUP reads the certificate and its key again.\n"
      "SIGINT and SIGTERM end it: every client is told `disconnect` and when to come back, and has 5 seconds to read "
      "it.\n"
      "Exit status: 0 after such an end, 1 if it can't listen or can't use the files, 2 on bad arguments.");
  std::string listen = "127.0.0.1:8443";
  Files files;
  std::uint64_t interval = 1000;
  add_listen(app, listen);
  app.add_option("--certificate", files.certificate, "The certificate (PEM), followed by those that lead to its issuer")
      ->required()
      ->type_name("FILE");
  app.add_option("--key", files.key, "Its private key (PEM)")->required()->type_name("FILE");
  app.add_option("--interval", interval, "Milliseconds between two ticks, 1 to 3600000 [1000]")
      ->type_name("MS")
      ->check(whole_number(1, 3'600'000));
  bool http2 = false;
#if defined(EXAMPLE_HTTP2)
  app.add_flag("--http2", http2,
               "Offer HTTP/2 beside HTTP/1.1; browsers take it, and then have all their streams on one connection");
#endif
  if (const auto status = parse(app, argc, argv)) return *status;
  try {
    return run(*parse_endpoint(listen), {files, std::chrono::milliseconds(interval), http2});
  } catch (const std::exception& error) {
    std::cerr << "tls: " << one_line(error.what()) << std::endl;
    return 1;
  }
}
