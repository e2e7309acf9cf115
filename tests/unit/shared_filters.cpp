#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "support.hpp"

// Filters that many connections share: sse::SharedFilter.

namespace sse_test {
namespace {

using sse::SharedFilter;

sse::ConnectionOptions sharing(const SharedFilter& filter) {
  sse::ConnectionOptions options;
  options.filter = filter;
  options.announce = false;
  return options;
}

bool takes_even(const Event& event) {
  return json::parse(event.json())["data"].get<int>() % 2 == 0;
}

/// More than the shards of a manager, so that some share a backlog and some do not.
constexpr std::size_t crowd_size = 50;

TEST_CASE("a shared filter is asked once for an event, whatever its connections are like") {
  EventManager manager;
  Words asked;
  const SharedFilter filter([&](const Event& event) {
    asked.push_back(word(event));
    return takes_even(event);
  });
  const SharedFilter copy = filter;
  std::vector<EventStream> streams, other_topic;
  for (std::size_t i = 0; i < crowd_size; ++i) {
    streams.push_back(manager.add_connection(sharing(filter)));
    sse::ConnectionOptions options = sharing(copy);
    options.topics = {"a", "b"};
    streams.push_back(manager.add_connection(options));
    options.topics = {"topic of " + std::to_string(i), "a"};
    streams.push_back(manager.add_connection(options));
    options = sharing(filter);
    options.overflow_policy = sse::OverflowPolicy::keep_newest;
    streams.push_back(manager.add_connection(options));
    options = sharing(filter);
    options.max_queue_bytes = 10'000;
    options.max_queue_size = 20;
    streams.push_back(manager.add_connection(options));
    options = sharing(filter);
    options.topics = {"c"};
    other_topic.push_back(manager.add_connection(options));
  }
  EventStream all = add_quiet(manager);
  for (int i = 1; i <= 6; ++i)
    CHECK(manager.emit_event("number", i, on_topic("a")) == (i % 2 == 0 ? streams.size() + 1 : 1));
  CHECK(asked == numbers(1, 6));
  for (EventStream& stream : streams) REQUIRE(told(stream) == Words{"2", "4", "6"});
  CHECK(told(all) == numbers(1, 6));
  CHECK(manager.emit_event("number", 8) == streams.size() + other_topic.size() + 1);
  CHECK(asked == numbers(1, 6) + Words{"8"});
  for (EventStream& stream : other_topic) REQUIRE(told(stream) == Words{"8"});
}

TEST_CASE("a shared filter is not asked about a topic that none of its connections wants") {
  EventManager manager;
  int asked = 0;
  const SharedFilter filter([&](const Event&) { return ++asked, true; });
  std::vector<EventStream> streams;
  sse::ConnectionOptions options = sharing(filter);
  for (std::size_t i = 0; i < crowd_size; ++i) {
    options.topics = {"a"};
    options.connection_id = std::to_string(i);
    streams.push_back(manager.add_connection(options));
  }
  EventStream all = add_quiet(manager);
  CHECK(manager.emit_event("number", 1, on_topic("b")) == 1);
  CHECK(asked == 0);
  for (std::size_t i = 0; i < crowd_size; i += 2) REQUIRE(manager.subscribe(std::to_string(i), "b"));
  CHECK(manager.emit_event("number", 2, on_topic("b")) == crowd_size / 2 + 1);
  CHECK(asked == 1);
  for (std::size_t i = 0; i < crowd_size; ++i) REQUIRE(told(streams[i]) == (i % 2 == 0 ? Words{"2"} : Words{}));
  for (std::size_t i = 0; i < crowd_size; ++i) REQUIRE(manager.unsubscribe(std::to_string(i), "a"));
  CHECK(manager.emit_event("number", 3, on_topic("a")) == 1);
  CHECK(asked == 1);
}

TEST_CASE("two shared filters of one function are two filters, and so is the filter of another manager") {
  EventManager manager, other;
  int asked = 0;
  const auto function = [&](const Event&) { return ++asked, true; };
  const SharedFilter one(function), two(function);
  EventStream first = manager.add_connection(sharing(one)), second = manager.add_connection(sharing(two));
  EventStream third = other.add_connection(sharing(one));
  CHECK(manager.emit_event("number", 1) == 2);
  CHECK(asked == 2);
  CHECK(other.emit_event("number", 1) == 1);
  CHECK(asked == 3);
}

TEST_CASE("a shared filter that throws refuses, and an empty one, too") {
  EventManager manager;
  const SharedFilter throws([](const Event&) -> bool { throw 1; });
  const SharedFilter empty(std::function<bool(const Event&)>{});
  std::vector<EventStream> streams;
  for (std::size_t i = 0; i < crowd_size; ++i) {
    streams.push_back(manager.add_connection(sharing(throws)));
    streams.push_back(manager.add_connection(sharing(empty)));
  }
  EventStream other = add_quiet(manager);
  CHECK(manager.emit_event("number", 1) == 1);
  for (EventStream& stream : streams) REQUIRE(told(stream).empty());
  CHECK(told(other) == Words{"1"});
}

TEST_CASE("what is lost behind a shared filter is counted exactly, and has its ids") {
  EventManager manager(history_of(100, 3));
  const SharedFilter filter(takes_even);
  std::vector<EventStream> streams;
  for (std::size_t i = 0; i < crowd_size; ++i) streams.push_back(manager.add_connection(sharing(filter)));
  emit_numbers(manager, 1, 20);
  for (std::size_t i = 0; i < crowd_size; i += 2)
    REQUIRE(lines(streams[i]) == Words{"overflow 7 #2-#14", "16 #16", "18 #18", "20 #20"});
  emit_numbers(manager, 21, 24);
  for (std::size_t i = 0; i < crowd_size; ++i) {
    REQUIRE(lines(streams[i]) ==
            (i % 2 == 0 ? Words{"22 #22", "24 #24"} : Words{"overflow 9 #2-#18", "20 #20", "22 #22", "24 #24"}));
    REQUIRE(streams[i].dropped() == (i % 2 == 0 ? 7u : 9u));
  }
}

TEST_CASE("a replay asks a shared filter for each connection, and goes on without a gap or a double") {
  EventManager manager(history_of(100));
  emit_numbers(manager, 1, 10);
  std::map<std::string, int> asked;
  const SharedFilter filter([&](const Event& event) {
    ++asked[word(event)];
    return takes_even(event);
  });
  std::vector<EventStream> streams;
  for (std::size_t i = 0; i < crowd_size; ++i) {
    sse::ConnectionOptions options = sharing(filter);
    options.last_event_id = id_of(manager, 4);
    if (i % 3 == 0) options.topics = {"a"};
    streams.push_back(manager.add_connection(options));
    if (i % 2 == 0) REQUIRE(lines(streams.back()) == Words{"6 #6", "8 #8", "10 #10"});
  }
  for (int i = 11; i <= 14; ++i) manager.emit_event("number", i, on_topic("a"));
  for (std::size_t i = 0; i < crowd_size; ++i)
    REQUIRE(lines(streams[i]) == (i % 2 == 0 ? Words{} : Words{"6 #6", "8 #8", "10 #10"}) + Words{"12 #12", "14 #14"});
  CHECK(asked["4"] == 0);
  CHECK(asked["5"] == static_cast<int>(crowd_size));
  CHECK(asked["11"] == 1);
}

TEST_CASE("a connection with a shared filter that gets an event of its own keeps its order and its filter") {
  EventManager manager(history_of(100));
  const SharedFilter filter(takes_even);
  std::vector<EventStream> streams;
  sse::ConnectionOptions options = sharing(filter);
  for (std::size_t i = 0; i < crowd_size; ++i) {
    options.connection_id = std::to_string(i);
    streams.push_back(manager.add_connection(options));
  }
  for (int round = 0; round < 3; ++round) {
    emit_numbers(manager, 1, 4);
    REQUIRE(manager.send_event("7", "number", 5));
    emit_numbers(manager, 6, 8);
    CHECK(told(streams[7]) == Words{"2", "4", "5", "6", "8"});
    CHECK(told(streams[8]) == Words{"2", "4", "6", "8"});
  }
  REQUIRE(manager.disconnect("7", "bye"));
  emit_numbers(manager, 10, 10);
  CHECK(streams[7].done());
  CHECK(told(streams[8]) == Words{"10"});
}

TEST_CASE("the readers of a shared filter see the same copy of an event, and what the filter keeps does not change") {
  EventManager manager(history_of(10));
  Event kept;
  const SharedFilter filter([&](const Event& event) {
    kept = event;
    return true;
  });
  std::vector<EventStream> streams;
  for (std::size_t i = 0; i < crowd_size; ++i) streams.push_back(manager.add_connection(sharing(filter)));
  manager.emit_event("number", 1);
  CHECK(kept.id().empty());
  CHECK(line(kept) == "1");
  const Event first = streams[0].try_next().value();
  for (std::size_t i = 1; i < crowd_size; ++i) {
    const Event event = streams[i].try_next().value();
    REQUIRE(line(event) == "1 #1");
    REQUIRE(event.frame().data() == first.frame().data());
  }
}

TEST_CASE("a shared filter may use the manager, and end its connections") {
  EventManager manager(history_of(10));
  std::vector<EventStream> streams;
  sse::ConnectionOptions options;
  const SharedFilter filter([&](const Event& event) {
    if (event.type() != "number") return true;
    manager.emit_event("inner", manager.get_connection_count(), transient());
    manager.disconnect("0", "enough");
    manager.subscribe("1", "b");
    streams.push_back(manager.add_connection(sharing(*options.filter.target<SharedFilter>())));
    return true;
  });
  options = sharing(filter);
  options.topics = {"a"};
  for (std::size_t i = 0; i < crowd_size; ++i) {
    options.connection_id = std::to_string(i);
    streams.push_back(manager.add_connection(options));
  }
  CHECK(manager.emit_event("number", 1) == crowd_size);
  CHECK(streams.size() == crowd_size + 1);
  CHECK(lines(streams[0]) == Words{std::to_string(crowd_size)});
  CHECK(streams[0].done());
  for (std::size_t i = 1; i < crowd_size; ++i) REQUIRE(lines(streams[i]) == Words{std::to_string(crowd_size), "1 #1"});
  CHECK(lines(streams[crowd_size]) == Words{"1 #1"});
  CHECK(manager.emit_event("x", 1, on_topic("b")) == 2);
}

TEST_CASE("a shared filter is let go of with its last connection, and no lock is held then") {
  EventManager manager;
  /// Would never return with the lock of a shard held.
  struct Locks {
    explicit Locks(EventManager& its_manager) : manager(&its_manager) {}
    ~Locks() {
      for (std::size_t i = 0; i < crowd_size; ++i) manager->emit_event("gone", 1);
    }
    EventManager* manager;
  };
  auto held = std::make_shared<Locks>(manager);
  const std::weak_ptr<Locks> seen = held;
  std::vector<EventStream> streams;
  {
    const SharedFilter filter([held](const Event&) { return held != nullptr; });
    for (std::size_t i = 0; i < crowd_size; ++i) {
      sse::ConnectionOptions options = sharing(filter);
      options.connection_id = std::to_string(i);
      if (i % 2 == 0) options.topics = {"a"};
      if (i % 5 == 0) options.overflow_policy = sse::OverflowPolicy::keep_newest;
      streams.push_back(manager.add_connection(options));
    }
  }
  held.reset();
  manager.emit_event("number", 1);
  for (std::size_t i = 0; i < crowd_size; i += 3) manager.send_event(std::to_string(i), "number", 2);
  SECTION("the streams are destroyed") {
    while (streams.size() > 1) streams.pop_back();
    CHECK(!seen.expired());
    streams.pop_back();
  }
  SECTION("the manager ends them first") {
    manager.disconnect_all();
    for (EventStream& stream : streams) told(stream);
    streams.clear();
  }
  CHECK(seen.expired());
  CHECK(manager.emit_event("number", 1) == 0);
}

TEST_CASE("a filter of its own is found while other connections leave, in the middle of an event") {
  EventManager manager;
  std::vector<EventStream> streams;
  int asked = 0;
  for (int i = 0; i < 400; ++i) {
    sse::ConnectionOptions options;
    options.announce = false;
    options.connection_id = std::to_string(i);
    options.filter = [&manager, &asked, i](const Event&) {
      ++asked;
      if (i % 2 == 1) manager.disconnect(std::to_string(i - 1));
      return i % 4 != 1;
    };
    streams.push_back(manager.add_connection(options));
  }
  CHECK(manager.emit_event("number", 1) == 100);
  CHECK(asked == 400);
  for (std::size_t i = 0; i < 400; ++i) REQUIRE(told(streams[i]) == (i % 4 == 3 ? Words{"1"} : Words{}));
  CHECK(manager.emit_event("number", 2) == 100);
  CHECK(asked == 600);
}

TEST_CASE("streams with a shared filter that come and go while two threads emit miss no event") {
  constexpr std::size_t each = 300;
  EventManager manager(history_of(4 * each, 4 * each));
  const std::string before = id_of(manager, 0);
  std::mutex mutex;
  std::map<std::string, int> asked;  // about live events, by their data
  const SharedFilter filter([&](const Event& event) {
    if (event.id().empty()) {
      const std::lock_guard lock(mutex);
      ++asked[word(event)];
    }
    return true;
  });
  std::vector<EventStream> streams;
  streams.push_back(manager.add_connection(sharing(filter)));
  {
    const auto emit = [&](std::string name) {
      for (std::size_t i = 0; i < each; ++i) manager.emit_event("number", name + std::to_string(i));
    };
    const std::jthread one(emit, "a"), other(emit, "b");
    while (streams.size() < crowd_size) {
      sse::ConnectionOptions options = sharing(filter);
      options.last_event_id = before;
      streams.push_back(manager.add_connection(options));
      static_cast<void>(manager.add_connection(sharing(filter)));
    }
  }
  CHECK(asked.size() == 2 * each);
  for (const auto& [event, times] : asked) REQUIRE(times == 1);
  for (EventStream& stream : streams) {
    std::vector<Event> events;
    REQUIRE(stream.drain(events, 3 * each) == 2 * each);
    for (std::size_t n = 0; n < events.size(); ++n) REQUIRE(count_of(events[n].id()) == std::to_string(n + 1));
  }
}

}  // namespace
}  // namespace sse_test
