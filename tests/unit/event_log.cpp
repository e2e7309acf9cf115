// Options::log on the MemoryLog: each promise that holds for every engine.

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <sse/metrics.hpp>
#include <sse/sse.hpp>
#include <sse/testing.hpp>

#include "support.hpp"

namespace {

using sse::ConnectionOptions;
using sse::EmitOptions;
using sse::Event;
using sse::EventManager;
using sse::EventStream;
using sse::LogState;
using sse::Options;
using sse::testing::MemoryLog;
using sse::testing::ObserverLog;
using sse::testing::take;
using std::chrono::milliseconds;

Options with_log(std::shared_ptr<sse::EventLog> log, std::size_t history_size = 100) {
  Options options;
  options.history_size = history_size;
  options.log = std::move(log);
  return options;
}

EventStream resume(EventManager& events, std::string_view last_event_id) {
  ConnectionOptions options;
  options.last_event_id = std::string(last_event_id);
  return events.add_connection(std::move(options));
}

int number_of(const Event& event) {
  const nlohmann::json json = nlohmann::json::parse(event.json());
  return json.contains("data") && json["data"].is_number() ? json["data"].get<int>() : -1;
}

std::vector<int> numbers(const std::vector<Event>& events) {
  std::vector<int> all;
  for (const Event& event : events) all.push_back(number_of(event));
  return all;
}

std::vector<int> from_to(int first, int last) {
  std::vector<int> all;
  for (int i = first; i <= last; ++i) all.push_back(i);
  return all;
}

void emit(EventManager& events, int first, int last) {
  for (int i = first; i <= last; ++i) events.emit_event("n", i);
}

nlohmann::json json_of(const Event& event) {
  return nlohmann::json::parse(event.json());
}

std::string first_id(const Event& connection) {
  return std::string(connection.id());
}

void wait_until_ready(EventManager& events) {
  ObserverLog observer;
  events.set_observer(observer.observer());
  observer.log_state(LogState::ready);
}

/// Waits until all that was emitted so far is in the log and delivered.
std::size_t flush(EventManager& events, milliseconds timeout = std::chrono::seconds(20)) {
  asio::io_context io(1);
  std::size_t left = 0;
  asio::co_spawn(
      io, [&]() -> asio::awaitable<void> { left = co_await events.flush(timeout); }, asio::detached);
  io.run();
  return left;
}

}  // namespace

TEST_CASE("a log needs a history") {
  CHECK_THROWS_AS(EventManager(with_log(std::make_shared<MemoryLog>(), 0)), sse::Error);
}

TEST_CASE("an event is delivered out of the log, with the log's id, as it was emitted") {
  const auto log = std::make_shared<MemoryLog>();
  EventManager events(with_log(log));
  EventStream stream = events.add_connection();
  CHECK(take(stream, 1)[0].type() == "connection");
  EmitOptions settings;
  settings.topic = "t";
  settings.key = "k";
  CHECK(events.emit_event("greeting", {{"a", 1}}, settings) == 1);
  CHECK(events.emit_message("raw", "two\nlines") == 1);
  const std::vector<Event> got = take(stream, 2);
  CHECK(log->count() == 2);
  CHECK(got[0].type() == "greeting");
  CHECK(got[0].topic() == "t");
  CHECK(got[0].key() == "k");
  CHECK(json_of(got[0])["data"]["a"] == 1);
  CHECK(got[0].id().ends_with("-1"));
  CHECK(got[0].frame().find("id: " + std::string(got[0].id()) + "\n") == 0);
  CHECK(got[1].json() == "two\nlines");
  CHECK(got[1].frame().find("event: raw\ndata: two\ndata: lines\n\n") != std::string_view::npos);
  CHECK(flush(events) == 0);
  CHECK(events.stats().log.appended == 2);
  CHECK(events.stats().log.state == LogState::ready);
}

