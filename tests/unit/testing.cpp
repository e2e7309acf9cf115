// The test kit without a socket: what a service's own tests do with it, and how it fails.

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <sse/sse.hpp>
#include <sse/testing.hpp>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using sse::testing::take, sse::testing::take_all, sse::testing::ManualClock;
using sse::testing::Timeout, sse::testing::Ended;

std::vector<std::string> types(const std::vector<sse::Event>& events) {
  std::vector<std::string> types;
  for (const sse::Event& event : events) types.push_back(json::parse(event.json())["type"]);
  return types;
}
using Types = std::vector<std::string>;

template <class Failure, class Function>
std::string failure(Function&& function) {
  try {
    function();
  } catch (const Failure& error) {
    return error.what();
  }
  return "it did not fail";
}

TEST_CASE("a manual clock stands still, and its copies go on together") {
  const ManualClock::time_point start(1'700'000'000s);
  ManualClock clock(start);
  const ManualClock copy = clock;
  CHECK(copy() == start);
  clock.advance(90s);
  CHECK(copy.now() == start + 90s);
  clock.advance(-30s);
  CHECK(copy() == start + 60s);
  clock.set(start);
  CHECK(copy() == start);
  std::thread other([clock]() mutable {
    for (int i = 0; i < 1000; ++i) clock.advance(1ms);
  });
  for (int i = 0; i < 1000; ++i) clock.advance(1ms);
  other.join();
  CHECK(copy() == start + 2s);
}

TEST_CASE("with a manual clock timestamps are what the test says") {
  ManualClock clock;
  sse::Options options;
  options.clock = clock;
  sse::EventManager events(options);
  sse::EventStream stream = events.add_connection();
  clock.advance(1500ms);
  events.emit_event("tick", 1);
  const auto told = take(stream, 2);
  CHECK(told[0].json().ends_with("\"timestamp\":1000000000.000000}"));
  CHECK(told[1].json() == R"({"type":"tick","data":1,"timestamp":1000000001.500000})");
}

TEST_CASE("with a manual clock a token's end needs no waiting") {
  ManualClock clock;
  sse::Options options;
  options.clock = clock;
  sse::EventManager events(options);
  sse::ConnectionOptions connection;
  connection.expires_at = clock() + 1h;
  sse::EventStream stream = events.add_connection(connection);
  clock.advance(59min);
  events.emit_event("tick", 1);
  CHECK(types(take(stream, 2)) == Types{"connection", "tick"});
  CHECK_FALSE(stream.done());
  clock.advance(1min);
  CHECK(types(take_all(stream)) == Types{"disconnect"});
  CHECK(events.stats().ended[sse::EndReason::expired] == 1);
}

TEST_CASE("take waits for events of other threads, and reads no more than it is asked for") {
  sse::EventManager events(10'000);
  sse::EventStream stream = events.add_connection();
  std::thread emitter([&] {
    for (int i = 0; i < 2000; ++i) events.emit_event("n", i);
    events.disconnect_all("all told");
  });
  CHECK(types(take(stream, 1)) == Types{"connection"});
  int next = 0;
  for (const std::size_t count : {1u, 9u, 990u})
    for (const sse::Event& event : take(stream, count)) CHECK(json::parse(event.json())["data"] == next++);
  const auto rest = take_all(stream);
  emitter.join();
  REQUIRE(rest.size() == 1001);
  CHECK(json::parse(rest[0].json())["data"] == 1000);
  CHECK(json::parse(rest[1000].json())["message"] == "all told");
  CHECK(take_all(stream).empty());
}

TEST_CASE("a wait that is in vain fails with what came, and harms no later one") {
  sse::EventManager events;
  sse::EventStream stream = events.add_connection();
  events.emit_event("order", {{"number", 7}});
  const std::string why = failure<Timeout>([&] { take(stream, 3, 30ms); });
  CHECK(why.starts_with(R"(sse::testing: the stream gave within 30 ms 2 of 3 events: {"type":"connection",)"));
  CHECK(why.find(R"(, {"type":"order","data":{"number":7},)") != why.npos);
  CHECK(failure<sse::Error>([&] { take_all(stream, 1ms); }) ==
        "sse::testing: the stream did not end within 1 ms, and gave 0 events");
  CHECK(failure<Timeout>([&] { take(stream, 1, 0ms); }).ends_with("within 0 ms 0 of 1 events"));
  events.emit_event("order", 8);
  CHECK(types(take(stream, 1)) == Types{"order"});
  CHECK(take(stream, 0).empty());
  events.disconnect_all();
  CHECK(failure<Ended>([&] {
          take(stream, 2);
        }).starts_with(R"(sse::testing: the stream ended after 1 of 2 events: {"type":"disconnect",)"));
}

TEST_CASE("what a failure shows of events is short, and on one line") {
  sse::EventManager events;
  sse::ConnectionOptions quiet;
  quiet.announce = false;
  sse::EventStream stream = events.add_connection(quiet);
  std::string text = "one\ntwo\n";
  text.append(1000, 'x');
  for (int i = 0; i < 20; ++i) events.emit_message("", text);
  const std::string why = failure<Timeout>([&] { take(stream, 21, 1ms); });
  CHECK(why.size() < 1200);
  CHECK(why.ends_with(", …"));
  CHECK(why.find('\n') == why.npos);
}

TEST_CASE("take says so where the service already waits on its stream") {
  sse::EventManager events;
  sse::EventStream stream = events.add_connection();
  sse::asio::io_context io;
  take(stream, 1);
  stream.async_wait(sse::asio::bind_executor(io.get_executor(), [](sse::error_code) {}));
  try {
    take(stream, 1);
    FAIL("a second wait was let in");
  } catch (const sse::system_error& error) {
    CHECK(error.code() == sse::asio::error::already_started);
  }
}

TEST_CASE("an observer log is waited for") {
  sse::EventManager events(2);
  const sse::testing::ObserverLog log;
  events.set_observer(log.observer());
  sse::EventStream stream = events.add_connection("tab-1");
  CHECK(log.added(1).at(0).connection_id == "tab-1");
  CHECK(failure<Timeout>([&] { log.removed(1, 1ms); }) ==
        "sse::testing: there were within 1 ms 0 of 1 removed connections");
  for (int i = 0; i < 5; ++i) events.emit_event("n", i);
  CHECK(types(take(stream, 4)) == Types{"connection", "overflow", "n", "n"});
  const auto losses = log.losses(1);
  REQUIRE(losses.size() == 1);
  CHECK(losses[0].lost.count == 3);
  CHECK(losses[0].row.connection_id == "tab-1");
  std::thread other([&] { events.disconnect_all("bye"); });
  const auto removed = log.removed(1);
  other.join();
  REQUIRE(removed.size() == 1);
  CHECK(removed[0].reason == "bye");
  CHECK(removed[0].row.ended == sse::EndReason::disconnected);
}

}  // namespace
