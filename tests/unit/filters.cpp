#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "support.hpp"

namespace sse_test {
namespace {

template <class Filter>
sse::ConnectionOptions asking(Filter filter) {
  sse::ConnectionOptions options;
  options.filter = std::move(filter);
  options.announce = false;
  return options;
}

bool is_even(const Event& event) {
  return json::parse(event.json())["data"].get<int>() % 2 == 0;
}

TEST_CASE("a filter is asked once for each event, before the ring") {
  EventManager manager(2);
  Words asked;
  EventStream stream = manager.add_connection(asking([&](const Event& event) {
    asked.push_back(word(event));
    return is_even(event);
  }));
  EventStream all = add_quiet(manager);
  for (int i = 1; i <= 5; ++i) CHECK(manager.emit_event("number", i) == (i % 2 == 0 ? 2 : 1));
  CHECK(asked == numbers(1, 5));
  CHECK(told(stream) == Words{"2", "4"});
  CHECK(stream.dropped() == 0);
  CHECK(told(all) == Words{"overflow 3", "4", "5"});
}

TEST_CASE("a filter is not asked about the connection's own events, what is sent to it, or another's topic") {
  EventManager manager;
  int asked = 0;
  sse::ConnectionOptions options = asking([&](const Event&) { return ++asked, false; });
  options.topics = {"a"};
  options.announce = true;
  options.connection_id = "id";
  EventStream stream = manager.add_connection(options), wide = add_quiet(manager);
  CHECK(manager.send_event("id", "x", 1));
  CHECK(manager.send_message("id", "", R"({"type":"message","timestamp":1763900000.123456})"));
  manager.emit_event("x", 2, on_topic("b"));
  CHECK(asked == 0);
  manager.emit_event("x", 3, on_topic("a"));
  CHECK(asked == 1);
  manager.disconnect("id", "bye");
  CHECK(told(stream) == Words{"connection", "1", "message", "disconnect bye"});
  manager.emit_event("x", 4, on_topic("a"));
  CHECK(asked == 1);
}

TEST_CASE("a filter that throws refuses, and harms nobody else") {
  EventManager manager(history_of(10));
  const auto throws = [](const Event& event) -> bool {
    if (event.type() == "odd") throw 1;
    return true;
  };
  EventStream stream = manager.add_connection(asking(throws)), other = add_quiet(manager);
  CHECK(manager.emit_event("odd", 1) == 1);
  CHECK(manager.emit_event("even", 2) == 2);
  CHECK(lines(stream) == Words{"2 #2"});
  CHECK(lines(other) == numbered(1, 2));
  sse::ConnectionOptions options = asking(throws);
  options.from_earliest = true;
  EventStream replay = manager.add_connection(options);
  CHECK(lines(replay) == Words{"2 #2"});
}

TEST_CASE("a filter sees a live event without its id, on the emitter's thread") {
  EventManager manager(history_of(10));
  std::thread::id asked;
  std::string id = "not asked";
  EventStream stream = manager.add_connection(asking([&](const Event& event) {
    asked = std::this_thread::get_id();
    id = event.id();
    return event.topic() == "t" && event.key() == "k" && event.type() == "number" && !event.frame().empty();
  }));
  std::thread::id emitter;
  std::thread([&] {
    emitter = std::this_thread::get_id();
    sse::EmitOptions options = on_topic("t");
    options.key = "k";
    CHECK(manager.emit_event("number", 1, options) == 1);
  }).join();
  CHECK(asked == emitter);
  CHECK(id.empty());
  CHECK(lines(stream) == Words{"1 #1"});
}

TEST_CASE("a replay asks the filter on the adder's thread, about the topic's events, with their ids") {
  EventManager manager(history_of(10));
  for (int i = 1; i <= 6; ++i) manager.emit_event("number", i, on_topic(i <= 3 ? "a" : "b"));
  Words asked;
  std::thread::id asker;
  sse::ConnectionOptions options = asking([&](const Event& event) {
    asker = std::this_thread::get_id();
    asked.push_back(line(event));
    return is_even(event);
  });
  options.topics = {"b"};
  options.last_event_id = id_of(manager, 1);
  EventStream stream = manager.add_connection(options);
  CHECK(asked == numbered(4, 6));
  CHECK(asker == std::this_thread::get_id());
  CHECK(lines(stream) == Words{"4 #4", "6 #6"});
  CHECK(asked.size() == 3);
}

TEST_CASE("a copy that a filter keeps does not change when the event gets its id") {
  EventManager manager(history_of(10));
  Event kept;
  EventStream stream = manager.add_connection(asking([&](const Event& event) {
    kept = event;
    return true;
  }));
  EventStream other = add_quiet(manager);
  sse::EmitOptions options = on_topic("t");
  options.key = "k";
  manager.emit_event("number", 1, options);
  CHECK(kept.id().empty());
  CHECK(line(kept) == "1");
  const Event event = stream.try_next().value();
  CHECK(line(event) == "1 #1");
  CHECK((event.type() == "number" && event.topic() == "t" && event.key() == "k"));
  CHECK(other.try_next().value().frame().data() == event.frame().data());
}

TEST_CASE("a filter may use the manager: no lock is held while it is asked, live or in a replay") {
  EventManager manager(history_of(10));
  EventStream bystander = add_quiet(manager, "bystander");
  std::vector<EventStream> added;
  const auto use_manager = [&](const Event& event) {
    if (event.type() != "number") return false;
    manager.emit_event("inner", manager.get_connection_count(), transient());
    added.push_back(add_quiet(manager));
    added.push_back(manager.add_connection(asking([](const Event&) { return true; })));
    manager.send_event("bystander", "sent", "sent");
    manager.subscribe("bystander", "a");
    manager.disconnect(added.front().connection_id());
    return manager.get_connection_info().connections.size() > 1;
  };
  EventStream stream = manager.add_connection(asking(use_manager));
  CHECK(manager.emit_event("number", 1) == 3);
  CHECK(lines(bystander) == Words{"2", "\"sent\"", "1 #1"});
  CHECK(lines(stream) == Words{"1 #1"});
  CHECK(lines(added.at(0)).empty());
  CHECK(lines(added.at(1)) == Words{"1 #1"});
  sse::ConnectionOptions options = asking(use_manager);
  options.from_earliest = true;
  EventStream replay = manager.add_connection(options);
  CHECK(lines(replay) == Words{"1 #1"});
}

TEST_CASE("a filter may end its own connection, and emit a kept event before the one it is asked about") {
  EventManager manager(history_of(10));
  EventStream other = add_quiet(manager);
  sse::ConnectionOptions options = asking([&](const Event& event) {
    if (event.type() == "inner") return true;
    manager.emit_event("inner", "inner");
    manager.disconnect("id", "enough");
    return true;
  });
  options.connection_id = "id";
  EventStream stream = manager.add_connection(options);
  CHECK(manager.emit_event("number", 2) == 1);
  CHECK(lines(stream) == Words{"\"inner\" #1"});
  CHECK(stream.done());
  CHECK(lines(other) == Words{"\"inner\" #1", "2 #2"});
}

TEST_CASE("what is kept while a replay asks the filter is asked about too, and comes once") {
  EventManager manager(history_of(10));
  emit_numbers(manager, 1, 3);
  Words asked;
  sse::ConnectionOptions options = asking([&](const Event& event) {
    asked.push_back(line(event));
    if (asked.size() == 3) emit_numbers(manager, 4, 5);
    return count_of(event.id()) != "4";
  });
  options.from_earliest = true;
  EventStream stream = manager.add_connection(options);
  emit_numbers(manager, 6, 6);
  CHECK(asked == numbered(1, 5) + Words{"6"});
  CHECK(lines(stream) == Words{"1 #1", "2 #2", "3 #3", "5 #5", "6 #6"});
  CHECK(manager.get_connection_count() == 1);
}

TEST_CASE("a connection that is refused does not ask its filter about the history") {
  sse::Options settings;
  settings.history_size = 10;
  settings.max_connections = 1;
  EventManager manager(settings);
  emit_numbers(manager, 1, 3);
  EventStream only = add_quiet(manager, "only");
  Words asked;
  sse::ConnectionOptions options = asking([&](const Event& event) {
    asked.push_back(line(event));
    return true;
  });
  options.from_earliest = true;
  CHECK_THROWS_AS(manager.add_connection(options), sse::Error);
  CHECK(asked.empty());
  options.connection_id = "only";  // takes the place of the older one
  EventStream newer = manager.add_connection(options);
  CHECK(asked == numbered(1, 3));
  CHECK(lines(newer) == Words{"1 #1", "2 #2", "3 #3"});
}

TEST_CASE("a connection is added though events come faster than its filter answers, and each comes once") {
  EventManager manager(history_of(100));
  emit_numbers(manager, 1, 3);
  int last = 3;
  sse::ConnectionOptions options = asking([&](const Event& event) {
    if (!event.id().empty()) manager.emit_event("number", ++last);
    return count_of(event.id()) != "2";
  });
  options.from_earliest = true;
  EventStream stream = manager.add_connection(options);
  CHECK(last >= 6);
  CHECK(lines(stream) == Words{"1 #1"} + numbered(3, last));
}

TEST_CASE("what the history lets go of while a replay asks the filter is told as lost") {
  EventManager manager(history_of(3));
  emit_numbers(manager, 1, 3);
  sse::ConnectionOptions options = asking([&](const Event& event) {
    if (count_of(event.id()) == "1") emit_numbers(manager, 4, 8);
    return count_of(event.id()) != "6";
  });
  options.from_earliest = true;
  EventStream stream = manager.add_connection(options);
  CHECK(lines(stream) == Words{"overflow 5 #1-#5", "7 #7", "8 #8"});
  CHECK(stream.dropped() == 5);
}

TEST_CASE("a connection that comes to want a topic while an event's filters are asked is asked too") {
  EventManager manager;
  int asked = 0;
  sse::ConnectionOptions options = asking([&](const Event&) { return ++asked, true; });
  options.connection_id = "other";
  options.topics = {""};
  EventStream other = manager.add_connection(options);
  EventStream stream = manager.add_connection(asking([&](const Event&) { return manager.subscribe("other", "a"); }));
  CHECK(manager.emit_event("number", 1, on_topic("a")) == 2);
  CHECK(asked == 1);
  CHECK(told(other) == Words{"1"});
  CHECK(told(stream) == Words{"1"});
}

TEST_CASE("what a filter holds is let go of with the connection") {
  const auto held = std::make_shared<int>();
  EventManager manager;
  {
    EventStream stream = manager.add_connection(asking([held](const Event&) { return *held == 0; }));
    manager.emit_event("x", 1);
    CHECK(held.use_count() > 1);
  }
  CHECK(held.use_count() == 1);
}

TEST_CASE("the error event passes a filter as any other") {
  EventManager manager;
  EventStream no = manager.add_connection(asking([](const Event&) { return false; }));
  EventStream yes = manager.add_connection(asking([](const Event& event) { return event.type() == "error"; }));
  CHECK_THROWS(manager.emit_event("x", Broken()));
  CHECK(told(no).empty());
  CHECK(told(yes) == Words{"error"});
}

TEST_CASE("streams with a filter that are added while two threads emit miss no event and are asked about each once") {
  constexpr std::size_t each = 400;
  EventManager manager(history_of(4 * each, 4 * each));
  const std::string before = id_of(manager, 0);
  struct Client {
    std::mutex mutex;
    std::multiset<std::string> asked;  // what the event is, by its data
  };
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<EventStream> streams;
  {
    const auto emit = [&](std::string name) {
      for (std::size_t i = 0; i < each; ++i) manager.emit_event("number", name + std::to_string(i));
    };
    const std::jthread one(emit, "a"), other(emit, "b");
    const auto late = std::chrono::steady_clock::now() + deadline;
    while (clients.size() < 50) {
      REQUIRE(std::chrono::steady_clock::now() < late);
      auto& client = *clients.emplace_back(std::make_unique<Client>());
      sse::ConnectionOptions options = asking([&client](const Event& event) {
        const std::lock_guard lock(client.mutex);
        client.asked.insert(json::parse(event.json())["data"]);
        return true;
      });
      options.last_event_id = before;
      streams.push_back(manager.add_connection(options));
    }
  }
  for (std::size_t i = 0; i < clients.size(); ++i) {
    std::vector<Event> events;
    REQUIRE(streams[i].drain(events, 3 * each) == 2 * each);
    std::multiset<std::string> got;
    for (std::size_t n = 0; n < events.size(); ++n) {
      REQUIRE(count_of(events[n].id()) == std::to_string(n + 1));
      got.insert(json::parse(events[n].json())["data"]);
    }
    REQUIRE(got == clients[i]->asked);
  }
}

}  // namespace
}  // namespace sse_test
