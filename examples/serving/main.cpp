// Two servers over one manager: `serve`, which needs no code, and a server of your own made of its parts.
// serving [PORT [OWN_PORT]]: ports of 127.0.0.1 (default 8080 and 8081; 0: any free port).
#include <sse/http.hpp>
#include <sse/sse.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <utility>

using tcp = asio::ip::tcp;

/// One connection of your own server: a stream for POST /jobs, 404 for everything else.
asio::awaitable<void> session(tcp::socket socket, sse::EventManager& events) try {
  sse::Request request;
  unsigned status = 404;
  std::string text = "no such thing\n";
  try {
    request = co_await sse::read_request(socket);  // strict to RFC 9112; bounded in bytes, headers and time
    if (request.method == "POST" && request.path == "/jobs") status = 200;
  } catch (const sse::HttpError& error) {  // not a request: the peer is told why
    status = error.status();
    text = std::string(error.what()) + '\n';
  }
  if (status != 200) {
    co_await sse::write_response(socket, status, text);
    co_return;
  }

  sse::ConnectionOptions connection = sse::connection_options(request);  // where the client was
  connection.limit_key = request.remote_address;
  sse::StreamOptions stream;
  stream.retry = std::chrono::seconds(3);
  co_await sse::write_events(socket, events, request, stream, connection);  // returns when the stream has ended
} catch (const std::exception& error) {
  std::clog << "session: " << error.what() << '\n';  // the peer is gone
}

asio::awaitable<void> accept_all(tcp::acceptor& acceptor, sse::EventManager& events) {
  asio::steady_timer pause(acceptor.get_executor());
  while (acceptor.is_open()) {
    sse::error_code error;
    tcp::socket socket = co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (!error) {
      asio::co_spawn(acceptor.get_executor(), session(std::move(socket), events), asio::detached);
    } else {  // no descriptors are left, for example: that passes
      pause.expires_after(std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::use_awaitable);
    }
  }
}

asio::awaitable<void> emit_all(sse::EventManager& events) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (int percent = 0;; percent = (percent + 10) % 110) {
    events.emit_event("progress", {{"percent", percent}});
    timer.expires_after(std::chrono::milliseconds(200));
    co_await timer.async_wait(asio::use_awaitable);
  }
}

int main(int argc, char** argv) {
  const auto port = [&](int index, int otherwise) {
    return static_cast<std::uint16_t>(argc > index ? std::atoi(argv[index]) : otherwise);
  };
  asio::io_context io(1);
  sse::EventManager events;
  const auto loopback = asio::ip::address_v4::loopback();
  tcp::acceptor acceptor(io, {loopback, port(1, 8080)});
  tcp::acceptor own_acceptor(io, {loopback, port(2, 8081)});
  std::cout << "http://" << acceptor.local_endpoint() << "/events\n";
  std::cout << "http://" << own_acceptor.local_endpoint() << "/jobs" << std::endl;

  sse::ServeOptions options;
  options.path = "/events";
  options.stream.keep_alive = std::chrono::seconds(15);
  options.stream.retry = std::chrono::seconds(3);
  options.grace = std::chrono::seconds(5);  // for delivering what waits, once `serve` is cancelled

  asio::cancellation_signal stop;
  asio::co_spawn(io, sse::serve(std::move(acceptor), events, options),
                 asio::bind_cancellation_slot(stop.slot(), asio::detached));
  asio::co_spawn(io, accept_all(own_acceptor, events), asio::detached);
  asio::cancellation_signal stop_emitting;
  asio::co_spawn(io, emit_all(events), asio::bind_cancellation_slot(stop_emitting.slot(), asio::detached));

  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](auto, auto) {
    stop.emit(asio::cancellation_type::terminal);  // every client of `serve` gets a `disconnect` event
    stop_emitting.emit(asio::cancellation_type::terminal);
    own_acceptor.close();
    events.disconnect_all("The server is shutting down");  // and so does every client of the other server
  });
  io.run();
}
