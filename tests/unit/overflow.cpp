#include "support.hpp"

namespace sse_test {
namespace {

sse::ConnectionOptions with(sse::OverflowPolicy policy, std::size_t queue) {
  sse::ConnectionOptions options;
  options.overflow_policy = policy;
  options.max_queue_size = queue;
  options.announce = false;
  return options;
}

sse::EmitOptions keyed(std::string key) {
  sse::EmitOptions options;
  options.key = std::move(key);
  return options;
}

/// The data of an event whose frame has `size` bytes.
std::string data_for(std::size_t size) {
  EventManager manager;
  EventStream stream = add_quiet(manager);
  manager.emit_event("x", "");
  return std::string(size - stream.try_next().value().frame().size(), 'a');
}

TEST_CASE("drop_oldest, the default, keeps the newest, keys or not") {
  EventManager manager(3);
  EventStream stream = add_quiet(manager);
  for (int i = 1; i <= 5; ++i) CHECK(manager.emit_event("number", i, keyed("k")) == 1);
  CHECK(told(stream) == Words{"overflow 2"} + numbers(3, 5));
}

TEST_CASE("disconnect: a full queue is delivered, then a disconnect that says why") {
  EventManager manager(100);
  Words removed;
  sse::Observer observer;
  observer.connection_removed = [&](const sse::ConnectionRow& row, std::string_view reason) {
    removed.push_back(row.connection_id + " " + std::to_string(row.queued) + " " + std::string(reason));
    manager.get_connection_info();  // no lock is held
  };
  observer.overflow = [](const sse::ConnectionRow&) { FAIL("nothing is lost"); };
  manager.set_observer(observer);
  sse::ConnectionOptions options = with(sse::OverflowPolicy::disconnect, 3);
  options.connection_id = "slow";
  options.announce = true;
  EventStream stream = manager.add_connection(options), other = add_quiet(manager);
  for (int i = 1; i <= 3; ++i) CHECK(manager.emit_event("number", i) == 2);
  CHECK(removed.empty());
  CHECK(manager.emit_event("number", 4) == 1);
  CHECK(manager.get_connection_info().connection_ids == Words{other.connection_id()});
  CHECK(manager.emit_event("number", 5) == 1);
  const Words words = told(stream);
  REQUIRE(words.size() == 5);
  CHECK(Words(words.begin(), words.end() - 1) == Words{"connection", "1", "2", "3"});
  CHECK(words.back().starts_with("disconnect "));
  CHECK(words.back().find("too slowly") != std::string::npos);
  REQUIRE(removed.size() == 1);
  CHECK(removed[0] == "slow 3 " + words.back().substr(std::string("disconnect ").size()));
  CHECK(stream.done());
  CHECK(stream.dropped() == 0);
  CHECK(told(other) == numbers(1, 5));
}

TEST_CASE("disconnect: send_event meets a full queue too, and a pending wait ends") {
  EventManager manager;
  sse::ConnectionOptions options = with(sse::OverflowPolicy::disconnect, 1);
  options.connection_id = "slow";
  EventStream stream = manager.add_connection(options);
  CHECK(manager.send_event("slow", "x", 1));
  manager.send_event("slow", "x", 2);
  CHECK(manager.get_connection_count() == 0);
  CHECK_FALSE(manager.send_event("slow", "x", 3));
  CHECK(told(stream) == Words{"1"});
  CHECK(stream.done());
}

TEST_CASE("disconnect: with a history the client resumes and has all") {
  EventManager manager(history_of(100));
  std::string last = id_of(manager, 0);
  Words kept;
  int emitted = 0, cuts = 0;
  while (kept.size() < 50 && ++cuts < 100) {
    sse::ConnectionOptions options = with(sse::OverflowPolicy::disconnect, 2);
    options.last_event_id = last;
    EventStream stream = manager.add_connection(options);
    for (int more = 0; more < 7 && emitted < 50; ++more) manager.emit_event("number", ++emitted);
    while (const auto event = stream.try_next()) {
      last = event->id();
      kept.push_back(line(*event));
    }
    CHECK(stream.done() == (manager.get_connection_count() == 0));
  }
  CHECK(kept == numbered(1, 50));
  CHECK(cuts > 5);
}

TEST_CASE("disconnect: many of a shard end in one emit, and all others get the event") {
  EventManager manager;
  std::vector<EventStream> slow, fast;
  for (int i = 0; i < 100; ++i) {
    slow.push_back(manager.add_connection(with(sse::OverflowPolicy::disconnect, 1)));
    fast.push_back(add_quiet(manager));
  }
  CHECK(manager.emit_event("number", 1) == 200);
  CHECK(manager.emit_event("number", 2) == 100);
  CHECK(manager.get_connection_count() == 100);
  for (EventStream& stream : slow) CHECK(told(stream) == numbers(1, 1));
  for (EventStream& stream : fast) CHECK(told(stream) == numbers(1, 2));
}

TEST_CASE("keep_newest: a full queue keeps the newest of each key, in order, and counts the rest") {
  EventManager manager(history_of(100));
  EventStream stream = manager.add_connection(with(sse::OverflowPolicy::keep_newest, 4));
  manager.emit_event("quote", 1, keyed("a"));
  manager.emit_event("quote", 2, keyed("b"));
  manager.emit_event("quote", 3, keyed("a"));
  manager.emit_event("plain", 4);
  CHECK(stream.dropped() == 0);
  manager.emit_event("quote", 5, keyed("b"));  // the 1 has a newer one, and now the 2
  CHECK(stream.dropped() == 2);
  CHECK(lines(stream) == Words{"overflow 2 #1-#2", "3 #3", "4 #4", "5 #5"});
  for (int i = 6; i <= 1000; ++i) manager.emit_event("quote", i, keyed(std::string(1, "abc"[i % 3])));
  CHECK(lines(stream) == Words{"overflow 992 #6-#997", "998 #998", "999 #999", "1000 #1000"});
  CHECK(stream.dropped() == 994);
}

TEST_CASE("keep_newest: while the queue has room every event stays") {
  EventManager manager;
  EventStream stream = manager.add_connection(with(sse::OverflowPolicy::keep_newest, 5));
  for (int i = 1; i <= 5; ++i) manager.emit_event("quote", i, keyed("a"));
  CHECK(told(stream) == numbers(1, 5));
  for (int i = 1; i <= 20; ++i) manager.emit_event("quote", i, keyed("a"));
  const Words words = told(stream);
  CHECK(words.back() == "20");
  CHECK(stream.dropped() + words.size() - 1 == 20);
}

TEST_CASE("keep_newest: without a newer one of its key the oldest goes, and events without a key are no key") {
  EventManager manager;
  EventStream stream = manager.add_connection(with(sse::OverflowPolicy::keep_newest, 3));
  emit_numbers(manager, 1, 5);
  CHECK(told(stream) == Words{"overflow 2"} + numbers(3, 5));
  for (int i = 1; i <= 5; ++i) manager.emit_event("quote", i, keyed(std::to_string(i)));
  CHECK(told(stream) == Words{"overflow 2"} + numbers(3, 5));
  manager.emit_event("quote", 1, keyed("a"));
  emit_numbers(manager, 2, 4);
  manager.emit_event("quote", 5, keyed("a"));  // the queue no longer has an `a`
  CHECK(told(stream) == Words{"overflow 2"} + numbers(3, 5));
  CHECK(stream.dropped() == 6);
}

TEST_CASE("keep_newest: a key is any bytes, and the newest that was read is not newer any more") {
  EventManager manager;
  EventStream stream = manager.add_connection(with(sse::OverflowPolicy::keep_newest, 3));
  const Words keys{std::string("k\0", 2), "k", std::string(100'000, 'k')};
  for (int round = 0; round < 3; ++round)
    for (int i = 0; i < 3; ++i) manager.emit_event("quote", round * 3 + i, keyed(keys[static_cast<std::size_t>(i)]));
  CHECK(told(stream) == Words{"overflow 6", "6", "7", "8"});
  manager.emit_event("quote", 1, keyed("k"));
  manager.emit_event("quote", 2, keyed("k"));
  CHECK(word(stream.try_next().value()) == "1");
  CHECK(word(stream.try_next().value()) == "2");
  for (int i = 3; i <= 5; ++i) manager.emit_event("quote", i, keyed(std::to_string(i)));
  CHECK(told(stream) == numbers(3, 5));
}

TEST_CASE("keep_newest: the event before which a loss is told is safe, and ids stay increasing") {
  EventManager manager(history_of(100));
  EventStream stream = manager.add_connection(with(sse::OverflowPolicy::keep_newest, 2));
  for (int i = 1; i <= 4; ++i) manager.emit_event("quote", i, keyed(i % 2 == 0 ? "a" : "b"));
  CHECK(line(stream.try_next().value()) == "overflow 2 #1-#2");
  for (int i = 5; i <= 8; ++i) manager.emit_event("quote", i, keyed(i % 2 == 0 ? "a" : "b"));
  CHECK(lines(stream) == Words{"3 #3", "overflow 3 #4-#6", "7 #7", "8 #8"});
}

TEST_CASE("keep_newest: a loss that was not the oldest counts into the same notice, from the first id to the last") {
  EventManager manager(history_of(100));
  EventStream stream = manager.add_connection(with(sse::OverflowPolicy::keep_newest, 2));
  manager.emit_event("plain", 1);
  manager.emit_event("quote", 2, keyed("a"));
  manager.emit_event("quote", 3, keyed("a"));
  manager.emit_event("plain", 4);
  CHECK(lines(stream) == Words{"overflow 2 #1-#2", "3 #3", "4 #4"});
}

TEST_CASE("a queue is bounded in bytes, by the manager or for one connection, and counts exactly what is lost") {
  sse::Options settings;
  settings.max_queue_bytes = 1000;
  EventManager manager(settings);
  sse::ConnectionOptions options;
  options.announce = false;
  EventStream thousand = manager.add_connection(options);
  options.max_queue_bytes = 999;
  EventStream less = manager.add_connection(options);
  options.max_queue_bytes = 0;
  EventStream any = manager.add_connection(options);
  const std::string data = data_for(250);
  for (int i = 0; i < 4; ++i) CHECK(manager.emit_event("x", data) == 3);
  CHECK(thousand.dropped() == 0);
  CHECK(less.dropped() == 1);
  for (int i = 0; i < 40; ++i) manager.emit_event("x", data);
  CHECK(told(thousand) == Words{"overflow 40"} + Words(4, json(data).dump()));
  CHECK(told(less) == Words{"overflow 41"} + Words(3, json(data).dump()));
  CHECK(any.dropped() == 0);
  CHECK(told(any).size() == 44);
  for (int i = 0; i < 4; ++i) manager.emit_event("x", data);  // what was read is not counted any more
  CHECK(told(thousand).size() == 4);
}

TEST_CASE("one event that is larger than the bound in bytes still arrives, alone") {
  sse::Options settings;
  settings.max_queue_bytes = 500;
  EventManager manager(settings);
  EventStream stream = add_quiet(manager);
  emit_numbers(manager, 1, 3);
  manager.emit_event("x", std::string(5000, 'a'));
  CHECK(told(stream) == Words{"overflow 3", '"' + std::string(5000, 'a') + '"'});
  manager.emit_event("x", std::string(5000, 'a'));
  emit_numbers(manager, 4, 5);
  CHECK(told(stream) == Words{"overflow 1", "4", "5"});
}

TEST_CASE("the bound in bytes holds for every policy") {
  EventManager manager;
  sse::ConnectionOptions options = with(sse::OverflowPolicy::disconnect, 100);
  options.max_queue_bytes = 500;
  EventStream ends = manager.add_connection(options);
  options.overflow_policy = sse::OverflowPolicy::keep_newest;
  EventStream newest = manager.add_connection(options);
  const std::string data = data_for(250);
  for (const char* key : {"a", "b", "a"}) manager.emit_event("x", data, keyed(key));
  CHECK(ends.dropped() == 0);
  CHECK(told(ends).size() == 2);
  CHECK(ends.done());
  CHECK(told(newest) == Words{"overflow 1"} + Words(2, json(data).dump()));
  for (int i = 0; i < 5; ++i) manager.emit_event("x", data, keyed("a"));
  CHECK(told(newest) == Words{"overflow 4", json(data).dump()});
}

TEST_CASE("the bound in bytes and a replay: what is replayed is not counted") {
  sse::Options settings = history_of(100);
  settings.max_queue_bytes = 1;
  EventManager manager(settings);
  emit_numbers(manager, 1, 20);
  EventStream stream = manager.add_connection(after(id_of(manager, 0)));
  emit_numbers(manager, 21, 23);
  CHECK(lines(stream) == Words{"connection #0"} + numbered(1, 20) + Words{"overflow 2 #21-#22", "23 #23"});
}

}  // namespace
}  // namespace sse_test
