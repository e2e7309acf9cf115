#include "support.hpp"

namespace sse_test {
namespace {

using sse::EndReason, sse::RefusalReason;

sse::ConnectionOptions of(std::string key, std::string id = {}) {
  sse::ConnectionOptions options;
  options.limit_key = std::move(key);
  options.connection_id = std::move(id);
  return options;
}

std::string refusal(EventManager& manager, const sse::ConnectionOptions& options) {
  try {
    (void)manager.add_connection(options);
  } catch (const sse::Refused& refused) {
    return std::string(to_string(refused.reason()));
  }
  return {};
}

TEST_CASE("connections are limited by key, and nobody who is there is ended for who comes") {
  sse::Options options;
  options.max_connections_per_key = 2;
  EventManager manager(options);
  Words refused;
  sse::Observer observer;
  observer.connection_refused = [&](const sse::ConnectionRow& row, RefusalReason reason) {
    refused.push_back(row.connection_id + ' ' + row.limit_key + ' ' + std::string(to_string(reason)));
    manager.get_connection_info();  // no lock is held
  };
  manager.set_observer(observer);
  EventStream first = manager.add_connection(of("ann", "1")), second = manager.add_connection(of("ann", "2"));
  CHECK(refusal(manager, of("ann", "3")) == "max_connections_per_key");
  CHECK(refused == Words{"3 ann max_connections_per_key"});
  CHECK(manager.stats().refused[RefusalReason::max_connections_per_key] == 1);
  CHECK(manager.stats().opened == 2);
  CHECK(refusal(manager, of("bob")).empty());
  CHECK(refusal(manager, of("")).empty());
  CHECK(manager.get_connection_info().connections.size() == 2);
  CHECK_FALSE(first.done());

  EventStream again = manager.add_connection(of("ann", "2"));  // in the place of the one that it replaces
  CHECK(told(second).back().starts_with("disconnect Replaced"));
  CHECK(refusal(manager, of("ann", "3")) == "max_connections_per_key");
  const EventStream moved = manager.add_connection(of("bob", "1"));
  CHECK(refusal(manager, of("ann", "4")).empty());
  again.close();
  CHECK(refusal(manager, of("ann", "3")).empty());
  manager.disconnect("1");
  EventStream bob = manager.add_connection(of("bob")), other = manager.add_connection(of("bob"));
  CHECK(refusal(manager, of("bob")) == "max_connections_per_key");
}

TEST_CASE("past max_connections one that replaces another is let in, and keeps to its key's limit") {
  sse::Options options;
  options.max_connections = 2;
  options.max_connections_per_key = 1;
  EventManager manager(options);
  EventStream ann = manager.add_connection(of("ann", "1")), bob = manager.add_connection(of("bob", "2"));
  CHECK(refusal(manager, of("cy")) == "max_connections");
  CHECK(refusal(manager, of("bob", "1")) == "max_connections_per_key");
  CHECK_FALSE(ann.done());
  CHECK(manager.get_connection_count() == 2);
  EventStream cy = manager.add_connection(of("cy", "1"));
  CHECK(manager.get_connection_count() == 2);
  CHECK(told(ann).back().starts_with("disconnect Replaced"));
}

TEST_CASE("connections that are replaced at the same time find their places") {
  sse::Options options;
  options.max_connections = 4;
  options.max_connections_per_key = 4;
  EventManager manager(options);
  std::vector<std::future<void>> threads;
  for (int i = 0; i < 4; ++i)
    threads.push_back(std::async(std::launch::async, [&manager, id = std::to_string(i)] {
      EventStream stream = manager.add_connection(of("ann", id));
      for (int round = 0; round < 2'000; ++round) stream = manager.add_connection(of("ann", id));
      manager.disconnect(id);
    }));
  for (auto& thread : threads) CHECK_NOTHROW(thread.get());
  CHECK(manager.get_connection_count() == 0);
  std::vector<EventStream> streams;
  for (int i = 0; i < 4; ++i) streams.push_back(manager.add_connection(of("ann")));
  CHECK(refusal(manager, of("ann")) == "max_connections");
}

TEST_CASE("who is past the limit of its key is not asked about a whole history") {
  sse::Options options = history_of(10);
  options.max_connections_per_key = 1;
  EventManager manager(options);
  emit_numbers(manager, 1, 5);
  const EventStream first = manager.add_connection(of("ann", "1"));
  sse::ConnectionOptions second = of("ann", "2");
  second.from_earliest = true;
  int asked = 0;
  second.filter = [&](const Event&) { return ++asked != 0; };
  CHECK(refusal(manager, second) == "max_connections_per_key");
  CHECK(asked == 0);
  second.connection_id = "1";
  CHECK(refusal(manager, second).empty());
  CHECK(asked == 5);
}

TEST_CASE("a connection ends when its time is up, and another's does not matter") {
  auto now = std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000));
  sse::Options options;
  options.clock = [&] { return now; };
  EventManager manager(options);
  sse::ConnectionOptions for_a_minute;
  for_a_minute.expires_at = now + std::chrono::minutes(1);
  EventStream stream = manager.add_connection(for_a_minute), lasting = add_quiet(manager);
  emit_numbers(manager, 1, 1);
  const Event first = stream.try_next().value();
  CHECK(first.json().ends_with(",\"timestamp\":1700000000.000000}"));
  now += std::chrono::seconds(59);
  CHECK(told(stream) == numbers(1, 1));
  emit_numbers(manager, 2, 2);
  now += std::chrono::seconds(1);
  CHECK(told(stream) == Words{"2", "disconnect The connection's time is up"});
  CHECK(stream.done());
  emit_numbers(manager, 3, 3);
  CHECK(told(lasting) == numbers(1, 3));
  CHECK(manager.get_connection_count() == 1);
  CHECK(manager.stats().ended[EndReason::expired] == 1);
}

}  // namespace
}  // namespace sse_test
