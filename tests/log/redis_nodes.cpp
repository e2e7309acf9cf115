// EventManager on RedisLog: several nodes over one server, the clients that move between them, and a server that dies.
#include <sse/sse.hpp>
#include <sse/testing.hpp>

#include "redis_support.hpp"

using namespace sse_test;

namespace {

using sse::Event;
using sse::EventManager;
using sse::EventStream;
using sse::LogState;
using sse::testing::ObserverLog;
using sse::testing::take;

sse::Options node_of(const std::string& url) {
  sse::Options options;
  options.history_size = 10'000;
  options.log = std::make_shared<RedisLog>(url, quick());
  return options;
}

void wait_for(EventManager& events, LogState state) {
  ObserverLog observer;
  events.set_observer(observer.observer());
  observer.log_state(state);
}

EventStream client_of(EventManager& events, std::string_view last_event_id = {}) {
  sse::ConnectionOptions options;
  options.max_queue_size = 10'000;
  options.announce = false;
  options.last_event_id = std::string(last_event_id);
  return events.add_connection(std::move(options));
}

/// The frames, each with its id, one after the other.
std::string frames(const std::vector<Event>& events) {
  std::string all;
  for (const Event& event : events) all.append(event.frame());
  return all;
}

int calls_of(const RedisServer& server, const std::string& command) {
  const std::string all = server({"INFO", "commandstats"}), name = "cmdstat_" + command + ":calls=";
  const std::size_t at = all.find(name);
  return at == all.npos ? 0 : std::stoi(all.substr(at + name.size()));
}

}  // namespace

TEST_CASE("Redis nodes: three nodes, three emitters, three clients each: the same ids in the same order at all nine") {
  const RedisServer server;
  EventManager a(node_of(server.url())), b(node_of(server.url())), c(node_of(server.url()));
  std::vector<EventStream> streams;
  for (EventManager* const events : {&a, &b, &c}) {
    wait_for(*events, LogState::ready);
    for (int i = 0; i < 3; ++i) streams.push_back(client_of(*events));
  }
  std::vector<std::thread> emitters;
  for (EventManager* const events : {&a, &b, &c}) {
    emitters.emplace_back([events] {
      for (int i = 0; i < 500; ++i) events->emit_event("n", i);
    });
  }
  for (std::thread& emitter : emitters) emitter.join();
  std::vector<std::string> seen;
  for (EventStream& stream : streams) seen.push_back(frames(take(stream, 1500)));
  for (const std::string& each : seen) CHECK(each == seen[0]);
  CHECK(server({"XLEN", "{sse}"}) == "1500");
}

TEST_CASE("Redis nodes: clients that move to another node get what they missed, and the server nothing to do") {
  const RedisServer server;
  EventManager a(node_of(server.url())), b(node_of(server.url()));
  wait_for(a, LogState::ready);
  wait_for(b, LogState::ready);
  EventStream there = client_of(b), here = client_of(a);
  for (int i = 0; i < 200; ++i) a.emit_event("n", i);
  const std::vector<Event> events = take(here, 200);
  take(there, 200);
  const std::string missed = frames({events.begin() + 100, events.end()});
  const int reads = calls_of(server, "xrange") + calls_of(server, "xrevrange"), scripts = calls_of(server, "evalsha");
  for (int i = 0; i < 2000; ++i) {
    EventStream moved = client_of(b, events[99].id());
    const std::vector<Event> replay = take(moved, 100);
    if (i % 100 == 0) CHECK(frames(replay) == missed);
  }
  CHECK(calls_of(server, "evalsha") == scripts);
  // The idle reader of each node looks at the newest entry now and then.
  CHECK(calls_of(server, "xrange") + calls_of(server, "xrevrange") - reads < 200);
}

TEST_CASE("Redis nodes: a server that dies and comes back is told, and no client misses or doubles an event") {
  RedisServer server({"--appendonly", "yes", "--appendfsync", "always"});
  EventManager a(node_of(server.url())), b(node_of(server.url()));
  ObserverLog log_of_a;
  a.set_observer(log_of_a.observer());
  log_of_a.log_state(LogState::ready);
  wait_for(b, LogState::ready);
  EventStream at_a = client_of(a), at_b = client_of(b);
  std::string seen_a, seen_b;
  int number = 0;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 50; ++i) a.emit_event("n", ++number);
    log_of_a.forget_log_states();
    server.kill();
    for (int i = 0; i < 50; ++i) a.emit_event("n", ++number);
    CHECK(log_of_a.log_state(LogState::failing).what.find("redis://127.0.0.1") != std::string::npos);
    server.start();
    const std::vector<Event> events_a = take(at_a, 100), events_b = take(at_b, 100);
    for (int i = 0; i < 100; ++i) {
      CHECK(nlohmann::json::parse(events_a[static_cast<std::size_t>(i)].json())["data"] == number - 99 + i);
    }
    CHECK(frames(events_a) == frames(events_b));
    log_of_a.log_state(LogState::ready);
  }
  CHECK(a.stats().log.lost == 0);
}

