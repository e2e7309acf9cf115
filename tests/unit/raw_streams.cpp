#include <string>
#include <utility>
#include <vector>

#include "support.hpp"

namespace sse_test::raw_streams_tests {
namespace {

sse::ConnectionOptions raw(Words topics = {}) {
  sse::ConnectionOptions options;
  options.raw = true;
  options.topics = std::move(topics);
  return options;
}

std::string frames(EventStream& stream) {
  std::string text;
  while (const auto event = stream.try_next()) text += event->frame();
  return text;
}

/// Counts the connections that have ended, by their reasons.
std::size_t ended(const EventManager& manager, sse::EndReason why) {
  return manager.stats().ended[why];
}

}  // namespace

TEST_CASE("a raw stream has what was emitted, and nothing of the library's own") {
  sse::Options options;
  options.history_size = 10;
  EventManager manager(options);
  EventStream stream = manager.add_connection(raw());
  manager.emit_message("delta", "{\"text\":\"a\"}", [] {
    sse::EmitOptions transient;
    transient.transient = true;
    return transient;
  }());
  manager.send_message(stream.connection_id(), "", "[DONE]");
  manager.disconnect(stream.connection_id());
  CHECK(frames(stream) == "event: delta\ndata: {\"text\":\"a\"}\n\ndata: [DONE]\n\n");
  CHECK(stream.done());
}

TEST_CASE("a raw stream ends where it has lost events") {
  EventManager manager(3);
  EventStream stream = manager.add_connection(raw()), other = manager.add_connection(),
              awaited = manager.add_connection(raw());
  emit_numbers(manager, 1, 3);
  CHECK(stream.try_next());
  emit_numbers(manager, 4, 5);  // 2 is lost
  CHECK_FALSE(stream.try_next());
  CHECK(stream.done());
  CHECK(ended(manager, sse::EndReason::too_slow) == 1);
  asio::io_context io;
  auto next = asio::co_spawn(io, awaited.next(), asio::use_future);
  io.run_for(deadline);
  REQUIRE(next.wait_for(std::chrono::seconds(0)) == std::future_status::ready);
  CHECK_FALSE(next.get());
  CHECK(told(other) == Words{"connection", "overflow 2", "3", "4", "5"});
  emit_numbers(manager, 6, 6);
  CHECK_FALSE(stream.try_next());
  CHECK(told(other) == numbers(6, 6));
}

TEST_CASE("a raw stream that comes back too late, or with an id of another service, ends at once") {
  sse::Options options;
  options.history_size = 3;
  EventManager manager(options);
  const std::string begin = manager.last_id();
  emit_numbers(manager, 1, 5);
  for (const std::string& id : {begin, std::string("9-9"), std::string("not an id")}) {
    sse::ConnectionOptions late = raw();
    late.last_event_id = id;
    EventStream stream = manager.add_connection(std::move(late));
    std::vector<Event> events;
    CHECK(stream.drain(events, 100) == 0);
    CHECK(stream.done());
  }
  CHECK(ended(manager, sse::EndReason::too_slow) == 3);
}

TEST_CASE("a raw stream resumes without a gap, and ends once its topic has") {
  sse::Options options;
  options.history_size = 10;
  EventManager manager(options);
  manager.emit_message("", "1", on_topic("answer"));
  const std::string seen = manager.last_id();
  manager.emit_message("", "of another", on_topic("other"));
  manager.emit_message("", "2", on_topic("answer"));
  sse::ConnectionOptions again = raw({"answer"});
  again.last_event_id = seen;
  EventStream stream = manager.add_connection(std::move(again));
  manager.emit_message("", "3", on_topic("answer"));
  CHECK(manager.disconnect_topic("answer") == 1);
  std::string data;
  while (const auto event = stream.try_next()) data += event->json();
  CHECK(data == "23");
  CHECK(stream.done());
}

TEST_CASE("disconnect_topic ends the streams that name the topic, and no others") {
  EventManager manager;
  const auto add = [&](Words topics) {
    sse::ConnectionOptions options;
    options.topics = std::move(topics);
    return manager.add_connection(std::move(options));
  };
  std::vector<EventStream> named, others;
  for (int i = 0; i < 50; ++i) {  // several shards, and audiences of several readers
    named.push_back(add({"a"}));
    named.push_back(add({"b", "a"}));
    others.push_back(add({"b"}));
    others.push_back(add({}));
  }
  named.push_back(add({"b"}));
  manager.subscribe(named.back().connection_id(), "a");
  others.push_back(add({"a", "b"}));
  manager.unsubscribe(others.back().connection_id(), "a");
  manager.emit_event("x", 1, on_topic("a"));
  CHECK(manager.disconnect_topic("a", "over") == named.size());
  CHECK(manager.disconnect_topic("a") == 0);
  CHECK(manager.disconnect_topic("unknown") == 0);
  CHECK(manager.get_connection_count() == others.size());
  for (EventStream& stream : named) {
    REQUIRE(told(stream) == Words{"connection", "1", "disconnect over"});
    REQUIRE(stream.done());
  }
  manager.emit_event("x", 2);
  for (EventStream& stream : others) REQUIRE(told(stream).back() == "2");
}

}  // namespace sse_test::raw_streams_tests
