// Tests of a service's streams, without a test framework: in process, over a socket, a slow client, an expiry.
#include <sse/sse.hpp>
#include <sse/testing.hpp>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

void check(bool good, const char* what) {
  std::cout << (good ? "ok: " : "FAILED: ") << what << '\n';
  if (!good) std::exit(1);
}

/// In process: nothing sleeps. If an event does not come, take() throws what came instead.
void test_overflow() {
  sse::Options options;
  options.max_queue_size = 2;
  sse::EventManager events(options);
  sse::EventStream stream = events.add_connection();
  for (int i = 0; i < 5; ++i) events.emit_event("order", i);
  const std::vector<sse::Event> taken = sse::testing::take(stream, 4);
  check(taken[1].type() == "overflow", "a full queue is told");  // connection, overflow, 3, 4
}

/// Over a socket: Server runs `serve` on a free port and a thread of its own.
void test_service() {
  sse::testing::ManualClock clock;
  sse::Options options;
  options.clock = clock;  // timestamps, and ConnectionOptions::expires_at
  sse::EventManager events(options);
  sse::testing::ObserverLog log;
  events.set_observer(log.observer());

  sse::ServeOptions serve;
  serve.admit = [&clock](const sse::Request& request, sse::ConnectionOptions& connection) {
    if (!request.header("Authorization")) throw sse::HttpError(401, "Authentication is required");
    connection.expires_at = clock.now() + std::chrono::hours(1);
  };
  sse::testing::Server server(events, serve);

  auto nobody = sse::testing::Client::get(server.port());
  check(nobody.status() == 401, "a client without a token is refused");

  const std::size_t small_buffer = 16 * 1024;  // the client's receive buffer: it is slow from the start
  auto client = sse::testing::Client::get(server.port(), "/events", {{"Authorization", "Bearer x"}}, small_buffer);
  check(client.status() == 200, "a client with a token gets a stream");
  client.read();  // the `connection` event: from here on the service has the client
  events.emit_event("order", 6);
  check(client.read().data == R"({"type":"order","data":6,"timestamp":1000000000.000000})", "an event comes");

  clock.advance(std::chrono::hours(1));
  check(client.read().data.find(R"("type":"disconnect")") != std::string::npos, "the stream ends when its token does");
  check(log.removed(1)[0].row.ended == sse::EndReason::expired, "and the observer knows why");
}

int main() {
  test_overflow();
  test_service();
}