TEST_CASE("Redis nodes: a server that ends each connection is tried at most 20 times a second, and then all goes on") {
  const RedisServer server;
  std::atomic<int> tries = 0;
  Listener dead([&](int) { ++tries; });
  Proxy proxy(server.port());
  EventManager events(node_of(proxy.url()));
  wait_for(events, LogState::ready);
  EventStream stream = client_of(events);
  proxy.go_to(dead.port());
  const auto begin = std::chrono::steady_clock::now();
  proxy.cut_next(-1, -1);
  events.emit_event("n", 1);  // the thread that appends tries, too
  constexpr int count = 10;
  while (tries < count) {
    REQUIRE(std::chrono::steady_clock::now() - begin < 60s);
    std::this_thread::sleep_for(1ms);
  }
  CHECK(std::chrono::steady_clock::now() - begin > std::chrono::milliseconds(1000 * count / 20 - 100));  // two at once
  wait_for(events, LogState::failing);
  proxy.go_to(server.port());
  CHECK(take(stream, 1)[0].type() == "n");
  wait_for(events, LogState::ready);
}

TEST_CASE("Redis nodes: nothing blocks while the server stands still, and all is delivered when it goes on") {
  const RedisServer server;
  std::optional<EventManager> events(std::in_place, node_of(server.url()));
  wait_for(*events, LogState::ready);
  EventStream stream = client_of(*events);
  server.signal(SIGSTOP);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 1000; ++i) events->emit_event("n", i);
  EventStream other = client_of(*events);
  events->stats();
  CHECK(std::chrono::steady_clock::now() - begin < 2s);  // one wait for the server takes 500 ms
  wait_for(*events, LogState::failing);
  server.signal(SIGCONT);
  CHECK(take(stream, 1000).size() == 1000);
  server.signal(SIGSTOP);
  events->emit_event("n", 0);
  const auto end = std::chrono::steady_clock::now();
  events.reset();
  CHECK(std::chrono::steady_clock::now() - end < 10s);
  server.signal(SIGCONT);
}

TEST_CASE("Redis nodes: a transient event reaches the clients of every node, in its place, without an id") {
  const RedisServer server;
  EventManager a(node_of(server.url())), b(node_of(server.url()));
  wait_for(a, LogState::ready);
  wait_for(b, LogState::ready);
  EventStream at_a = client_of(a), at_b = client_of(b);
  sse::EmitOptions transient;
  transient.transient = true;
  for (int i = 0; i < 1000; ++i) i % 3 == 0 ? a.emit_event("n", i) : a.emit_event("n", i, transient);
  const std::vector<Event> events_a = take(at_a, 1000), events_b = take(at_b, 1000);
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < 1000; ++i) {
    CAPTURE(i);
    CHECK(nlohmann::json::parse(events_b[i].json())["data"] == i);
    CHECK(events_b[i].id().empty() == (i % 3 != 0));
    if (i % 3 == 0) ids.emplace_back(events_b[i].id());
  }
  CHECK(frames(events_a) == frames(events_b));
  for (std::size_t i = 1; i < ids.size(); ++i) CHECK(ids[i].ends_with('-' + std::to_string(i + 1)));  // no hole

  EventStream late = client_of(b, ids.front());
  CHECK(take(late, ids.size() - 1).back().id() == ids.back());  // those that have ids are replayed, the others not
  transient.topic = "for b";                                    // nobody at a wants it
  sse::ConnectionOptions wanting;
  wanting.topics = {"for b"};
  wanting.announce = false;
  EventStream topical = b.add_connection(std::move(wanting));
  a.emit_event("topical", 1, transient);
  CHECK(take(topical, 1)[0].type() == "topical");
  CHECK(std::stoi(server({"XLEN", "{sse}:transient"})) <= 1200);  // trimmed by whole nodes of the stream
}

TEST_CASE("Redis nodes: transient events alone, and after the server has lost everything, arrive once") {
  RedisServer server;
  EventManager a(node_of(server.url())), b(node_of(server.url()));
  wait_for(a, LogState::ready);
  wait_for(b, LogState::ready);
  EventStream at_b = client_of(b);
  sse::EmitOptions transient;
  transient.transient = true;
  for (int i = 0; i < 3000; ++i) {
    a.emit_event("n", i, transient);
    if (i % 300 == 299) take(at_b, 300);
  }
  RedisClient(server.port())({"CLIENT", "KILL", "TYPE", "normal"});
  a.emit_event("after a kill", 1, transient);
  CHECK(take(at_b, 1)[0].type() == "after a kill");
  server({"FLUSHALL"});
  a.emit_event("after a flush", 1, transient);
  CHECK(take(at_b, 1)[0].type() == "after a flush");
  // A server that ends before it has acknowledged a batch forgets that it had it.
  while (a.stats().log.unlogged_events != 0) std::this_thread::yield();
  server.kill();
  a.emit_event("while it is down", 1, transient);
  server.start();
  CHECK(take(at_b, 1)[0].type() == "while it is down");
  CHECK(!at_b.try_next());
}
