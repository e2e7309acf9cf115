// Options::log on the MemoryLog: each promise that holds for every engine.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
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

TEST_CASE("a log object serves one manager, and another is refused") {
  const auto log = std::make_shared<MemoryLog>();
  { const EventManager events(with_log(log)); }
  CHECK_THROWS_AS(EventManager(with_log(log)), sse::LogError);
  CHECK_NOTHROW(EventManager(with_log(log->node())));
}

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

TEST_CASE("a full outbox loses the oldest events, and every node's client is told how many in their place") {
  const auto log = std::make_shared<MemoryLog>();
  Options options = with_log(log);
  options.max_unlogged_events = 10;
  EventManager a(options), b(with_log(log->node()));
  for (EventManager* events : {&a, &b}) wait_until_ready(*events);
  EventStream at_a = a.add_connection(), at_b = b.add_connection();
  log->freeze();
  emit(a, 1, 1);
  REQUIRE(log->wait_until_blocked());
  emit(a, 2, 31);
  CHECK(a.stats().log.unlogged_events == 10 + 1);  // the notice, too
  CHECK(a.stats().log.lost == 21);
  CHECK(a.stats().lost[sse::LossReason::log] == 21);
  log->thaw();
  for (EventStream* stream : {&at_a, &at_b}) {
    const std::vector<Event> got = take(*stream, 12);
    CHECK(got[1].id().ends_with("-1"));
    CHECK(got[2].type() == "overflow");
    CHECK(json_of(got[2])["dropped"] == 21);
    CHECK(got[2].id().ends_with("-2"));
    CHECK(numbers({got.begin() + 3, got.end()}) == from_to(23, 31));
  }
  CHECK(flush(a) == 0);
}

