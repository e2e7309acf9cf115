// The promises of EventLog that each engine is held to. `make` makes an object of one log, as another process would
// have it.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "support.hpp"

namespace sse_test {

using MakeLog = std::function<std::unique_ptr<EventLog>()>;

inline void check_read_back(const MakeLog& make) {
  const std::unique_ptr<EventLog> log = make();
  std::vector<LoggedEvent> events(3);
  events[0].type = "price";
  events[0].topic = "EUR/USD";
  events[0].key = "k";
  events[0].data = R"({"type":"price","data":1,"timestamp":"2026-01-01T00:00:00.000Z"})";
  events[1].is_message = true;
  events[1].data = std::string_view("two\nlines\r\n\0 \xff", 15);
  events[1].stamp = 77, events[1].n = 99;  // the log's to give
  events[2].data = "{}";
  log->append(events, 1);

  const Events read = read_all(*log, 0);
  REQUIRE(read.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(read[i].n == i + 1);
    CHECK(read[i].stamp > 1'600'000'000'000);
    CHECK(read[i].is_message == events[i].is_message);
    CHECK(read[i].type == events[i].type);
    CHECK(read[i].topic == events[i].topic);
    CHECK(read[i].key == events[i].key);
    CHECK(read[i].data == events[i].data);
  }
  CHECK(newest(*log, 10) == read);
}

/// `open` gives the newest events, and tells whether it has made the log.
inline void check_open(const MakeLog& make) {
  {
    const std::unique_ptr<EventLog> log = make();
    const LogBegin begin = log->open(10, [](const LoggedEvent&) { FAIL("an event in a new log"); });
    CHECK(begin.created);
    CHECK(begin.tail == 0);
    append_each(*log, 1, 20);
    CHECK_FALSE(log->open(0, [](const LoggedEvent&) { FAIL("an event that nobody asked for"); }).created);
  }
  const std::unique_ptr<EventLog> log = make();
  Events events;
  const LogBegin begin = log->open(3, into(events));
  CHECK_FALSE(begin.created);
  CHECK(begin.tail == 20);
  CHECK(begin.note.empty());
  CHECK(data_of(events) == std::vector<std::string>{"18", "19", "20"});
  CHECK(newest(*log, 100).size() == 20);
  CHECK(read_all(*log, 20).empty());
}

inline void check_same_number(const MakeLog& make) {
  const std::unique_ptr<EventLog> log = make();
  append(*log, 1, {"a", "b"});
  append(*log, 1, {"a", "b"});
  append(*log, 2, {"c"});
  append(*log, 1, {"a", "b"});
  append(*log, 7, {"d"});
  CHECK(data_of(read_all(*log, 0)) == std::vector<std::string>{"a", "b", "c", "d"});
  const std::unique_ptr<EventLog> other = make();  // counts for itself
  append(*other, 1, {"e"});
  CHECK(data_of(read_all(*log, 3)) == std::vector<std::string>{"d", "e"});
}

/// An exception of the taker ends the call, and the event counts as not given. Leaves five events.
inline void check_throwing_taker(const MakeLog& make) {
  const std::unique_ptr<EventLog> log = make();
  append_each(*log, 1, 5);
  int given = 0;
  const auto third_throws = [&](const LoggedEvent&) {
    if (++given == 3) throw std::runtime_error("the taker");
  };
  CHECK_THROWS_WITH(log->read(0, 0ms, third_throws), "the taker");
  CHECK(data_of(read_all(*log, 2)) == std::vector<std::string>{"3", "4", "5"});
  given = 0;
  CHECK_THROWS_WITH(log->open(5, third_throws), "the taker");
  CHECK(newest(*log, 5).size() == 5);
}

/// A read that waits ends with an append, an interrupt or its time.
inline void check_waits(const MakeLog& make) {
  const std::unique_ptr<EventLog> log = make();
  log->open(0, {});
  Events events;
  SECTION("an append") {
    std::promise<void> started;
    auto reading = std::async(std::launch::async, [&] {
      started.set_value();
      return read(*log, 0, events, 60s);
    });
    started.get_future().wait();
    const auto begin = std::chrono::steady_clock::now();
    append(*log, 1, {"a"});
    CHECK(reading.get().lost == 0);
    CHECK(std::chrono::steady_clock::now() - begin < 10s);
    CHECK(data_of(events) == std::vector<std::string>{"a"});
  }
  SECTION("another object's append") {
    auto reading = std::async(std::launch::async, [&] { return read(*log, 0, events, 60s); });
    const std::unique_ptr<EventLog> other = make();
    append(*other, 1, {"a"});
    CHECK(reading.get().lost == 0);
    CHECK(data_of(events) == std::vector<std::string>{"a"});
  }
  SECTION("an interrupt") {
    auto reading = std::async(std::launch::async, [&] { return read(*log, 0, events, 60s); });
    log->interrupt();
    CHECK(reading.get().lost == 0);
    CHECK(events.empty());
  }
  SECTION("an interrupt before it") {
    log->interrupt();
    CHECK(read(*log, 0, events, 60s).lost == 0);
    append(*log, 1, {"a"});  // is not disturbed
    CHECK(read(*log, 0, events, 60s).tail == 1);
  }
  SECTION("its time") {
    CHECK(read(*log, 0, events, 20ms).lost == 0);
    CHECK(events.empty());
  }
}

/// `append_held` tells the place, and what was delivered by it is not given again.
inline void check_held(const MakeLog& make) {
  const std::unique_ptr<EventLog> log = make(), other = make();
  CHECK(log->open(10, [](const LoggedEvent&) {}).tail == 0);
  append_each(*other, 1, 1);
  Events events;
  CHECK(read(*log, 0, events).lost == 0);
  const std::vector<LoggedEvent> batch = {event_of("2"), event_of("3")};

  const std::optional<sse::LogPlace> place = log->append_held(batch, 1);
  REQUIRE(place);
  CHECK(place->n == 2);
  CHECK_FALSE(log->append_held(batch, 1));  // nothing is added
  log->release(true);
  CHECK(read(*log, 3, events).lost == 0);
  CHECK(events.size() == 1);

  REQUIRE(log->append_held(batch, 2));
  log->release(false);
  CHECK(read(*log, 3, events).lost == 0);
  REQUIRE(events.size() == 3);
  CHECK(events.back().n == 5);
  CHECK(newest(*log, 4).front().stamp == place->stamp);

  // While a read waits.
  std::future<LogRead> reads = std::async(std::launch::async, [&] { return read(*log, 5, events, 20s); });
  REQUIRE(log->append_held(batch, 3));
  log->release(true);
  append_each(*other, 2, 2);
  CHECK(reads.get().lost == 0);
  if (events.back().n < 8) CHECK(read(*log, 7, events, 20s).lost == 0);  // it has not begun later
  CHECK(events.back().n == 8);
}

}  // namespace sse_test
