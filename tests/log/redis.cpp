// The promises of RedisLog on a server that works: places, numbers, reading, trimming, waiting, foreign entries,
// bounds.
#include <future>
#include <thread>

#include "promises.hpp"
#include "redis_support.hpp"
#include "sse/detail/log/redis_script.hpp"

using namespace sse_test;

TEST_CASE("Redis: an event is read back as it was appended") {
  const RedisServer server;
  check_read_back([&] { return std::make_unique<RedisLog>(server.url()); });
  RedisLog log(server.url());
  const std::string id = std::to_string(newest(log, 1).at(0).stamp) + "-3";
  CHECK(server({"XREVRANGE", "{sse}", "+", "-", "COUNT", "1"}).starts_with(id + " sse e type"));
}

TEST_CASE("Redis: the script has the name that the server gives it") {
  const RedisServer server;
  CHECK(server({"SCRIPT", "LOAD", std::string(sse::detail::redis_append_script)}) == sse::detail::redis_append_sha1);
}

TEST_CASE("Redis: open gives the newest events, and tells whether there was a stream") {
  const RedisServer server;
  check_open([&] { return std::make_unique<RedisLog>(server.url()); });
}

TEST_CASE("Redis: a history of many pages is given whole, in order") {
  const RedisServer server;
  RedisLog log(server.url());
  for (std::uint64_t batch = 0; batch < 12; ++batch) append(log, batch + 1, std::vector<std::string>(256, "x"));
  const Events events = newest(log, 3000);
  REQUIRE(events.size() == 3000);
  for (std::size_t i = 0; i < events.size(); ++i) REQUIRE(events[i].n == 3072 - 3000 + 1 + i);
  CHECK(read_all(log, 0).size() == 3072);
}

TEST_CASE("Redis: the same number again adds nothing, also after a failure and on another connection") {
  const RedisServer server;
  check_same_number([&] { return std::make_unique<RedisLog>(server.url()); });
}

TEST_CASE("Redis: several that append give all readers one order, dense, with the same ids") {
  const RedisServer server;
  constexpr std::uint64_t writers = 3, batches = 60;
  std::vector<std::thread> threads;
  for (std::uint64_t writer = 0; writer < writers; ++writer) {
    threads.emplace_back([&, writer] {
      RedisLog log(server.url());
      for (std::uint64_t i = 1; i <= batches; ++i) {
        const std::string text = std::to_string(writer) + ' ' + std::to_string(i);
        const std::vector<LoggedEvent> events(i % 5 + 1, event_of(text));
        log.append(events, i);
      }
    });
  }
  std::uint64_t total = 0;
  for (std::uint64_t i = 1; i <= batches; ++i) total += writers * (i % 5 + 1);
  const auto follow = [&] {
    RedisLog log(server.url());
    Events events;
    for (std::uint64_t after = 0; events.size() < total;) {
      const LogRead result = read(log, after, events, 5s);
      if (result.lost != 0) break;
      after = events.empty() ? 0 : events.back().n;
    }
    return events;
  };
  auto first = std::async(std::launch::async, follow), second = std::async(std::launch::async, follow);
  const Events events = first.get();
  for (std::thread& thread : threads) thread.join();
  REQUIRE(events.size() == total);
  CHECK(second.get() == events);
  CHECK(newest(*std::make_unique<RedisLog>(server.url()), total) == events);
  for (std::size_t i = 0; i < events.size(); ++i) {
    CHECK(events[i].n == i + 1);
    if (i > 0) CHECK(events[i].stamp >= events[i - 1].stamp);
  }
}

TEST_CASE("Redis: the events that the server has trimmed are an exact gap") {
  const RedisServer server;
  RedisLogOptions options;
  options.max_events = 100;
  RedisLog log(server.url(), options), slow(server.url(), options);
  append_each(log, 1, 10);
  CHECK(read_all(slow, 0).size() == 10);
  for (std::uint64_t number = 11; number <= 110; ++number) append(log, number, std::vector<std::string>(10, "x"));
  Events events;
  const LogRead result = read(slow, 10, events);
  REQUIRE(events.size() > 0);
  CHECK(result.lost == events.front().n - 11);
  CHECK(result.tail == 1010);
  CHECK(events.back().n == 1010);
  CHECK(events.size() >= 100);
  CHECK(events.size() <= 300);
  std::uint64_t lost = 0;
  CHECK(read_all(slow, 0, &lost) == events);
  CHECK(lost == 1010 - events.size());
}

TEST_CASE("Redis: events that a person has deleted are an exact gap, the newest ones a rewritten log") {
  const RedisServer server;
  RedisLog log(server.url()), reader(server.url());
  append_each(log, 1, 6);
  const Events events = newest(log, 6);
  const auto id = [&](std::size_t i) { return std::to_string(events[i].stamp) + '-' + std::to_string(events[i].n); };
  CHECK(server({"XDEL", "{sse}", id(2), id(3)}) == "2");
  Events seen;
  CHECK(read(reader, 0, seen).lost == 0u);
  CHECK(data_of(seen) == std::vector<std::string>{"1", "2"});
  CHECK(read(reader, 2, seen).lost == 2u);
  CHECK(data_of(seen) == std::vector<std::string>{"1", "2", "5", "6"});
  CHECK(newest(reader, 10).size() == 2);  // without a hole

  CHECK(server({"XDEL", "{sse}", id(5)}) == "1");
  const LogRead result = read(reader, 6, seen);
  CHECK_FALSE(result.lost);
  CHECK(result.note.find("has lost events") != result.note.npos);
  CHECK(data_of(newest(reader, 10)) == std::vector<std::string>{"5"});
  append(log, 7, {"7"});  // above all that the stream has ever had
  CHECK(data_of(read_all(reader, 5)) == std::vector<std::string>{"7"});
}

