// Events over https: the library's parts on asio::ssl::stream. examples/tls/run.sh makes a certificate and starts it.
#include "../common/command_line.hpp"

#include <sse/http.hpp>
#include <sse/sse.hpp>

#include <asio/experimental/awaitable_operators.hpp>
#include <asio/ssl.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <iostream>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace asio::experimental::awaitable_operators;
using tcp = asio::ip::tcp;
using Stream = asio::ssl::stream<tcp::socket>;

constexpr std::chrono::seconds handshake_timeout{10}, closing_timeout{2}, grace{5}, spread{1};

constexpr std::string_view page = R"(<!doctype html>
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

struct Server {
  Server(asio::ssl::context& context, const sse::Options& options) : tls(context), events(options) {}

  asio::ssl::context& tls;
  sse::EventManager events;
  std::mutex mutex;
  std::set<Stream*> waiting;  // for a request: they are owed nothing when the server stops
  bool stopping = false;      // changes while no thread runs
};

/// A place among those that wait for a request.
class Waiting {
 public:
  Waiting(Server& server, Stream& stream) : server_(server), stream_(stream) {
    const std::lock_guard lock(server_.mutex);
    server_.waiting.insert(&stream_);
  }
  ~Waiting() {
    const std::lock_guard lock(server_.mutex);
    server_.waiting.erase(&stream_);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  Server& server_;
  Stream& stream_;
};

/// `work || pause(time)` bounds the work: whichever ends first cancels the other.
asio::awaitable<void> pause(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

/// The request, once the connection is a TLS one. Throws HttpError, or std::system_error where nothing is to be said.
asio::awaitable<sse::Request> accept_request(Server& server, Stream& stream) {
  const Waiting waiting(server, stream);
  std::error_code error = asio::error::timed_out;
  // redirect_error: a failed handshake must end the pause too.
  co_await (stream.async_handshake(Stream::server, asio::redirect_error(asio::use_awaitable, error)) ||
            pause(handshake_timeout));
  if (error) throw std::system_error(error, "TLS handshake");
  co_return co_await sse::read_request(stream);
}

asio::awaitable<void> answer(Server& server, Stream& stream, const sse::Request& request) {
  if (request.path != "/" && request.path != "/events") throw sse::HttpError(404, "There is nothing here");
  if (request.method != "GET" && request.method != "HEAD")
    throw sse::HttpError(405, "Only GET and HEAD are answered here", {{"Allow", "GET, HEAD"}});
  if (request.path == "/events") {
    sse::StreamOptions options;
    options.retry = std::chrono::seconds(1);
    co_await sse::write_events(stream, server.events, request, options);
  } else {
    sse::Response response(page);
    response.content_type = "text/html; charset=utf-8";
    response.head_only = request.method == "HEAD";
    co_await sse::write_response(stream, 200, std::move(response));
  }
}

/// Tells the peer that nothing was cut off (TLS's close_notify), and hears it out: to close a socket whose bytes are
/// unread would throw away what the peer has not read yet.
asio::awaitable<void> close(Stream& stream) {
  std::error_code error;
  co_await stream.async_shutdown(asio::redirect_error(asio::use_awaitable, error));
  stream.next_layer().shutdown(tcp::socket::shutdown_send, error);
  for (std::array<char, 4096> ignored; !error;)
    co_await stream.next_layer().async_read_some(asio::buffer(ignored),
                                                 asio::redirect_error(asio::use_awaitable, error));
}

asio::awaitable<void> run_session(Server& server, tcp::socket socket) {
  Stream stream(std::move(socket), server.tls);
  std::optional<sse::HttpError> refusal;
  bool head_only = false;
  try {
    const sse::Request request = co_await accept_request(server, stream);
    head_only = request.method == "HEAD";
    co_await answer(server, stream, request);
  } catch (const sse::HttpError& error) {
    refusal = error;
  }
  if (refusal) {
    sse::Response response(refusal->what() + std::string("\n"));
    response.headers = refusal->headers();
    response.head_only = head_only;
    co_await sse::write_response(stream, refusal->status(), std::move(response));
  }
  co_await (close(stream) || pause(closing_timeout));
}

asio::awaitable<void> accept(Server& server, tcp::acceptor& acceptor) {
  const auto executor = co_await asio::this_coro::executor;
  while (!server.stopping) {
    std::error_code error;
    const asio::any_io_executor strand = asio::make_strand(executor);
    tcp::socket socket = co_await acceptor.async_accept(strand, asio::redirect_error(asio::use_awaitable, error));
    if (!error)  // a session that fails, in its handshake for example, ends alone
      asio::co_spawn(strand, run_session(server, std::move(socket)), asio::detached);
    else  // no descriptors are left, for example: that passes
      co_await pause(std::chrono::milliseconds(100));
  }
}

/// Something to look at.
asio::awaitable<void> tick(Server& server, asio::steady_timer& timer, std::chrono::milliseconds interval) {
  std::error_code cancelled;
  for (std::uint64_t n = 1; !server.stopping; ++n) {
    server.events.emit_event("tick", {{"n", n}});
    timer.expires_after(interval);
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
}

/// Returns when `run_one` has returned on every thread.
template <class Run>
void run_on_threads(Run run_one) {
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < std::max(2u, std::thread::hardware_concurrency()); ++i) threads.emplace_back(run_one);
}

asio::ssl::context tls_context(const std::string& certificate, const std::string& key) {
  asio::ssl::context context(asio::ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  context.use_certificate_chain_file(certificate);
  context.use_private_key_file(key, asio::ssl::context::pem);
  return context;
}

int run(const tcp::endpoint& endpoint, asio::ssl::context tls, std::chrono::milliseconds interval) {
  sse::Options options;
  options.history_size = 1000;
  options.max_connections = 1000;
  Server server(tls, options);  // before the context, whose end destroys the sessions that are left
  asio::io_context io;
  tcp::acceptor acceptor(io);
  try {
    acceptor = tcp::acceptor(io, endpoint);
  } catch (const std::system_error& error) {
    std::cerr << "tls: cannot listen on " << endpoint << ": " << error.code().message() << std::endl;
    return 1;
  }
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code, int) { io.stop(); });
  asio::co_spawn(asio::make_strand(io), accept(server, acceptor), asio::detached);
  asio::steady_timer timer(asio::make_strand(io));
  asio::co_spawn(timer.get_executor(), tick(server, timer, interval), asio::detached);
  std::cout << "tls: https://" << acceptor.local_endpoint() << '/' << std::endl;
  run_on_threads([&] { io.run(); });

  signals.clear();  // a second one ends the program at once
  server.stopping = true;
  timer.cancel();
  acceptor.close();
  for (Stream* stream : server.waiting) stream->next_layer().close();
  asio::co_spawn(asio::make_strand(io), server.events.drain(grace, spread), asio::detached);
  io.restart();
  run_on_threads([&] { io.run_for(grace + closing_timeout); });
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
      "SIGINT and SIGTERM end it: every client is told `disconnect` and when to come back, and has 5 seconds to read "
      "it.\n"
      "Exit status: 0 after such an end, 1 if it can't listen or can't use the files, 2 on bad arguments.");
  std::string listen = "127.0.0.1:8443", certificate, key;
  std::uint64_t interval = 1000;
  add_listen(app, listen);
  app.add_option("--certificate", certificate, "The certificate (PEM), followed by those that lead to its issuer")
      ->required()
      ->type_name("FILE");
  app.add_option("--key", key, "Its private key (PEM)")->required()->type_name("FILE");
  app.add_option("--interval", interval, "Milliseconds between two ticks, 1 to 3600000 [1000]")
      ->type_name("MS")
      ->check(whole_number(1, 3'600'000));
  if (const auto status = parse(app, argc, argv)) return *status;
  try {
    return run(*parse_endpoint(listen), tls_context(certificate, key), std::chrono::milliseconds(interval));
  } catch (const std::exception& error) {
    std::cerr << "tls: " << one_line(error.what()) << std::endl;
    return 1;
  }
}
