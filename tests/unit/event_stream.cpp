#include "support.hpp"

namespace sse_test {
namespace {

static_assert(!std::is_copy_constructible_v<EventStream> && std::is_nothrow_move_constructible_v<EventStream>);

TEST_CASE("three streams, 10 slots, 25 events unread: connection, overflow 15, then exactly the last 10") {
  EventManager manager(10);
  EventStream streams[] = {manager.add_connection(), manager.add_connection(), manager.add_connection()};
  for (int i = 1; i <= 25; ++i) CHECK(manager.emit_event("number", i) == 3);
  for (EventStream& stream : streams) {
    CHECK(stream.dropped() == 15);
    CHECK(told(stream) == Words{"connection", "overflow 15"} + numbers(16, 25));
    CHECK_FALSE(stream.done());
  }
  CHECK(manager.get_connection_count() == 3);
}

TEST_CASE("a stream that never reads stays connected, and the newest events are there when it does") {
  EventManager manager(5);
  EventStream never = manager.add_connection(), reader = manager.add_connection();
  told(reader);
  for (int i = 1; i <= 10'000; ++i) {
    REQUIRE(manager.emit_event("number", i) == 2);
    REQUIRE(told(reader) == numbers(i, i));
  }
  CHECK(reader.dropped() == 0);
  CHECK(manager.get_connection_count() == 2);
  CHECK(told(never) == Words{"connection", "overflow 9995"} + numbers(9996, 10'000));
}

TEST_CASE("the first event names the connection") {
  EventManager manager;
  EventStream stream = manager.add_connection("me", "request 7");
  CHECK(stream.connection_id() == "me");
  CHECK(stream.request_id() == "request 7");
  const Frame frame = read_frame(stream.try_next().value());
  CHECK(frame.keys() == "type,message,connection_id,timestamp");
  CHECK(frame.body["connection_id"] == "me");
  CHECK_FALSE(frame.body["message"].get<std::string>().empty());
  CHECK_FALSE(stream.try_next());
}

TEST_CASE("the end is told by the reason, once, and then the stream is done") {
  EventManager manager;
  EventStream stream = manager.add_connection();
  told(stream);
  emit_numbers(manager, 1, 1);
  manager.disconnect_all("enough");
  manager.disconnect_all("again");
  CHECK(manager.emit_event("late", 2) == 0);
  CHECK(word(stream.try_next().value()) == "1");
  CHECK_FALSE(stream.done());
  const Frame frame = read_frame(stream.try_next().value());
  CHECK(frame.keys() == "type,message,timestamp");
  CHECK(frame.body["type"] == "disconnect");
  CHECK(frame.body["message"] == "enough");
  CHECK(stream.done());
  run([&]() -> asio::awaitable<void> {
    for (int i = 0; i < 2; ++i) {
      const auto nothing = co_await stream.next();
      CHECK_FALSE(nothing);
    }
  });
}

TEST_CASE("each gap is told once, in place, with its own count") {
  EventManager manager(3);
  EventStream stream = manager.add_connection();
  emit_numbers(manager, 1, 5);
  CHECK(word(stream.try_next().value()) == "connection");
  const Frame notice = read_frame(stream.try_next().value());
  CHECK(notice.keys() == "type,message,dropped,timestamp");
  CHECK(notice.body["dropped"] == 2);
  // The 3 was told as next, so it is safe from here on.
  emit_numbers(manager, 6, 9);
  CHECK(told(stream) == Words{"3", "overflow 3", "7", "8", "9"});
  emit_numbers(manager, 10, 12);
  CHECK(told(stream) == numbers(10, 12));
  CHECK(stream.dropped() == 5);
}

TEST_CASE("a reader that is slower than the emitter reads events and not notices alone") {
  EventManager manager(1);
  EventStream stream = add_quiet(manager);
  Words words;
  for (int i = 1; i <= 8; i += 2) {
    emit_numbers(manager, i, i + 1);
    words.push_back(word(stream.try_next().value()));
  }
  CHECK(words == Words{"overflow 1", "2", "overflow 3", "6"});
  CHECK(told(stream) == Words{"overflow 1", "8"});
  CHECK(stream.dropped() == 5);
}

TEST_CASE("received and dropped make up what was emitted, however the reads fall") {
  for (std::size_t queue = 1; queue <= 7; ++queue)
    for (std::size_t burst = 1; burst <= 11; ++burst)
      for (std::size_t take = 0; take <= 5; ++take) {
        EventManager manager(queue);
        EventStream stream = add_quiet(manager);
        int emitted = 0, received = 0, last = 0;
        std::size_t noticed = 0;
        std::vector<Event> events;
        for (int round = 0; round < 6; ++round) {
          for (std::size_t i = 0; i < burst; ++i) manager.emit_json("n", std::to_string(++emitted));
          events.clear();
          const std::size_t count = stream.drain(events, round == 5 ? 1000 : take);
          REQUIRE(count == events.size());
          for (const Event& event : events) {
            const json body = json::parse(event.json());
            if (body["type"] == "overflow") {
              noticed += body["dropped"].get<std::size_t>();
              last += body["dropped"].get<int>();
            } else {
              ++received;
              REQUIRE(body["data"] == ++last);
            }
          }
        }
        REQUIRE(noticed == stream.dropped());
        REQUIRE(static_cast<std::size_t>(received) + noticed == static_cast<std::size_t>(emitted));
      }
}

TEST_CASE("drain takes at most max events, notices included, and appends") {
  EventManager manager(3);
  EventStream stream = manager.add_connection();
  emit_numbers(manager, 1, 5);
  std::vector<Event> events(1);
  CHECK(stream.drain(events, 0) == 0);
  CHECK(stream.drain(events, 3) == 3);
  REQUIRE(events.size() == 4);
  CHECK(word(events[1]) == "connection");
  CHECK(word(events[2]) == "overflow 2");
  CHECK(word(events[3]) == "3");
  CHECK(stream.drain(events, 3) == 2);
  CHECK(stream.drain(events, 3) == 0);
}

TEST_CASE("a connection's own queue size counts for it alone") {
  EventManager manager(2);
  sse::ConnectionOptions options;
  options.max_queue_size = 4;
  EventStream wide = manager.add_connection(options), narrow = manager.add_connection();
  emit_numbers(manager, 1, 5);
  CHECK(told(wide) == Words{"connection", "overflow 1"} + numbers(2, 5));
  CHECK(told(narrow) == Words{"connection", "overflow 3"} + numbers(4, 5));
}

TEST_CASE("close discards what waits, without disconnect, and removes the connection") {
  EventManager manager(2);
  EventStream stream = manager.add_connection();
  emit_numbers(manager, 1, 5);
  stream.close();
  stream.close();
  CHECK(manager.get_connection_count() == 0);
  CHECK(told(stream).empty());
  CHECK(stream.done());
  CHECK(stream.dropped() == 3);
  CHECK(manager.emit_event("x", 1) == 0);
}

TEST_CASE("a stream removes itself when it is destroyed or assigned to") {
  EventManager manager;
  std::optional<EventStream> stream = manager.add_connection("a");
  *stream = manager.add_connection("b");
  CHECK(manager.get_connection_info().connection_ids == Words{"b"});
  EventStream moved = std::move(*stream);
  stream.reset();
  CHECK(manager.emit_event("x", 1) == 1);
  CHECK(told(moved) == Words{"connection", "1"});
  { EventStream end = std::move(moved); }
  CHECK(manager.get_connection_count() == 0);
}

TEST_CASE("next waits for the event, and the coroutine shape of the design reads all until the end") {
  EventManager manager;
  Words words;
  run([&]() -> asio::awaitable<void> {
    EventStream stream = manager.add_connection();
    const auto executor = co_await asio::this_coro::executor;
    asio::co_spawn(
        executor,
        [&]() -> asio::awaitable<void> {
          for (int i = 1; i <= 3; ++i) {
            manager.emit_event("number", i);
            co_await asio::post(asio::use_awaitable);
          }
          manager.disconnect_all("bye");
        },
        asio::detached);
    while (auto event = co_await stream.next()) words.push_back(word(*event));
    CHECK(stream.done());
  });
  CHECK(words == Words{"connection", "1", "2", "3", "disconnect bye"});
}

}  // namespace
}  // namespace sse_test