TEST_CASE("Redis: entries of others are skipped, counted and told, and take no number") {
  const RedisServer server;
  RedisLog log(server.url());
  append_each(log, 1, 2);
  for (int i = 0; i < 40; ++i) server({"XADD", "{sse}", "*", "hello", "world"});
  append_each(log, 3, 4);
  Events events;
  const LogRead result = read(log, 0, events);
  CHECK(result.note.find("40 entries of the stream {sse} are no events") != result.note.npos);
  CHECK(data_of(events) == std::vector<std::string>{"1", "2", "3", "4"});
  CHECK(newest(log, 10) == events);
}

TEST_CASE("Redis: a stream of another application is refused by name") {
  const RedisServer server;
  RedisClient client(server.port());
  for (int i = 0; i < 1100; ++i) client({"XADD", "{sse}", "*", "hello", "world"});
  RedisLog log(server.url());
  const LogError error = failure([&] { append(log, 1, {"a"}); });
  CHECK_FALSE(error.may_pass());
  CHECK(mentions(error, "FOREIGN"));
  CHECK(client({"XLEN", "{sse}"}) == "1100");
}

TEST_CASE("Redis: an id far ahead of the clock is gone on from") {
  const RedisServer server;
  server({"XADD", "{sse}", "4000000000000-7", "hello", "world"});
  RedisLog log(server.url());
  append_each(log, 1, 3);
  const Events events = read_all(log, 0);
  REQUIRE(events.size() == 3);
  CHECK(events[0].n == 1);
  CHECK(events[0].stamp == 4'000'000'000'001);
  CHECK(events[2].stamp >= events[0].stamp);
  CHECK(events[2].stamp < events[0].stamp + 3000);
}

TEST_CASE("Redis: a read that waits ends with an append, an interrupt or its time") {
  const RedisServer server;
  RedisLogOptions options;
  options.block = 60s;
  check_waits([&] { return std::make_unique<RedisLog>(server.url(), options); });
}

TEST_CASE("Redis: an interrupted read's question is answered later, and nothing is lost") {
  const RedisServer server;
  RedisLogOptions options;
  options.block = 60s;
  RedisLog log(server.url(), options);
  RedisLog appender(server.url());
  append(appender, 1, {"a"});
  log.open(0, {});
  auto ended = std::async(std::launch::async, [&] {
    Events none;
    return read(log, 1, none, 60s).lost == 0u && none.empty();
  });
  log.interrupt();
  CHECK(ended.get());
  // The interrupted question is still at the server: its answer comes, and a read that does not wait sees all.
  append(appender, 2, {"b"});
  CHECK(data_of(read_all(log, 1)) == std::vector<std::string>{"b"});
  log.interrupt();
  Events events;
  CHECK(read(log, 2, events, 60s).lost == 0u);  // does not wait
  log.interrupt();
  auto again = std::async(std::launch::async, [&] { return read(log, 2, events, 60s); });
  again.get();
  append(appender, 3, {"c"});
  while (events.empty()) read(log, 2, events, 60s);
  CHECK(data_of(events) == std::vector<std::string>{"c"});
}

TEST_CASE("Redis: what the function throws that takes the events comes out, and the event counts as not given") {
  const RedisServer server;
  check_throwing_taker([&] { return std::make_unique<RedisLog>(server.url()); });
  RedisLog log(server.url());
  CHECK(data_of(read_all(log, 1)) == std::vector<std::string>{"2", "3", "4", "5"});
  Events events;
  CHECK_FALSE(read(log, 9, events).lost);  // beyond the tail
}

TEST_CASE("Redis: large events are read a few at a time") {
  const RedisServer server;
  RedisLog log(server.url());
  const std::string data(std::size_t{1} << 20, 'x');
  for (std::uint64_t number = 1; number <= 40; ++number) append(log, number, {data});
  CHECK(newest(log, 40).size() == 40);
  Events events;
  read(log, 10, events);
  CHECK(events.size() <= 8);
  CHECK(read_all(log, 0).size() == 40);
}

TEST_CASE("Redis: two keys are two logs, and a name without braces has its keys in one slot") {
  const RedisServer server;
  RedisLogOptions options;
  options.key = "shop";
  RedisLog shop(server.url(), options), other(server.url());
  append(shop, 1, {"a"});
  append(other, 1, {"b"});
  CHECK(data_of(read_all(shop, 0)) == std::vector<std::string>{"a"});
  CHECK(server({"KEYS", "{shop}:origin:*"}).starts_with("{shop}:origin:"));
  CHECK(std::stoi(server({"TTL", server({"KEYS", "{shop}:origin:*"})})) > 86'000);
}
