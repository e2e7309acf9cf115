// One accepted connection that `serve_connection` serves.

#include "support.hpp"

namespace serve_connection {
namespace {

TEST_CASE("one connection is served as serve does it, and the call ends with it") {
  sse::ServeOptions options;
  options.handle("GET", "/handled", [](sse::HandledRequest& handled) -> asio::awaitable<void> {
    co_await handled.respond(200, std::string("handled"));
  });
  sse::EventManager events;
  Context context;
  auto [client, socket] = connect(context.io);
  Task task(context.io, sse::serve_connection(socket, events, options));
  CHECK_FALSE(socket.is_open());
  SECTION("a stream, until the client goes") {
    client.send(good_request);
    CHECK(client.status() == 200);
    CHECK(client.event()->at("type") == "connection");
    events.emit_event("n", {});
    CHECK(client.event()->at("type") == "n");
    client.close();
  }
  SECTION("a stream, until it is cancelled") {
    client.send(good_request);
    CHECK(client.status() == 200);
    CHECK(client.event()->at("type") == "connection");
    task.cancel();
    CHECK(client.event()->at("type") == "disconnect");
    CHECK_FALSE(client.event());
  }
  SECTION("an answer") {
    client.send("GET /other HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(client.status() == 404);
    client.close();
  }
  SECTION("a handler's answer") {
    client.send("GET /handled HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(client.read_to_end().ends_with("\r\n\r\nhandled"));
    client.close();
  }
  SECTION("no request, until the peer goes") {
    client.close();
  }
  SECTION("no request, until it is cancelled") {
    task.cancel();
    CHECK(client.read_to_end().empty());
  }
  CHECK_NOTHROW(task.get());
  CHECK(events.get_connection_count() == 0);
}

}  // namespace
}  // namespace serve_connection