TEST_CASE("the managers of one log deliver the same events with the same ids in the same order") {
  const auto log = std::make_shared<MemoryLog>();
  EventManager a(with_log(log, 2'000)), b(with_log(log->node(), 2'000)), c(with_log(log->node(), 2'000));
  for (EventManager* events : {&a, &b, &c}) wait_until_ready(*events);
  std::vector<EventStream> streams;
  ConnectionOptions large;
  large.max_queue_size = 2'000;
  large.announce = false;
  for (EventManager* events : {&a, &b, &c}) streams.push_back(events->add_connection(large));
  std::vector<std::thread> threads;
  for (EventManager* events : {&a, &b, &c}) threads.emplace_back([events] { emit(*events, 1, 300); });
  for (std::thread& thread : threads) thread.join();
  std::vector<std::string> ids;
  for (EventStream& stream : streams) {
    std::string all;
    for (const Event& event : take(stream, 900)) all.append(event.frame());
    ids.push_back(all);
  }
  CHECK(ids[0] == ids[1]);
  CHECK(ids[0] == ids[2]);
}

TEST_CASE("a client resumes at another manager of the log, and after a restart") {
  const auto log = std::make_shared<MemoryLog>();
  std::string last;
  {
    EventManager events(with_log(log));
    EventStream stream = events.add_connection();
    emit(events, 1, 3);
    last = take(stream, 3).back().id();  // `connection`, 1, 2
  }
  EventManager restarted(with_log(log->node()));
  emit(restarted, 4, 4);
  EventStream stream = resume(restarted, last);
  const std::vector<Event> got = take(stream, 3);
  CHECK(got[0].type() == "connection");
  CHECK(got[0].id() == last);
  CHECK(numbers({got[1], got[2]}) == from_to(3, 4));
}

TEST_CASE("a restart with nothing emitted after it gives a client what it missed") {
  const auto log = std::make_shared<MemoryLog>();
  std::string last;
  {
    EventManager events(with_log(log));
    EventStream stream = events.add_connection();
    emit(events, 1, 5);
    last = take(stream, 2).back().id();
  }
  EventManager restarted(with_log(log->node()));
  EventStream stream = resume(restarted, last);
  CHECK(numbers(take(stream, 5)) == std::vector<int>{-1, 2, 3, 4, 5});
}

TEST_CASE("a client that connects to an empty log and is cut resumes without a gap") {
  const auto log = std::make_shared<MemoryLog>();
  EventManager events(with_log(log));
  EventStream stream = events.add_connection();
  const std::string last = first_id(take(stream, 1)[0]);
  CHECK(last == "0-0");
  stream.close();
  emit(events, 1, 3);
  EventStream again = resume(events, last);
  CHECK(numbers(take(again, 4)) == std::vector<int>{-1, 1, 2, 3});
}

TEST_CASE("ids of a log are known, older, foreign or not readable") {
  const auto log = std::make_shared<MemoryLog>();
  EventManager events(with_log(log, 10));
  EventStream live = events.add_connection();
  const std::string begin = first_id(take(live, 1)[0]);
  emit(events, 1, 30);
  const std::vector<Event> got = take(live, 30);
  const auto answer = [&](const std::string& id) {
    EventStream stream = resume(events, id);
    return json_of(take(stream, 2)[1]);
  };
  CHECK(answer(std::string(got[24].id()))["data"] == 26);
  CHECK(answer(std::string(got[19].id()))["data"] == 21);  // the event before the oldest that is kept
  CHECK(answer(std::string(got[4].id()))["dropped"] == 15);
  CHECK(answer(begin)["dropped"] == 20);
  const std::string n = "-25";
  for (const std::string& id :
       {"1" + n, "999999999" + n, std::string("7-20"), std::string("999999999-5"), std::string("1-31"),
        std::string("1-18446744073709551615"), std::string("18446744073709551615-18446744073709551615"),
        std::string("x"), std::string(1'000'000, '9')}) {
    CAPTURE(id.substr(0, 60));
    CHECK(answer(id)["reset"] == true);
  }
}
