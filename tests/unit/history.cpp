#include <thread>

#include "support.hpp"

namespace sse_test {
namespace {

sse::ConnectionOptions from_earliest() {
  sse::ConnectionOptions options;
  options.from_earliest = true;
  return options;
}

TEST_CASE("an event's id is the manager's start and a dense count that is given before any drop") {
  const auto now = [] {
    const auto time = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(time).count());
  };
  const std::uint64_t before = now();
  sse::Options options = history_of(10, 2);
  options.named_events = true;
  EventManager manager(options);
  const std::string start = start_of(manager);
  const std::uint64_t seconds = std::stoull(start) / 1'000'000'000;  // then nine random digits
  CHECK(seconds >= before);
  CHECK(seconds <= now() + 1'000);  // the managers of one second are ahead of the clock
  EventStream slow = manager.add_connection();
  emit_numbers(manager, 1, 5);
  CHECK(lines(slow) == Words{"connection #0", "overflow 3 #1-#3", "4 #4", "5 #5"});
  manager.emit_event("number", 6);
  const Event event = slow.try_next().value();
  CHECK(event.id() == start + "-6");
  CHECK(event.frame() == "id: " + start + "-6\nevent: number\ndata: " + std::string(event.json()) + "\n\n");
}

TEST_CASE("an event is found by its id as long as the history holds it") {
  sse::Options options;
  options.history_size = 3;
  sse::EventManager events(options);
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) {
    sse::EmitOptions emit;
    emit.topic = "topic " + std::to_string(i);
    events.emit_event("x", i, emit);
    ids.push_back(events.last_id());
  }
  for (const std::size_t gone : {0u, 1u}) CHECK(events.find(ids[gone]).empty());
  for (const std::size_t held : {2u, 3u, 4u}) {
    const sse::Event event = events.find(ids[held]);
    CHECK(event.id() == ids[held]);
    CHECK(event.topic() == "topic " + std::to_string(held));
  }
  const std::string start = ids[0].substr(0, ids[0].find('-'));
  for (const std::string& other :
       {std::string(), std::string("x"), start + "-0", start + "-6", "0" + ids[4], std::string("1-5")})
    CHECK(events.find(other).empty());
  CHECK(sse::EventManager().find(ids[4]).empty());
}

TEST_CASE("a later manager has a greater start, however fast they are made") {
  std::uint64_t last = 0;
  for (int i = 0; i < 200; ++i) {
    EventManager manager(history_of(1));
    const std::uint64_t start = std::stoull(start_of(manager));
    REQUIRE(start > last);
    last = start;
  }
}

TEST_CASE("the history is bounded in bytes, too, and what it drops for them is told") {
  sse::Options options = history_of(1'000);
  options.history_bytes = 10'000;
  EventManager manager(options);
  const std::string text(950, 'x');
  EventStream live = manager.add_connection();
  for (int i = 1; i <= 100; ++i) manager.emit_event("text", text);
  const auto events_of = [&](EventStream stream) {
    std::vector<Event> events;
    stream.drain(events, std::size_t(-1));
    return events;
  };
  sse::ConnectionOptions settings = from_earliest();
  settings.announce = false;
  const std::vector<Event> held = events_of(manager.add_connection(settings));
  std::size_t bytes = 0;
  for (const Event& event : held) bytes += event.frame().size();
  CHECK(bytes <= options.history_bytes);
  CHECK(bytes + held.front().frame().size() > options.history_bytes);
  CHECK(count_of(held.back().id()) == "100");

  EventStream returned = manager.add_connection(after(id_of(manager, 10)));
  const std::size_t gone = 100 - 10 - held.size();
  CHECK(lines(returned)[1] == "overflow " + std::to_string(gone) + " #11-#" + std::to_string(10 + gone));

  manager.emit_event("text", std::string(20'000, 'x'));  // the newest is kept, whatever its size
  CHECK(events_of(manager.add_connection(settings)).size() == 1);
  manager.emit_event("number", 1);
  CHECK(events_of(manager.add_connection(settings)).size() == 1);
  manager.emit_event("number", 2);
  CHECK(events_of(manager.add_connection(settings)).size() == 2);
}

TEST_CASE("a history has a bound in bytes unless it is told not to") {
  CHECK(sse::Options().history_bytes == 64 * 1024 * 1024);
  sse::Options options = history_of(50);
  options.history_bytes = 0;
  EventManager manager(options);
  for (int i = 0; i < 50; ++i) manager.emit_event("text", std::string(10'000, 'x'));
  EventStream stream = manager.add_connection(from_earliest());
  CHECK(told(stream).size() == 51);
}

TEST_CASE("connection carries the id after which the stream goes on; what is not kept has no id") {
  EventManager manager(history_of(10, 3));
  emit_numbers(manager, 1, 2);
  EventStream stream = manager.add_connection("me");
  manager.send_event("me", "sent", "sent");
  manager.send_message("me", "sent", R"({"type":"message","timestamp":1763900000.123456})");
  manager.emit_event("tick", "tick", transient());
  CHECK(lines(stream) == Words{"connection #2", "\"sent\"", "message", "\"tick\""});
  CHECK_THROWS(manager.emit_event("x", Broken()));
  emit_numbers(manager, 3, 5);
  manager.disconnect("me", "bye");
  CHECK(lines(stream) == Words{"overflow 1"} + numbered(3, 5) + Words{"disconnect bye"});
  EventStream again = manager.add_connection(from_earliest());
  CHECK(lines(again) == Words{"connection #0"} + numbered(1, 5));
}

TEST_CASE("a client resumes after any event: a replay longer than its ring, then live events, none doubled") {
  EventManager manager(history_of(20, 1));
  emit_numbers(manager, 1, 20);
  for (int seen = 0; seen <= 20; ++seen) {
    INFO("seen: " << seen);
    EventStream stream = manager.add_connection(after(id_of(manager, seen)));
    manager.emit_event("tick", "tick", transient());
    CHECK(stream.dropped() == 0);
    CHECK(lines(stream) == Words{"connection #" + std::to_string(seen)} + numbered(seen + 1, 20) + Words{"\"tick\""});
  }
}

TEST_CASE("the history holds its last events and not one more; what it no longer holds is counted exactly") {
  EventManager manager(history_of(3));
  int gaps = 0;
  sse::Observer observer;
  observer.overflow = [&](const sse::ConnectionRow&) { ++gaps; };
  manager.set_observer(observer);
  emit_numbers(manager, 1, 10);
  for (int seen = 0; seen <= 10; ++seen) {
    INFO("seen: " << seen);
    const int gone = std::max(0, 7 - seen);
    EventStream stream = manager.add_connection(after(id_of(manager, seen)));
    CHECK(stream.dropped() == static_cast<std::size_t>(gone));
    CHECK(std::exchange(gaps, 0) == (gone > 0 ? 1 : 0));
    Words expected{"connection #" + std::to_string(seen)};
    if (gone > 0) expected.push_back("overflow " + std::to_string(gone) + " #" + std::to_string(seen + 1) + "-#7");
    CHECK(lines(stream) == expected + numbered(std::max(seen, 7) + 1, 10));
  }
}

TEST_CASE("connection says whether the stream goes on after the client's id without a loss") {
  sse::Options options;
  options.history_size = 2;
  sse::EventManager events(options);
  for (int n = 0; n < 4; ++n) events.emit_event("n", n);
  const std::string last = events.last_id(), start = last.substr(0, last.find('-'));
  const auto resumed = [](sse::EventManager& manager, std::optional<std::string> id) {
    sse::ConnectionOptions connection;
    connection.last_event_id = std::move(id);
    const auto json = nlohmann::json::parse(manager.add_connection(std::move(connection)).try_next()->json());
    return json.contains("resumed") ? json["resumed"].dump() : "";
  };
  for (const std::string& id : {last, start + "-3", start + "-2"}) CHECK(resumed(events, id) == "true");
  for (const std::string& id : {start + "-1", start + "-5", std::string("1-1"), std::string("x")})
    CHECK(resumed(events, id) == "false");
  CHECK(resumed(events, std::nullopt).empty());
  CHECK(resumed(events, "").empty());
  sse::EventManager keeps_nothing;
  CHECK(resumed(keeps_nothing, last) == "false");
}

TEST_CASE("the notice of what the history no longer holds is told at once, and names the ids") {
  EventManager manager(history_of(2));
  emit_numbers(manager, 1, 5);
  EventStream stream = manager.add_connection(after(id_of(manager, 1)));
  (void)stream.try_next();
  const Frame notice = read_frame(stream.try_next().value());
  CHECK(notice.keys() == "type,message,dropped,first_id,last_id,timestamp");
  CHECK(notice.body["dropped"] == 2);
  CHECK(notice.body["first_id"] == id_of(manager, 2));
  CHECK(notice.body["last_id"] == id_of(manager, 3));
}

TEST_CASE("an id of another start is a reset, followed by the whole history, and a client that is cut asks again") {
  EventManager before(history_of(10));
  emit_numbers(before, 1, 7);
  EventManager manager(history_of(3));
  emit_numbers(manager, 1, 5);
  for (const std::string& seen : {id_of(before, 7), id_of(before, 900), std::string("0-0"), std::string("1-1"),
                                  std::string("18446744073709551615-18446744073709551615")}) {
    INFO("seen: " << seen);
    std::string last = seen;
    for (int cut = 0; cut < 2; ++cut) {
      EventStream stream = manager.add_connection(after(last));
      last = stream.try_next().value().id();
      CHECK(last == seen);
      const Event notice = stream.try_next().value();
      CHECK(line(notice) == "overflow null reset");
      CHECK(read_frame(notice).keys() == "type,message,dropped,reset,timestamp");
      CHECK(stream.dropped() == 0);
      CHECK(lines(stream) == numbered(3, 5));
    }
  }
}

TEST_CASE("an id that can't be read, or is ahead, is a reset, followed by live events, and nothing else happens") {
  EventManager manager(history_of(10));
  emit_numbers(manager, 1, 3);
  const std::string start = start_of(manager), good = start + "-2";
  Words ids{"-",     "--",   "0",     "1",     "1-",    "-1",    "1-1-1",   "+1-1",    "-1-1",  "1-+1",  "1--1", "01-1",
            "1-01",  "00-1", "1-00",  "0x1-1", "1e3-1", "1.0-1", "1_0-1",   "1,0-1",   "null",  "[]",    "{\"",  "NaN",
            "inf-1", "1/2",  "%31-1", "1:1",   "0-",    "-0",    "\"1-1\"", "$(id)-1", "../..", "1-1;--"};
  ids.insert(ids.end(), {"18446744073709551616-1", "1-18446744073709551616", std::string(100'000, '9') + "-1",
                         start + '-' + std::string(100'000, '0') + '2', start + '-' + std::string(100'000, '9'),
                         std::string(100'000, '-'), std::string(1'000'000, '\n')});
  for (const char* ahead : {"-4", "-5", "-4294967298", "-9223372036854775808", "-18446744073709551615"})
    ids.push_back(start + ahead);
  const std::string bits[] = {" ",
                              "\t",
                              "\r",
                              "\n",
                              "\r\n\r\ndata: x\n\n",
                              std::string(1, '\0'),
                              "\x7F",
                              "\x1B[0m",
                              "+",
                              "-",
                              "'",
                              "\"",
                              "\\",
                              "a",
                              "0x",
                              ".",
                              "\xFF",
                              "\xC2",
                              "\xED\xA0\x80",
                              "\xEF\xBB\xBF",
                              "\xE2\x80\x93",
                              "\xD9\xA1",
                              "%00",
                              ","};
  for (const std::string& bit : bits)
    ids.insert(ids.end(), {bit, bit + good, good + bit, start + bit + "-2", start + '-' + bit + '2'});
  REQUIRE(ids.size() > 150);
  for (const std::string& id : ids) {
    INFO("id: " << json(id.substr(0, 60)).dump(-1, ' ', true, json::error_handler_t::replace));
    EventStream stream = manager.add_connection(after(id));
    CHECK(stream.dropped() == 0);
    CHECK(lines(stream) == Words{"connection #3", "overflow null reset"});
    manager.emit_event("tick", "tick", transient());
    CHECK(lines(stream) == Words{"\"tick\""});
    CHECK(manager.get_connection_count() == 1);
  }
  EventStream last = manager.add_connection(after(start + "-3"));
  CHECK(lines(last) == Words{"connection #3"});
}

TEST_CASE("an empty id is no id") {
  EventManager manager(history_of(10));
  emit_numbers(manager, 1, 3);
  EventStream live = manager.add_connection(after(""));
  CHECK(lines(live) == Words{"connection #3"});
  sse::ConnectionOptions options = from_earliest();
  options.last_event_id = "";
  EventStream earliest = manager.add_connection(options);
  CHECK(lines(earliest) == Words{"connection #0"} + numbered(1, 3));
}

TEST_CASE("from_earliest replays all that is held, and tells no loss; a last id counts more") {
  EventManager manager(history_of(3));
  EventStream first = manager.add_connection(from_earliest());
  emit_numbers(manager, 1, 5);
  CHECK(lines(first) == Words{"connection #0"} + numbered(1, 5));
  EventStream second = manager.add_connection(from_earliest());
  CHECK(lines(second) == Words{"connection #2"} + numbered(3, 5));
  sse::ConnectionOptions options = from_earliest();
  options.last_event_id = id_of(manager, 4);
  EventStream third = manager.add_connection(options);
  CHECK(lines(third) == Words{"connection #4", "5 #5"});
}

TEST_CASE("a live burst while a client replays is told in its own place") {
  EventManager manager(history_of(100, 2));
  emit_numbers(manager, 1, 5);
  EventStream stream = manager.add_connection(after(id_of(manager, 0)));
  emit_numbers(manager, 6, 10);
  CHECK(stream.dropped() == 3);
  CHECK(lines(stream) == Words{"connection #0"} + numbered(1, 5) + Words{"overflow 3 #6-#8", "9 #9", "10 #10"});
}

TEST_CASE("what the history lets go of while a slow client replays is told in its place, and to the observer") {
  EventManager manager(history_of(5));
  emit_numbers(manager, 1, 5);
  EventStream stream = manager.add_connection(after(id_of(manager, 0)));
  int gaps = 0;
  sse::Observer observer;
  observer.overflow = [&](const sse::ConnectionRow& row) {
    ++gaps;
    CHECK(row.dropped == 2);
  };
  manager.set_observer(observer);
  CHECK(line(stream.try_next().value()) == "connection #0");
  CHECK(line(stream.try_next().value()) == "1 #1");
  emit_numbers(manager, 6, 8);
  CHECK(lines(stream) == Words{"overflow 2 #2-#3"} + numbered(4, 8));
  CHECK(stream.dropped() == 2);
  CHECK(gaps == 1);
}

TEST_CASE("gaps that meet are one notice") {
  SECTION("of what was gone and what went") {
    EventManager manager(history_of(3));
    emit_numbers(manager, 1, 5);
    EventStream stream = manager.add_connection(after(id_of(manager, 0)));
    emit_numbers(manager, 6, 6);
    CHECK(lines(stream) == Words{"connection #0", "overflow 3 #1-#3"} + numbered(4, 6));
  }
  SECTION("of the replay and the ring") {
    EventManager manager(history_of(3, 2));
    emit_numbers(manager, 1, 5);
    EventStream stream = manager.add_connection(after(id_of(manager, 0)));
    emit_numbers(manager, 6, 20);
    CHECK(lines(stream) == Words{"connection #0", "overflow 18 #1-#18"} + numbered(19, 20));
    CHECK(stream.dropped() == 18);
  }
  SECTION("a reset takes in the rest") {
    EventManager manager(history_of(3, 2));
    emit_numbers(manager, 1, 5);
    EventStream stream = manager.add_connection(after("1-1"));
    emit_numbers(manager, 6, 20);
    CHECK(lines(stream) == Words{"connection #1", "overflow null reset"} + numbered(19, 20));
    CHECK(stream.dropped() == 16);
  }
}

TEST_CASE("a reader that is slower than the emitter gets an event after each notice, in a replay and after it") {
  EventManager manager(history_of(2, 1));
  emit_numbers(manager, 1, 4);
  EventStream stream = manager.add_connection(after(id_of(manager, 0)));
  (void)stream.try_next();
  int emitted = 4;
  std::size_t received = 0, told_lost = 0;
  bool notice_before = false;
  const auto read = [&] {
    const Event event = stream.try_next().value();
    const json body = json::parse(event.json());
    const bool notice = body["type"] == "overflow";
    REQUIRE_FALSE((notice && notice_before));
    notice_before = notice;
    if (notice)
      told_lost += body["dropped"].get<std::size_t>();
    else
      ++received;
    REQUIRE((notice || count_of(event.id()) == std::to_string(received + told_lost)));
  };
  for (int round = 0; round < 200; ++round) {
    read();
    emit_numbers(manager, emitted + 1, emitted + 7);
    emitted += 7;
  }
  CHECK(received == 100);
  while (received + told_lost < static_cast<std::size_t>(emitted)) read();
  CHECK(stream.dropped() == told_lost);
}

TEST_CASE("a client that is cut after 1, 2, 3, … reads, the first event included, keeps each event once") {
  EventManager manager(history_of(100, 1));
  std::string last = id_of(manager, 0);
  Words kept;
  int emitted = 0;
  for (std::size_t cut = 0; cut < 60; ++cut) {
    EventStream stream = manager.add_connection(after(last));
    for (int more = 0; more < 3 && emitted < 40; ++more) manager.emit_event("number", ++emitted);
    std::vector<Event> events;
    stream.drain(events, 1 + cut % 4);
    for (const Event& event : events) {
      if (!event.id().empty()) last = event.id();
      if (event.type() == "number") kept.push_back(line(event));
    }
  }
  CHECK(kept == numbered(1, 40));
}

TEST_CASE("a client that was cut after connection alone has seen nothing, and misses nothing") {
  EventManager manager(history_of(10));
  emit_numbers(manager, 1, 2);
  std::optional<EventStream> stream = manager.add_connection();
  const std::string last(stream->try_next().value().id());
  stream.reset();
  emit_numbers(manager, 3, 5);
  EventStream again = manager.add_connection(after(last));
  CHECK(lines(again) == Words{"connection #2"} + numbered(3, 5));
}

TEST_CASE("without a history there are no ids, and a client with a last id is told that nobody knows what it missed") {
  EventManager manager;
  emit_numbers(manager, 1, 3);
  for (const char* id : {"1-1", "garbage", "1763900000123-2"}) {
    EventStream stream = manager.add_connection(after(id));
    emit_numbers(manager, 4, 4);
    CHECK(lines(stream) == Words{"connection", "overflow null reset", "4"});
  }
  EventStream empty = manager.add_connection(after("")), earliest = manager.add_connection(from_earliest());
  CHECK(lines(empty) == Words{"connection"});
  CHECK(lines(earliest) == Words{"connection"});
}

TEST_CASE("a stream without announcements replays all the same") {
  EventManager manager(history_of(2));
  emit_numbers(manager, 1, 4);
  sse::ConnectionOptions options = after(id_of(manager, 1));
  options.announce = false;
  EventStream stream = manager.add_connection(options);
  manager.disconnect_all();
  CHECK(lines(stream) == Words{"overflow 1 #2-#2", "3 #3", "4 #4"});
  CHECK(stream.done());
}

TEST_CASE("a replay that was begun is read to its end after disconnect, and by a stream that outlives its manager") {
  std::optional<EventManager> manager(std::in_place, history_of(10, 2));
  emit_numbers(*manager, 1, 5);
  EventStream stream = manager->add_connection(after(id_of(*manager, 1)));
  emit_numbers(*manager, 6, 6);
  manager->disconnect(stream.connection_id(), "over");
  emit_numbers(*manager, 7, 12);
  manager.reset();
  CHECK(lines(stream) == Words{"connection #1", "overflow 1 #2-#2"} + numbered(3, 6) + Words{"disconnect over"});
  CHECK(stream.done());
}

TEST_CASE("close discards a replay") {
  EventManager manager(history_of(10));
  emit_numbers(manager, 1, 5);
  EventStream stream = manager.add_connection(after(id_of(manager, 1)));
  (void)stream.try_next();
  stream.close();
  CHECK(stream.done());
  CHECK(lines(stream).empty());
}

TEST_CASE("a replay is an event that waits, for async_wait and for next") {
  EventManager manager(history_of(10));
  emit_numbers(manager, 1, 2);
  Words words;
  run([&]() -> asio::awaitable<void> {
    EventStream stream = manager.add_connection(after(id_of(manager, 0)));
    for (int i = 0; i < 3; ++i) {
      co_await stream.async_wait(asio::use_awaitable);
      words.push_back(line((co_await stream.next()).value()));
    }
    CHECK_FALSE(stream.try_next());
  });
  CHECK(words == Words{"connection #0", "1 #1", "2 #2"});
}

TEST_CASE("the history and the rings share an event's bytes") {
  EventManager manager(history_of(10));
  EventStream live = add_quiet(manager);
  manager.emit_event("number", 1);
  sse::ConnectionOptions options = from_earliest();
  options.announce = false;
  EventStream one = manager.add_connection(options), other = manager.add_connection(options);
  const Event event = live.try_next().value();
  CHECK(one.try_next().value().frame().data() == event.frame().data());
  CHECK(other.try_next().value().frame().data() == event.frame().data());
}

TEST_CASE("clients that are cut and resume while two threads emit keep each event once, in order") {
  constexpr std::size_t each = 1000;
  EventManager manager(history_of(2 * each, 4));
  std::string last = id_of(manager, 0);
  const auto emit = [&] {
    for (std::size_t i = 0; i < each; ++i) manager.emit_json("number", "1");
  };
  std::size_t cuts = 0;
  {
    const std::jthread one(emit), other(emit);
    const auto late = std::chrono::steady_clock::now() + deadline;
    for (std::size_t seen = 0; seen < 2 * each; ++cuts) {
      REQUIRE(std::chrono::steady_clock::now() < late);
      EventStream stream = manager.add_connection(after(last));
      for (std::size_t reads = 0; reads < 10; ++reads) {
        const auto event = stream.try_next();
        if (!event || event->type() == "overflow") break;  // the ring is full of what the history has
        if (event->type() == "number") REQUIRE(count_of(event->id()) == std::to_string(++seen));
        last = event->id();
      }
    }
  }
  CHECK(cuts >= 2 * each / 10);
}

}  // namespace
}  // namespace sse_test
