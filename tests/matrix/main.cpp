#include <sse/any_stream.hpp>
#include <sse/client.hpp>
#include <sse/event.hpp>
#include <sse/event_manager.hpp>
#include <sse/event_stream.hpp>
#include <sse/global.hpp>
#include <sse/http.hpp>
#include <sse/metrics.hpp>
#include <sse/options.hpp>
#include <sse/parser.hpp>
#include <sse/request.hpp>
#include <sse/response.hpp>
#include <sse/ring_buffer.hpp>
#include <sse/sse.hpp>
#include <sse/stats.hpp>
#include <sse/testing.hpp>
#include <sse/testing_client.hpp>
#include <sse/url.hpp>
#include <sse/wire.hpp>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <utility>

// A little of everything, for tests/matrix.sh: what one compiler or one Asio compiles to something else shows here.

namespace net = sse::asio;

// In the other file, which includes the same headers in another order.
sse::EventManager* manager_of_other_file();

namespace {

void check(bool good, const std::string& what) {
  if (good) return;
  std::cerr << "failed: " << what << '\n';
  std::exit(EXIT_FAILURE);
}

template <class Make>
void run(net::io_context& io, Make&& make) {
  net::co_spawn(io, std::forward<Make>(make), [](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
  });
}

void reads_at_once() {
  sse::Options options;
  options.max_queue_size = 2;
  sse::EventManager events(options);
  sse::EventStream stream = events.add_connection("one", "request");
  check(stream.try_next()->type() == "connection", "the first event is connection");
  for (int n = 0; n < 5; ++n) check(events.emit_event("n", {{"n", n}}) == 1, "an event reaches the connection");
  check(stream.try_next()->type() == "overflow", "a full queue is told");
  check(stream.dropped() == 3, "the oldest are dropped");
  check(stream.try_next()->json().find("{\"type\":\"n\",\"data\":{\"n\":3},") == 0, "the newest stay");
  events.disconnect_all("done");
  check(stream.try_next()->type() == "n" && stream.try_next()->type() == "disconnect" && stream.done(), "it ends");
}

void reads_over_coroutine() {
  net::io_context io;
  sse::EventManager events;
  sse::EventStream stream = events.add_connection("two");
  int read = 0;
  run(io, [&]() -> net::awaitable<void> {
    while (auto event = co_await stream.next()) read += event->type() == "tick";
  });
  std::thread emitter([&] {
    for (int n = 0; n < 50; ++n) events.emit_event("tick", n);
    events.disconnect_all("done");
  });
  io.run();
  emitter.join();
  check(read == 50, "every event of another thread is read");
}

void waits_are_cancelled() {
  net::io_context io;
  sse::EventManager events;
  sse::ConnectionOptions options;
  options.announce = false;
  sse::EventStream stream = events.add_connection(options);
  net::cancellation_signal stop;
  std::optional<sse::error_code> result;
  stream.async_wait(net::bind_cancellation_slot(
      stop.slot(), net::bind_executor(io.get_executor(), [&](sse::error_code error) { result = error; })));
  net::post(io, [&] { stop.emit(net::cancellation_type::terminal); });
  io.run();
  check(result == net::error::operation_aborted, "a wait is cancelled");
  events.emit_event("kept", {});
  check(stream.try_next()->type() == "kept", "a cancelled wait takes no event");
}

void serves_a_client() {
  net::io_context io;
  sse::Options options;
  options.history_size = 100;
  options.named_events = true;
  sse::EventManager events(options);
  net::cancellation_signal stop;
  net::ip::tcp::acceptor acceptor(io, {net::ip::address_v4::loopback(), 0});
  const auto port = acceptor.local_endpoint().port();
  bool served = false;
  net::co_spawn(io, sse::serve(std::move(acceptor), events),
                net::bind_cancellation_slot(stop.slot(), [&](const std::exception_ptr& error) {
                  check(!error, "serve ends without an error");
                  served = true;
                }));
  for (int n = 0; n < 3; ++n) events.emit_event("tick", {{"n", n}});
  run(io, [&]() -> net::awaitable<void> {
    sse::Client client("http://127.0.0.1:" + std::to_string(port) + "/events?since=earliest");
    for (int n = 0; n < 5;) {
      auto message = co_await client.next();
      check(message.has_value(), "the client's stream goes on");
      if (message->type != "tick") continue;
      check(nlohmann::json::parse(message->data).at("data").at("n") == n, "events come in their order");
      if (++n == 3) {
        events.emit_event("tick", {{"n", 3}});
        events.emit_event("tick", {{"n", 4}});
      }
    }
    check(events.get_connection_count() == 1, "one client is connected");
    client.close();
    stop.emit(net::cancellation_type::terminal);
  });
  io.run();
  check(served && events.get_connection_count() == 0, "serve ends when it is cancelled");
}

void is_watched_and_drained() {
  const sse::testing::ManualClock clock;
  sse::Options options;
  options.clock = clock;
  options.max_connections = 2;
  sse::EventManager events(options);
  sse::testing::Server server(events);
  auto client = sse::testing::Client::get(server.port());
  check(client.read().data.find("\"timestamp\":1000000000.000000}") != std::string::npos, "the clock is the test's");
  events.emit_event("tick", 1);
  check(client.read().data.find("{\"type\":\"tick\",\"data\":1,") == 0, "a client of the kit reads");
  sse::ConnectionOptions expires;
  expires.expires_at = clock.now();
  sse::EventStream expired = events.add_connection(expires);
  try {
    (void)events.add_connection();
    check(false, "a limit refuses");
  } catch (const sse::Refused& refusal) {
    check(refusal.reason() == sse::RefusalReason::max_connections, "a refusal has its reason");
  }
  check(sse::testing::take_all(expired).back().type() == "disconnect", "a connection expires");
  check(sse::metrics_text(events.stats()).find("\nsse_connections 1\n") != std::string::npos, "metrics are written");
  net::io_context io;
  std::size_t cut = 1;
  run(io, [&]() -> net::awaitable<void> { cut = co_await events.drain(std::chrono::seconds(20)); });
  io.run();
  check(cut == 0, "a drain waits for those who read");
}

}  // namespace

int main() try {
  check(manager_of_other_file() == sse::get_sse_manager().get(), "one manager in a process");
  sse::emit_sse_event("tick", {{"n", 1}});
  sse::cleanup_sse_manager();
  reads_at_once();
  reads_over_coroutine();
  waits_are_cancelled();
  serves_a_client();
  is_watched_and_drained();
  std::cout << "ok\n";
} catch (const std::exception& error) {
  std::cerr << "failed: " << error.what() << '\n';
  return EXIT_FAILURE;
}
