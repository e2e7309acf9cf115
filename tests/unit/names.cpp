#include <sse/detail/base/intrusive_map.hpp>
#include <sse/detail/base/name_hash.hpp>

#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "support.hpp"

namespace sse_test {
namespace {

using sse::detail::secret_hash;

TEST_CASE("names that collide in a public hash do not collide in the maps of a manager") {
  // A client that knows the hash finds names like these in no time.
  constexpr std::size_t mask = 0xfff;
  std::vector<std::string> names;
  for (int i = 0; names.size() < 100; ++i) {
    std::string name = "topic:" + std::to_string(i);
    if ((std::hash<std::string_view>()(name) >> 8 & mask) == 0) names.push_back(std::move(name));
  }
  std::set<std::size_t> buckets;
  for (const std::string& name : names) buckets.insert(static_cast<std::size_t>(secret_hash(name) >> 8) & mask);
  CHECK(buckets.size() > 80);
}

TEST_CASE("every byte of a name and its length change its hash") {
  std::set<std::uint64_t> hashes;
  std::string name;
  for (int size = 0; size < 40; ++size) {
    CHECK(secret_hash(name) == secret_hash(std::string(name)));
    hashes.insert(secret_hash(name));
    for (std::size_t i = 0; i < name.size(); ++i) {
      std::string other = name;
      other[i] = '\xff';
      hashes.insert(secret_hash(other));
    }
    name.push_back('\0');
  }
  CHECK(hashes.size() == 40 + 39 * 40 / 2);
}

struct Named : sse::detail::IntrusiveList<Named>::Hook {
  explicit Named(std::string its_name) : text(std::move(its_name)) {}
  std::string_view name() const noexcept { return text; }
  std::uint64_t name_hash() const noexcept { return secret_hash(text); }
  std::string text;
};

TEST_CASE("a map finds all of its elements while it grows and shrinks") {
  sse::detail::IntrusiveMap<Named> map;
  std::vector<std::unique_ptr<Named>> elements;
  const auto name = [](std::size_t i) { return "n" + std::to_string(i); };
  for (std::size_t i = 0; i < 300; ++i) {
    elements.push_back(std::make_unique<Named>(name(i)));
    map.insert(*elements.back());
    for (std::size_t j = 0; j <= i; ++j) REQUIRE(map.find(name(j)) == elements[j].get());
    CHECK(map.find(name(i + 1)) == nullptr);
  }
  for (std::size_t i = 0; i < 300; i += 2) {
    map.erase(*elements[i]);
    map.erase(*elements[i]);
  }
  for (std::size_t i = 0; i < 300; ++i) CHECK(map.find(name(i)) == (i % 2 == 0 ? nullptr : elements[i].get()));
}

/// The processor's time that `function` takes, which other processes do not change.
template <class Function>
double seconds_of(Function&& function) {
  const std::clock_t start = std::clock();
  function();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

void subscribe_to(int topics) {
  EventManager manager;
  sse::ConnectionOptions options;
  options.connection_id = "c";
  options.topics = {"t"};
  EventStream stream = manager.add_connection(options);
  for (int i = 0; i < topics; ++i) REQUIRE(manager.subscribe("c", "topic:" + std::to_string(i)));
  const auto reached = [&](int topic) {
    return manager.emit_event("x", 1, on_topic("topic:" + std::to_string(topic)));
  };
  CHECK(reached(topics / 2) == 1);
  for (int i = 0; i < topics; i += 2) REQUIRE(manager.unsubscribe("c", "topic:" + std::to_string(i)));
  CHECK(reached(topics / 2) == 0);
  CHECK(reached(1) == 1);
  CHECK(!manager.unsubscribe("c", "topic:0"));
}

TEST_CASE("subscribing to many topics on one connection takes time in proportion") {
  const double few = seconds_of([] { subscribe_to(2'000); });
  const double many = seconds_of([] { subscribe_to(100'000); });
  CHECK(many < 200 * few);  // 50 times as many; a search through all of them takes 700 times as long and more
}

TEST_CASE("a connection's topics come and go in any order") {
  EventManager manager;
  sse::ConnectionOptions options;
  options.connection_id = "c";
  options.topics = {"t"};
  EventStream stream = manager.add_connection(options), others = manager.add_connection([] {
    sse::ConnectionOptions settings;
    settings.connection_id = "d";
    settings.topics = {"t3", "t7", "t11", "t11"};
    return settings;
  }());
  std::set<int> subscribed;
  unsigned random = 1;
  for (int round = 0; round < 3000; ++round) {
    random = random * 1103515245 + 12345;
    const int topic = static_cast<int>(random >> 16) % 60;
    const std::string name = "t" + std::to_string(topic);
    if (random >> 31) {
      CHECK(manager.subscribe("c", name));
      subscribed.insert(topic);
    } else {
      CHECK(manager.unsubscribe("c", name) == (subscribed.erase(topic) == 1));
    }
  }
  for (int topic = 0; topic < 60; ++topic) {
    sse::EmitOptions to;
    to.topic = "t" + std::to_string(topic);
    const std::size_t other = topic == 3 || topic == 7 || topic == 11 ? 1 : 0;
    CHECK(manager.emit_event("x", topic, to) == subscribed.count(topic) + other);
  }
}

TEST_CASE("a connection with many topics gets their events while it is in the map, and not after") {
  EventManager manager;
  sse::ConnectionOptions options = [] {
    sse::ConnectionOptions settings;
    settings.connection_id = "c";
    settings.announce = false;
    for (int i = 0; i < 1'000; ++i) settings.topics.push_back("t" + std::to_string(i));
    return settings;
  }();
  EventStream stream = manager.add_connection(options);
  for (const char* topic : {"t0", "t500", "t999"}) CHECK(manager.emit_event("x", 1, on_topic(topic)) == 1);
  CHECK(manager.emit_event("x", 1, on_topic("t1000")) == 0);
  EventStream newer = manager.add_connection(options);  // the older one has ended, and is not read yet
  CHECK(manager.emit_event("x", 2, on_topic("t500")) == 1);
  CHECK(told(stream) == Words{"1", "1", "1"});
  CHECK(stream.done());
  CHECK(told(newer) == Words{"2"});
  CHECK(manager.disconnect("c"));
  CHECK(manager.emit_event("x", 3, on_topic("t500")) == 0);
  { const EventStream gone = std::move(stream); }
  { const EventStream gone = std::move(newer); }
  CHECK(manager.emit_event("x", 4, on_topic("t500")) == 0);
  sse::Options one;
  one.max_connections = 1;
  EventManager full(one);
  EventStream first = full.add_connection("first");
  CHECK_THROWS_AS(full.add_connection(options), sse::Refused);
  CHECK(full.emit_event("x", 5, on_topic("t500")) == 1);
  first.close();
  EventStream second = full.add_connection(options);
  CHECK(full.emit_event("x", 6, on_topic("t500")) == 1);
}

double seconds_of_replay(int events) {
  EventManager manager(history_of(static_cast<std::size_t>(events)));
  for (int i = 0; i < events; ++i)
    manager.emit_event("number", i, on_topic((i % 2 == 0 ? "topic:" : "other:") + std::to_string(i)));
  sse::ConnectionOptions options;
  options.from_earliest = true;
  for (int i = 0; i < 20'000; ++i) options.topics.push_back("topic:" + std::to_string(i));
  std::optional<EventStream> stream;
  const double seconds = seconds_of([&] { stream.emplace(manager.add_connection(options)); });
  CHECK(told(*stream).size() == std::size_t(1 + events / 2));
  return seconds;
}

TEST_CASE("a replay looks the topic of each event up, and does not compare it with each topic of the connection") {
  const double few = seconds_of_replay(100);
  const double many = seconds_of_replay(4'000);
  CHECK(many < 4 * few);  // most of it is to enter the topics; with the comparisons 12 times as long and more
}

}  // namespace
}  // namespace sse_test
