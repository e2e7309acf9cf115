#include <sse/http.hpp>
#include <sse/sse.hpp>

#include <exception>
#include <utility>

namespace net = sse::asio;

bool reads_over_coroutine(sse::EventManager& events) {
  net::io_context io;
  bool read = false;
  sse::EventStream stream = events.add_connection("coroutine");
  auto reader = [&]() -> net::awaitable<void> {
    while (auto event = co_await stream.next()) read = read || event->type() == "greeting";
  };
  net::co_spawn(io, reader, [](std::exception_ptr) {});
  events.emit_event("greeting", {{"answer", 42}});
  events.disconnect_all("done");
  io.run();
  return read;
}

// Not run, but compiled and linked: the socket side has no less to warn about.
net::awaitable<void> serve_events(net::ip::tcp::acceptor acceptor, sse::EventManager& events) {
  co_await sse::serve(std::move(acceptor), events);
}
