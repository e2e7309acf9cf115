#include <catch2/generators/catch_generators.hpp>

#include "support.hpp"

namespace {

using asio::local::stream_protocol;

const std::string response_head =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache, no-transform\r\n"
    "X-Accel-Buffering: no\r\nConnection: close\r\n\r\n";

sse::StreamOptions quick() {
  sse::StreamOptions options;
  options.keep_alive = 1ms;
  options.send_timeout = 300ms;
  return options;
}

sse::EventStream add_silent(sse::EventManager& events, std::size_t queue_size = 100) {
  sse::ConnectionOptions options;
  options.announce = false;
  options.max_queue_size = queue_size;
  return events.add_connection(options);
}

/// A manager, a socket with its client, and `write_events` between them.
struct Stream {
  explicit Stream(const sse::StreamOptions& options = {}, std::size_t queue_size = 100, int receive_buffer = 0)
      : stream(add_silent(events, queue_size)), id(stream.connection_id()), pair(connect(context.io, receive_buffer)) {
    events.set_observer(log.observer());
    task.emplace(context.io, sse::write_events(pair.second, std::move(stream), options));
  }

  Log log;
  sse::EventManager events;
  Context context;
  sse::EventStream stream;
  std::string id;
  std::pair<Client, tcp::socket> pair;
  Client& client = pair.first;
  tcp::socket& socket = pair.second;
  std::optional<Task> task;
};

const std::string large(64 * 1024, 'x');

/// Emits to peers that don't read until their systems take no more.
void block(sse::EventManager& events) {
  const auto blocked = [&] {
    for (const auto& row : events.get_connection_info().connections)
      if (row.dropped < 100) return false;
    return true;
  };
  for (int n = 0; n < 10'000 && !blocked(); ++n) events.emit_event("large", large);
  if (!blocked()) throw std::runtime_error("10,000 events of 64 KiB were taken");
}

TEST_CASE("the response head goes out before any event") {
  Stream plain;
  CHECK(plain.client.head() == response_head);
  plain.events.emit_event("late", 1);
  CHECK(plain.client.event()->at("type") == "late");
}

TEST_CASE("CORS and the reconnection time stand where they were asked for, and nothing gets out of its line") {
  sse::StreamOptions options;
  options.allow_origin = "https://a.example\r\nX: y";
  options.retry = 2500ms;
  Stream asked(options);
  CHECK(asked.client.head() == std::string(response_head)
                                   .insert(response_head.size() - 2,
                                           "Access-Control-Allow-Origin: https://a.example  X: y\r\n"
                                           "Access-Control-Expose-Headers: Retry-After\r\n"));
  CHECK(asked.client.take_until("\n\n") == ": keep-alive 15000\n\n");
  CHECK(asked.client.take_until("\n\n") == "retry: 2500\n\n");
}

TEST_CASE("what a client gets is the events' frames, byte for byte") {
  Stream stream;
  sse::EventStream twin = add_silent(stream.events);
  stream.events.emit_event("a", {{"text", "l\r\n\0\xFF\xE2\x82\xAC"s}});
  stream.events.emit_event("data: x\n\n", nullptr);
  stream.events.emit_json("raw", "{\"a\":\n\r 1}");
  stream.events.emit_event("", json::array({1.5, "2", false}));
  stream.events.disconnect(stream.id);
  stream.task->get();
  stream.socket.close();
  std::string frames;
  while (auto event = twin.try_next()) frames += event->frame();
  CHECK(stream.client.read_to_end() == response_head + ": keep-alive 15000\n\n" + frames);
  CHECK(
      frames.starts_with("data: {\"type\":\"a\",\"data\":{\"text\":\"l\\r\\n\\u0000\xEF\xBF\xBD\xE2\x82\xAC\"},"
                         "\"timestamp\":"));
  CHECK(frames.find("\r") == frames.npos);
}

TEST_CASE("10,000 events that wait, and as many that come, arrive in order") {
  Stream stream({}, 20'000);
  for (int n = 0; n < 10'000; ++n) stream.events.emit_event("n", n);
  CHECK(stream.client.head() == response_head);
  std::jthread emitter([&] {
    for (int n = 10'000; n < 20'000; ++n) stream.events.emit_event("n", n);
  });
  int next = 0;
  while (next < 20'000 && stream.client.event().value().at("data") == next) ++next;
  emitter.join();
  CHECK(next == 20'000);
}

TEST_CASE("an idle stream gets a comment, round after round, and events between them") {
  Stream stream(quick());
  stream.client.head();
  CHECK(stream.client.take_until("\n\n") == ": keep-alive 1\n\n");
  for (int n = 0; n < 3; ++n) {
    CHECK(stream.client.take_until("\n\n") == ": keep-alive\n\n");
    CHECK(stream.client.take_until("\n\n") == ": keep-alive\n\n");
    stream.events.emit_event("n", n);
    CHECK(stream.client.event()->at("data") == n);
  }
}

TEST_CASE("a peer that goes while the stream is idle is found at once") {
  sse::StreamOptions options;
  options.keep_alive = options.send_timeout = 0ms;  // so that nothing but the peer's end can tell
  Stream stream(options);
  stream.client.head();
  SECTION("FIN") {
    stream.client.close();
    CHECK(stream.log.removed(1) == std::vector{"The peer is gone: End of file"s});
  }
  SECTION("half a FIN") {
    stream.client.end_sending();
    CHECK(stream.log.removed(1) == std::vector{"The peer is gone: End of file"s});
  }
  SECTION("RST") {
    stream.client.reset();
    CHECK(stream.log.removed(1) == std::vector{"The peer is gone: " + text_of(asio::error::connection_reset)});
  }
#if defined(SSE_TEST_POSIX)
  SECTION("a process that is killed") {
    platform::ReadingProcess child(stream.client.descriptor());
    stream.client.close();
    stream.events.emit_event("read by the child", 1);
    CHECK(stream.events.get_connection_count() == 1);
    child.kill();
    CHECK(stream.log.removed(1).front().starts_with("The peer is gone: "));
  }
#endif
  CHECK(stream.events.get_connection_count() == 0);
  CHECK_NOTHROW(stream.task->get());
}

TEST_CASE("a peer that stops reading is found by the send time-out, and harms nobody else") {
  Stream stalled(quick(), 10, 4096);
  auto [reader, socket] = connect(stalled.context.io);
  Task task(stalled.context.io, sse::write_events(socket, add_silent(stalled.events)));
  reader.head();
  int emitted = 0;
  const auto one_more_is_read = [&] {
    stalled.events.emit_event("large", {{"n", emitted}, {"text", large}});
    return reader.event()->at("data").at("n") == emitted++;
  };
  while (stalled.events.get_connection_count() == 2 && emitted < 10'000) REQUIRE(one_more_is_read());
  CHECK(stalled.log.removed(1).front().find("timed out") != std::string::npos);
  CHECK(one_more_is_read());
  CHECK(stalled.client.head() == response_head);
  CHECK_NOTHROW(stalled.task->get());
}

TEST_CASE("a slow reader is told exactly how much it missed, in place") {
  constexpr int emitted = 3'000;
  Stream stream({}, 10, 4096);
  stream.client.head();
  const std::string padding(8 * 1024, 'x');
  for (int n = 0; n < emitted; ++n) stream.events.emit_event("n", {{"n", n}, {"padding", padding}});
  stream.events.disconnect(stream.id);
  int next = 0, received = 0, dropped = 0;
  while (next < emitted) {
    const std::optional<json> event = stream.client.event();
    if (event->at("type") == "overflow") {
      const int lost = event->at("dropped");
      dropped += lost;
      next += lost;
    } else {
      REQUIRE(event->at("data").at("n") == next);
      ++next;
      ++received;
    }
  }
  CHECK(dropped > 0);
  CHECK(received + dropped == emitted);
  CHECK_NOTHROW(stream.task->get());
}

TEST_CASE("a peer may send 64 KiB after its request, and no more") {
  Stream stream;
  stream.client.head();
  CHECK(stream.client.send(large));
  stream.events.emit_event("still there", 1);
  CHECK(stream.client.event());
  stream.client.send("x");
  CHECK(stream.log.removed(1) == std::vector{"The peer sent more than 64 KiB after its request"s});
  CHECK_NOTHROW(stream.task->get());
}

TEST_CASE("a POST is answered with a stream, and its socket stays open and usable") {
  sse::EventManager events;
  Context context;
  auto [client, socket] = connect(context.io);
  socket.non_blocking(true);
  std::string body;
  const auto work = [&]() -> asio::awaitable<void> {
    const sse::Request request = co_await sse::read_request(socket);
    body = request.method + ' ' + request.rest;
    co_await sse::write_events(socket, events.add_connection("id"));
    sse::Response response("the next\n");
    response.headers.emplace_back("X", "a\r\nb");
    co_await sse::write_response(socket, 200, response);
    response.head_only = true;
    co_await sse::write_response(socket, 999, response);
    co_await sse::write_response(socket, 204);
  };
  Task task(context.io, work());
  client.send("POST /chat HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}");
  CHECK(client.head() == response_head);
  CHECK(client.event()->at("connection_id") == "id");
  events.emit_event("token", "a");
  CHECK(events.disconnect("id", "that is all"));
  CHECK(client.event()->at("data") == "a");
  CHECK(client.event()->at("message") == "that is all");
  CHECK(client.head() ==
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 9\r\nConnection: close\r\n"
        "X: a  b\r\n\r\n");
  CHECK(client.take_until("\n") == "the next\n");
  CHECK(client.head() ==
        "HTTP/1.1 999 \r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 9\r\nConnection: close\r\n"
        "X: a  b\r\n\r\n");
  CHECK(client.head() == "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
  task.get();
  CHECK(body == "POST {}");
  CHECK(socket.non_blocking());
}

TEST_CASE("a HEAD of a stream gets the head alone, and no connection") {
  sse::Options limits;
  limits.max_connections = 1;
  sse::EventManager events(limits);
  const sse::EventStream other = events.add_connection();
  Context context;
  auto [client, socket] = connect(context.io);
  const auto work = [&]() -> asio::awaitable<void> {
    co_await sse::write_events(socket, events, sse::Request("HEAD", "/"));
    socket.close();
  };
  Task task(context.io, work());
  CHECK(client.read_to_end() == response_head);
  task.get();
  CHECK(events.get_connection_count() == 1);
}

TEST_CASE("a stream around a socket works as the socket does") {
  Log log;
  sse::EventManager events;
  events.set_observer(log.observer());
  Context context;
  auto [client, socket] = connect(context.io);
  Narrow narrow(socket);
  const auto work = [&]() -> asio::awaitable<void> {
    const sse::Request request = co_await sse::read_request(narrow);
    co_await sse::write_events(narrow, events.add_connection(request.path, ""), quick());
  };
  Task task(context.io, work());
  client.send("GET /narrow HTTP/1.0\r\n\r\n");
  CHECK(client.head() == response_head);
  CHECK(client.event()->at("connection_id") == "/narrow");
  for (int n = 0; n < 200; ++n) {
    events.emit_event("n", n);
    if (n % 50 == 49)
      for (int m = n - 49; m <= n; ++m) REQUIRE(client.event()->at("data") == m);
  }
  CHECK(client.take_until("\n\n") == ": keep-alive\n\n");
  SECTION("the manager ends it") {
    CHECK(events.disconnect("/narrow"));
    CHECK(client.event()->at("type") == "disconnect");
    CHECK_NOTHROW(task.get());
    CHECK(narrow.next_layer().is_open());
  }
  SECTION("the peer goes") {
    client.close();
    CHECK(log.removed(1).front().starts_with("The peer is gone: "));
    CHECK_NOTHROW(task.get());
  }
  SECTION("the peer sends too much") {
    client.send(large + "x");
    CHECK(log.removed(1) == std::vector{"The peer sent more than 64 KiB after its request"s});
  }
  SECTION("it is cancelled") {
    task.cancel();
    CHECK(task.error() == asio::error::operation_aborted);
  }
}

#if defined(SSE_TEST_POSIX)
TEST_CASE("a local socket works as a TCP socket does") {
  sse::EventManager events;
  Context context;
  stream_protocol::socket near(context.io), far(context.io);
  asio::local::connect_pair(near, far);
  Client client(far.release());
  Task task(context.io, sse::write_events(near, events.add_connection()));
  CHECK(client.head() == response_head);
  CHECK(client.event()->at("type") == "connection");
  block(events);
  events.disconnect_all("end");
  for (bool ended = false; !ended;) {
    const json event = client.event().value();
    ended = event.at("type") == "disconnect";
  }
  CHECK_NOTHROW(task.get());
}
#endif

TEST_CASE("a request is read and answered in a coroutine of any executor, over a socket of any executor") {
  using Executor = asio::io_context::executor_type;
  sse::EventManager events;
  Context context;
  asio::basic_socket_acceptor<tcp, Executor> acceptor(context.io, {asio::ip::address_v4::loopback(), 0});
  std::promise<void> done;
  const auto work = [&]() -> asio::awaitable<void, Executor> {
    auto socket = co_await acceptor.async_accept(asio::use_awaitable_t<Executor>());
    const sse::Request request = co_await sse::read_request<Executor>(socket);
    co_await sse::write_response<Executor>(socket, 200, request.path);
    co_await sse::write_events<Executor>(socket, events, request);
    co_await sse::write_events<Executor>(socket, events.add_connection());
  };
  asio::co_spawn(context.io, work(),
                 [&](std::exception_ptr error) { error ? done.set_exception(error) : done.set_value(); });
  Client client = Client::to(acceptor.local_endpoint().port());
  client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(client.status() == 200);
  CHECK(client.take_until("/a"));
  for (int i = 0; i < 2; ++i) {
    CHECK(client.head() == response_head);
    CHECK(client.event()->at("type") == "connection");
    events.disconnect_all();
    CHECK(client.event()->at("type") == "disconnect");
  }
  auto ended = done.get_future();
  REQUIRE(ended.wait_for(patience) == std::future_status::ready);
  CHECK_NOTHROW(ended.get());
}

#if defined(SSE_TEST_POSIX)
TEST_CASE("the send time-out holds without the help of TCP's own") {
  Log log;
  sse::EventManager events(4);
  events.set_observer(log.observer());
  Context context;
  stream_protocol::socket near(context.io), far(context.io);
  asio::local::connect_pair(near, far);
  Task task(context.io, sse::write_events(near, events.add_connection(), quick()));
  block(events);
  CHECK(log.removed(1) == std::vector{"Sending timed out after 300 ms"s});
  CHECK_NOTHROW(task.get());
}
#endif

TEST_CASE("write_events can be cancelled at any time, and leaves a socket that works") {
  sse::EventManager events(4);
  Context context;
  auto [client, socket] = connect(context.io, 4096);
  const auto when = GENERATE(0, 1, 2);  // before it begins, while idle, while the peer does not read
  const auto type =
      GENERATE(asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total);
  sse::error_code error;
  const auto work = [&]() -> asio::awaitable<void> {
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    co_await asio::this_coro::throw_if_cancelled(false);
    try {
      co_await sse::write_events(socket, events.add_connection("id"));
    } catch (const sse::system_error& failure) {
      error = failure.code();
    }
    co_await asio::this_coro::reset_cancellation_state();
    if (when < 2) co_await sse::write_response(socket, 200, "still open");
  };
  Task task(context.io, work());
  if (when > 0) {
    client.head();
    client.event();
  }
  if (when == 2) block(events);
  task.cancel(type);
  task.get();
  CHECK(error == asio::error::operation_aborted);
  CHECK(events.get_connection_count() == 0);
  if (when < 2) CHECK(client.take_until("still open"));
}

}  // namespace