TEST_CASE("the outbox is bounded in bytes, and keeps the newest event") {
  const auto log = std::make_shared<MemoryLog>();
  Options options = with_log(log);
  options.max_unlogged_bytes = 100;
  EventManager events(options);
  wait_until_ready(events);
  EventStream stream = events.add_connection();
  log->freeze();
  emit(events, 1, 1);
  REQUIRE(log->wait_until_blocked());
  events.emit_event("large", std::string(1'000, 'x'));
  events.emit_event("large", std::string(2'000, 'x'));
  log->thaw();
  const std::vector<Event> got = take(stream, 4);
  CHECK(json_of(got[2])["dropped"] == 1);
  CHECK(got[3].json().size() > 2'000);
}

TEST_CASE("a node that reads slower than the log is trimmed tells its clients the exact gap") {
  const auto log = std::make_shared<MemoryLog>(), slow = log->node();
  EventManager a(with_log(log)), b(with_log(slow));
  for (EventManager* events : {&a, &b}) wait_until_ready(*events);
  EventStream at_a = a.add_connection(), at_b = b.add_connection();
  ConnectionOptions filtered;
  filtered.filter = [](const Event& event) { return event.type() == "n"; };
  ConnectionOptions of_topic;
  of_topic.topics = {"t"};
  EventStream with_filter = b.add_connection(filtered), with_topic = b.add_connection(of_topic);
  emit(a, 1, 2);
  CHECK(numbers(take(at_b, 3)) == std::vector<int>{-1, 1, 2});
  slow->lag();
  emit(a, 3, 30);
  CHECK(flush(a) == 0);
  log->trim(10);
  slow->catch_up();
  CHECK(numbers(take(at_a, 31)) == [] {
    std::vector<int> all = from_to(1, 30);
    all.insert(all.begin(), -1);
    return all;
  }());
  const std::vector<Event> got = take(at_b, 11);
  CHECK(got[0].type() == "overflow");
  CHECK(json_of(got[0])["dropped"] == 18);
  CHECK(got[0].id().empty());
  CHECK(numbers({got.begin() + 1, got.end()}) == from_to(21, 30));
  CHECK(json_of(take(with_filter, 4)[3])["dropped"] == 18);
  CHECK(json_of(take(with_topic, 4)[3])["dropped"] == 18);
  CHECK(b.stats().log.missed == 18);
}

TEST_CASE("a loss that a slow reader loses in its turn becomes a reset") {
  const auto log = std::make_shared<MemoryLog>(), slow = log->node();
  EventManager a(with_log(log)), b(with_log(slow));
  for (EventManager* events : {&a, &b}) wait_until_ready(*events);
  ConnectionOptions small;
  small.max_queue_size = 2;
  ConnectionOptions private_queue = small;
  private_queue.topics = {"t"};
  std::vector<EventStream> streams;
  streams.push_back(b.add_connection(small));
  streams.push_back(b.add_connection(private_queue));
  slow->lag();
  emit(a, 1, 30);
  CHECK(flush(a) == 0);
  log->trim(10);
  slow->catch_up();
  EventStream end = resume(b, "x");
  emit(b, 31, 31);
  CHECK(flush(b) == 0);
  for (EventStream& stream : streams) {
    const std::vector<Event> got = take(stream, 4);
    CHECK(json_of(got[1])["reset"] == true);
    CHECK(numbers({got[2], got[3]}) == from_to(30, 31));
  }
}

TEST_CASE("a log that has lost its tail, or was deleted, is a reset for everybody") {
  const auto log = std::make_shared<MemoryLog>();
  EventManager a(with_log(log)), b(with_log(log->node()));
  for (EventManager* events : {&a, &b}) wait_until_ready(*events);
  EventStream at_a = a.add_connection(), at_b = b.add_connection();
  emit(a, 1, 5);
  std::vector<Event> before;
  for (EventStream* stream : {&at_a, &at_b}) before = take(*stream, 6);
  const bool cut = GENERATE(true, false);
  CAPTURE(cut);
  cut ? log->cut(2) : log->clear();
  for (EventStream* stream : {&at_a, &at_b}) CHECK(json_of(take(*stream, 1)[0])["reset"] == true);
  emit(b, 6, 7);
  for (EventStream* stream : {&at_a, &at_b}) CHECK(numbers(take(*stream, 2)) == from_to(6, 7));
  EventStream lost = resume(a, before[5].id());
  CHECK(json_of(take(lost, 2)[1])["reset"] == true);
  EventStream first = resume(a, before[1].id());
  if (cut)
    CHECK(numbers(take(first, 5)) == std::vector<int>{-1, 2, 3, 6, 7});
  else
    CHECK(json_of(take(first, 2)[1])["reset"] == true);
  CHECK(a.stats().log.resets == 1);
}

TEST_CASE("an append whose answer is lost is repeated and adds nothing") {
  const auto log = std::make_shared<MemoryLog>();
  EventManager events(with_log(log));
  wait_until_ready(events);
  EventStream stream = events.add_connection();
  log->lose_next_answer();
  emit(events, 1, 1);
  CHECK(flush(events) == 0);
  emit(events, 2, 2);
  CHECK(numbers(take(stream, 3)) == std::vector<int>{-1, 1, 2});
  CHECK(log->count() == 2);
  CHECK(events.stats().log.retries == 1);
}

TEST_CASE("a log that refuses is told, and everything flows when it accepts again") {
  const auto log = std::make_shared<MemoryLog>();
  EventManager events(with_log(log));
  ObserverLog observer;
  events.set_observer(observer.observer());
  observer.log_state(LogState::ready);
  EventStream stream = events.add_connection();
  log->refuse("the disk is full");
  emit(events, 1, 3);
  CHECK(observer.log_state(LogState::failing).what == "the disk is full");
  CHECK(events.stats().log.unlogged_events == 3);
  CHECK(flush(events, milliseconds(1)) == 3);
  observer.forget_log_states();
  log->accept();
  observer.log_state(LogState::ready);
  CHECK(numbers(take(stream, 4)) == std::vector<int>{-1, 1, 2, 3});
}

TEST_CASE("a log that needs a person is told as failed, also to an observer that comes later") {
  const auto log = std::make_shared<MemoryLog>();
  log->refuse("the file is damaged", false);
  Options options = with_log(log);
  options.log_close_timeout = milliseconds(0);
  EventManager events(options);
  for (int i = 0; i < 2; ++i) {
    ObserverLog observer;
    events.set_observer(observer.observer());
    CHECK(observer.log_state(LogState::failed).what == "the file is damaged");
  }
}

TEST_CASE("a hanging log holds neither emitters nor connections nor the destructor, and is told") {
  const auto log = std::make_shared<MemoryLog>();
  ObserverLog observer;
  {
    Options options = with_log(log);
    options.log_close_timeout = milliseconds(20);
    EventManager events(options);
    events.set_observer(observer.observer());
    observer.log_state(LogState::ready);
    EventStream stream = events.add_connection();
    log->hang();
    emit(events, 1, 1);
    REQUIRE(log->wait_until_blocked());
    emit(events, 2, 50);
    EventStream another = events.add_connection();
    CHECK(events.stats().log.unlogged_events == 50);
    CHECK(take(another, 1)[0].type() == "connection");
    CHECK(observer.log_state(LogState::failing).what.find("too long") != std::string::npos);
  }
  CHECK(observer.log_state(LogState::closed).what ==
        "Events that are not in the log are lost: 50. A call of the log still runs; its thread was left behind");
  log->thaw();
}

TEST_CASE("a log that hangs before it is open leaves connections waiting, for a bounded time") {
  const auto log = std::make_shared<MemoryLog>();
  const bool in_time = GENERATE(true, false);
  CAPTURE(in_time);
  emit(*std::make_unique<EventManager>(with_log(log->node())), 1, 3);
  log->hang();
  Options options = with_log(log);
  options.log_open_timeout = in_time ? std::chrono::seconds(100) : std::chrono::milliseconds(1);
  options.log_close_timeout = milliseconds(0);
  EventManager events(options);
  REQUIRE(log->wait_until_blocked());
  EventStream fresh = events.add_connection(), known = resume(events, "1000-1");
  ConnectionOptions filtered;
  filtered.last_event_id = "0-0";
  filtered.filter = [](const Event& event) { return number_of(event) != 2; };
  EventStream with_filter = events.add_connection(filtered);
  CHECK(events.get_connection_count() == 3);
  if (in_time) {
    CHECK_FALSE(fresh.try_next());
    CHECK(events.send_event(fresh.connection_id(), "single", 0));
    CHECK_FALSE(fresh.try_next());
    log->thaw();
    CHECK(take(fresh, 2)[1].type() == "single");
    CHECK(numbers(take(with_filter, 3)) == std::vector<int>{-1, 1, 3});
  } else {
    CHECK(take(fresh, 1)[0].id().empty());
    const std::vector<Event> told = take(known, 2);
    CHECK(json_of(told[0])["resumed"] == false);
    CHECK(json_of(told[1])["reset"] == true);
    log->thaw();
  }
  emit(events, 4, 4);
  CHECK(number_of(take(fresh, 1)[0]) == 4);
  if (!in_time) return;
  const Event connection = known.try_next().value();
  CHECK(connection.id() == "1000-1");
  CHECK(json_of(connection)["resumed"] == true);
}

TEST_CASE("a client that is ahead of its node gets what follows, and no reset") {
  const auto log = std::make_shared<MemoryLog>(), slow = log->node();
  EventManager a(with_log(log)), b(with_log(slow));
  for (EventManager* events : {&a, &b}) wait_until_ready(*events);
  EventStream at_a = a.add_connection(), at_b = b.add_connection();
  slow->lag();
  emit(a, 1, 5);
  const std::string last(take(at_a, 6).back().id());
  EventStream moved = resume(b, last);
  const Event connection = take(moved, 1)[0];
  CHECK(connection.id() == last);
  CHECK(json_of(connection)["resumed"] == true);
  slow->catch_up();
  CHECK(numbers(take(at_b, 6)) == std::vector<int>{-1, 1, 2, 3, 4, 5});
  CHECK_FALSE(moved.try_next());
  emit(b, 6, 6);
  CHECK(number_of(take(moved, 1)[0]) == 6);
}

TEST_CASE("a client that is ahead is told a reset where its event does not come, or another one does") {
  const auto log = std::make_shared<MemoryLog>();
  EventManager events(with_log(log));
  wait_until_ready(events);
  emit(events, 1, 1);
  REQUIRE(flush(events) == 0);
  EventStream never = resume(events, "99999-50"), other = resume(events, "99999-3");
  for (EventStream* stream : {&never, &other}) CHECK(take(*stream, 1)[0].type() == "connection");
  emit(events, 2, 3);
  REQUIRE(flush(events) == 0);
  const std::vector<Event> got = take(other, 2);
  CHECK(json_of(got[0])["reset"] == true);
  CHECK(number_of(got[1]) == 3);
  CHECK(json_of(take(never, 1)[0])["reset"] == true);  // after a second
  emit(events, 4, 4);
  CHECK(number_of(take(never, 1)[0]) == 4);
  CHECK(number_of(take(other, 1)[0]) == 4);
}

TEST_CASE("a loss comes with the id after which the stream goes on, and is told once") {
  const auto log = std::make_shared<MemoryLog>();
  EventManager events(with_log(log, 3));
  wait_until_ready(events);
  const auto told_to = [&](std::string_view place) {
    EventStream stream = resume(events, place);
    const std::vector<Event> got = take(stream, 2);
    CHECK(json_of(got[0])["resumed"] == false);
    CHECK(got[1].type() == "overflow");
    return std::string(got[1].id());
  };
  const auto next_after = [&](std::string_view place) {
    EventStream stream = resume(events, place);
    const std::vector<Event> got = take(stream, 2);
    CHECK(json_of(got[0])["resumed"] == true);
    return number_of(got[1]);
  };
  // Without an event, the place is the begin of the log.
  CHECK(told_to("99999999-7000000000") == "0-0");
  emit(events, 1, 1);
  REQUIRE(flush(events) == 0);
  CHECK(next_after("0-0") == 1);
  const std::string first = events.last_id();
  emit(events, 2, 6);
  REQUIRE(flush(events) == 0);
  const std::string before = told_to(first);  // 2 and 3 are gone
  CHECK(before.ends_with("-3"));
  CHECK(told_to("1-2") == before);  // of another start
  CHECK(next_after(before) == 4);
  const std::string last = events.last_id();
  CHECK(told_to("unreadable") == last);
  emit(events, 7, 7);
  REQUIRE(flush(events) == 0);
  CHECK(next_after(last) == 7);
}

TEST_CASE("transient and single events keep their place between the others of one thread") {
  const auto log = std::make_shared<MemoryLog>();
  EventManager events(with_log(log, 1'000));
  wait_until_ready(events);
  ConnectionOptions large;
  large.max_queue_size = 1'000;
  large.announce = false;
  EventStream stream = events.add_connection(large);
  EmitOptions transient;
  transient.transient = true;
  for (int i = 1; i <= 300; ++i) {
    if (i % 3 == 0)
      events.emit_event("n", i, transient);
    else if (i % 3 == 1)
      events.emit_event("n", i);
    else
      CHECK(events.send_event(stream.connection_id(), "n", i));
  }
  CHECK_FALSE(events.send_event("nobody", "n", 1));
  const std::vector<Event> got = take(stream, 300);
  CHECK(numbers(got) == from_to(1, 300));
  CHECK(got[2].id().empty());
  CHECK(log->count() == 100);
}

TEST_CASE("local events that the outbox has no room for are told in their place") {
  const auto log = std::make_shared<MemoryLog>();
  Options options = with_log(log);
  options.max_unlogged_events = 3;
  EventManager events(options);
  wait_until_ready(events);
  EventStream stream = events.add_connection();
  EmitOptions transient;
  transient.transient = true;
  log->freeze();
  emit(events, 1, 1);
  REQUIRE(log->wait_until_blocked());
  for (int i = 2; i <= 9; ++i) events.emit_event("n", i, transient);
  log->thaw();
  const std::vector<Event> got = take(stream, 5);
  CHECK(number_of(got[1]) == 1);
  CHECK(json_of(got[2])["dropped"] == 6);
  CHECK(numbers({got[3], got[4]}) == from_to(8, 9));
  CHECK(events.stats().log.lost == 6);
}

TEST_CASE("the destructor and drain bring everything into the log") {
  const auto log = std::make_shared<MemoryLog>();
  {
    EventManager events(with_log(log));
    emit(events, 1, 1'000);
  }
  CHECK(log->count() == 1'000);
  EventManager events(with_log(log->node()));
  EventStream stream = events.add_connection();
  emit(events, 1, 50);
  asio::io_context io(1);
  asio::co_spawn(io, events.drain(std::chrono::seconds(20)), asio::detached);
  std::vector<Event> got;
  std::thread reader([&] { got = sse::testing::take_all(stream); });
  io.run();
  reader.join();
  CHECK(got.size() == 52);
  CHECK(got.back().type() == "disconnect");
}

TEST_CASE("a filter is asked on the log's thread, and may destroy the manager there") {
  const auto log = std::make_shared<MemoryLog>();
  auto events = std::make_unique<EventManager>(with_log(log));
  wait_until_ready(*events);
  std::thread::id asked;
  std::optional<EventManager> none;
  ConnectionOptions options;
  options.filter = [&](const Event&) {
    asked = std::this_thread::get_id();
    events.reset();
    return true;
  };
  EventStream stream = events->add_connection(options);
  emit(*events, 1, 1);
  CHECK(sse::testing::take_all(stream).back().type() == "disconnect");
  CHECK(asked != std::this_thread::get_id());
  CHECK(log->count() == 1);
}

TEST_CASE("a manager that is destroyed in a filter of its own event brings the rest into the log") {
  const auto log = std::make_shared<MemoryLog>();
  auto events = std::make_unique<EventManager>(with_log(log));
  wait_until_ready(*events);
  ConnectionOptions options;
  options.filter = [&](const Event&) {
    if (!events) return true;
    emit(*events, 2, 400);
    events.reset();
    return true;
  };
  EventStream stream = events->add_connection(options);
  emit(*events, 1, 1);
  CHECK(sse::testing::take_all(stream).back().type() == "disconnect");
  CHECK(log->count() == 400);
}

TEST_CASE("events of this process wait while those of another are delivered, and all keep the log's order") {
  const auto log = std::make_shared<MemoryLog>();
  EventManager a(with_log(log)), b(with_log(log->node()));
  for (EventManager* events : {&a, &b}) wait_until_ready(*events);
  std::promise<void> entered, go;
  ConnectionOptions options;
  options.filter = [&](const Event& event) {
    if (number_of(event) != 100) return true;
    entered.set_value();
    go.get_future().wait();
    return true;
  };
  EventStream filtered = a.add_connection(options), other = b.add_connection();
  b.emit_event("n", 100);
  entered.get_future().wait();
  emit(a, 1, 3);
  EmitOptions transient;
  transient.transient = true;
  a.emit_event("n", 4, transient);
  while (log->count() != 4) std::this_thread::yield();
  b.emit_event("n", 101);
  REQUIRE(flush(b) == 0);
  CHECK(take(filtered, 1).back().type() == "connection");
  go.set_value();
  CHECK(flush(a) == 0);
  emit(a, 5, 5);
  CHECK(numbers(take(filtered, 7)) == std::vector{100, 1, 2, 3, 101, 4, 5});
  CHECK(numbers(take(other, 7)) == std::vector{-1, 100, 1, 2, 3, 101, 5});
}

TEST_CASE("an event that was delivered without a read of the log, and is lost there, is a reset") {
  const auto log = std::make_shared<MemoryLog>();
  EventManager events(with_log(log));
  wait_until_ready(events);
  EventStream stream = events.add_connection();
  for (int i = 1; i <= 3; ++i) {
    emit(events, i, i);
    REQUIRE(flush(events) == 0);
  }
  CHECK(numbers(take(stream, 4)) == std::vector{-1, 1, 2, 3});
  SECTION("and the log is shorter") {
    log->cut(2);
  }
  SECTION("and another one has its number") {
    log->cut(1);
    EventManager other(with_log(log->node()));
    emit(other, 4, 4);
    REQUIRE(flush(other) == 0);
  }
  CHECK(json_of(take(stream, 1).back())["reset"] == true);
}

TEST_CASE("an observer may destroy the manager on the log's thread") {
  const auto log = std::make_shared<MemoryLog>();
  auto events = std::make_unique<EventManager>(with_log(log));
  wait_until_ready(*events);
  EventStream stream = events->add_connection();
  sse::Observer observer;
  observer.log_state = [&](LogState state, std::string_view) {
    if (state == LogState::failing) events.reset();
  };
  events->set_observer(observer);
  log->refuse("no");
  CHECK(sse::testing::take_all(stream).back().type() == "disconnect");
}

TEST_CASE("an event of the log that is longer than this manager takes is told as lost in its place") {
  const auto log = std::make_shared<MemoryLog>();
  Options small = with_log(log->node());
  small.max_event_size = 200;
  EventManager a(with_log(log)), b(small);
  for (EventManager* events : {&a, &b}) wait_until_ready(*events);
  EventStream stream = b.add_connection();
  emit(a, 1, 1);
  a.emit_event("large", std::string(500, 'x'));
  emit(a, 3, 3);
  const std::vector<Event> got = take(stream, 4);
  CHECK(json_of(got[2])["dropped"] == 1);
  CHECK(got[2].id().ends_with("-2"));
  CHECK(number_of(got[3]) == 3);
}

TEST_CASE("hostile bytes in a log are no fields on the wire") {
  const auto log = std::make_shared<MemoryLog>();
  EventManager events(with_log(log));
  wait_until_ready(events);
  EventStream stream = events.add_connection();
  const std::string bad("x\r\nid: 7\n\ndata: \xFF\0y", 19);
  const auto other = log->node();
  for (const bool is_message : {false, true}) {
    const sse::LoggedEvent event{0, 0, is_message, bad, bad, bad, bad};
    other->append(std::span(&event, 1), is_message ? 2 : 1);
  }
  const std::vector<Event> got = take(stream, 3);
  CHECK(got[1].frame().find("\ndata: x  id: 7  data: \xEF\xBF\xBD y\n\n") != std::string_view::npos);
  CHECK(got[2].frame().find("\ndata: x\ndata: id: 7\ndata: \ndata: data: \xEF\xBF\xBD y\n\n") !=
        std::string_view::npos);
}

TEST_CASE("the log has metrics, and none without a log") {
  const auto log = std::make_shared<MemoryLog>();
  EventManager events(with_log(log));
  emit(events, 1, 3);
  CHECK(flush(events) == 0);
  const std::string text = sse::metrics_text(events.stats());
  for (const std::string_view line :
       {"sse_log_state{state=\"ready\"} 1\n", "sse_log_state{state=\"failing\"} 0\n", "sse_log_appended_total 3\n",
        "sse_log_unlogged_events 0\n", "sse_log_append_seconds_count ", "sse_log_retries_total 0\n",
        "sse_log_lag_events 0\n", "sse_events_lost_total{reason=\"log\"} 0\n"}) {
    CAPTURE(line);
    CHECK(text.find(line) != std::string::npos);
  }
  CHECK(nlohmann::json(events.stats())["log"]["state"] == "ready");
  CHECK(sse::metrics_text(EventManager().stats()).find("sse_log") == std::string::npos);
}
