#include <array>

#include "support.hpp"

namespace sse_test {
namespace {

using sse::error_code;

asio::awaitable<void> read_all(EventStream stream, Words& words, int& alive) {
  const Alive frame(alive);
  while (auto event = co_await stream.next()) words.push_back(word(*event));
}

TEST_CASE("a manager that is destroyed ends its waiting streams") {
  std::optional<EventManager> manager(std::in_place);
  asio::io_context io;
  std::array<Words, 3> words;
  int alive = 0;
  for (Words& own : words) asio::co_spawn(io, read_all(manager->add_connection(), own, alive), asio::detached);
  io.poll();
  CHECK(alive == 3);
  manager.reset();
  io.run();
  CHECK(alive == 0);
  for (const Words& own : words) {
    REQUIRE(own.size() == 2);
    CHECK(own[1].starts_with("disconnect "));
  }
}

TEST_CASE("a stream that outlives its manager delivers what waits, and can be closed and destroyed") {
  std::optional<EventManager> manager(std::in_place);
  EventStream stream = manager->add_connection(), other = manager->add_connection();
  emit_numbers(*manager, 1, 2);
  manager.reset();
  other.close();
  const Words words = told(stream);
  REQUIRE(words.size() == 4);
  CHECK(words[2] == "2");
  CHECK(words[3].starts_with("disconnect "));
  CHECK(stream.done());
}

TEST_CASE("a stream that is destroyed aborts its wait, and one that is closed completes it") {
  EventManager manager;
  for (const bool close : {false, true}) {
    std::optional<EventStream> stream = add_quiet(manager), twin = add_quiet(manager);
    asio::io_context io;
    std::optional<error_code> waited;
    std::exception_ptr thrown;
    std::optional<Event> read;
    wait(*stream, io, [&](error_code error) { waited = error; });
    asio::co_spawn(io, twin->next(), [&](std::exception_ptr failure, std::optional<Event> event) {
      thrown = failure;
      read = std::move(event);
    });
    io.poll();
    for (auto* one : {&stream, &twin}) close ? (*one)->close() : one->reset();
    io.run();
    REQUIRE(waited);
    CHECK(*waited == (close ? error_code() : error_code(asio::error::operation_aborted)));
    CHECK((thrown == nullptr) == close);
    CHECK_FALSE(read);
    CHECK(manager.get_connection_count() == 0);
  }
}

asio::awaitable<void> emit_all(EventManager& manager, int& alive) {
  const Alive frame(alive);
  for (int i = 1; i <= 3; ++i) {
    manager.emit_event("number", i);
    co_await asio::post(asio::use_awaitable);
  }
  manager.disconnect_all();
}

TEST_CASE("an io_context that is destroyed after any step leaks no coroutine and leaves no connection") {
  EventManager manager;
  int alive = 0;
  Words words[2];
  const auto start = [&](asio::io_context& io) {
    for (Words& own : words) {
      own.clear();
      asio::co_spawn(io, read_all(manager.add_connection(), own, alive), asio::detached);
    }
    asio::co_spawn(io, emit_all(manager, alive), asio::detached);
  };
  after_each_step(
      start, [](auto&) {},
      [&] {
        REQUIRE(alive == 0);
        REQUIRE(manager.get_connection_count() == 0);
        REQUIRE(manager.emit_event("x", 1) == 0);
      });
  CHECK(words[0].size() == 5);
  CHECK(words[1].size() == 5);
}

TEST_CASE("a thread_pool that is destroyed with waits in it leaks no coroutine") {
  EventManager manager;
  int alive = 0;
  Words words;
  {
    asio::thread_pool pool(1);
    asio::co_spawn(pool, read_all(manager.add_connection(), words, alive), asio::detached);
    std::promise<void> waiting;
    asio::post(pool, [&] { asio::post(pool, [&] { waiting.set_value(); }); });
    get(waiting.get_future());
    pool.stop();
  }
  CHECK(alive == 0);
  CHECK(manager.get_connection_count() == 0);
}

TEST_CASE("an io_context's end destroys a plain handler uncalled, and the stream goes on elsewhere") {
  EventManager manager;
  EventStream stream = add_quiet(manager);
  int calls = 0;
  const auto owned = std::make_shared<int>();
  const auto start = [&](asio::io_context& io) { wait(stream, io, [&calls, owned](error_code) { ++calls; }); };
  for (int round = 0; round < 3; ++round) {  // the next context may well have the last one's address
    asio::io_context io;
    start(io);
    CHECK(owned.use_count() == 2);
  }
  CHECK(calls == 0);
  CHECK(owned.use_count() == 1);
  asio::io_context next;
  start(next);
  manager.emit_event("number", 1);
  next.run();
  CHECK(calls == 1);
  CHECK(told(stream) == Words{"1"});
}

TEST_CASE("a stream may wait on one context after the other, and the first one's end is nothing to it") {
  EventManager manager;
  EventStream stream = add_quiet(manager);
  std::optional<asio::io_context> first(std::in_place);
  asio::io_context second;
  int calls = 0;
  wait(stream, *first, [&](error_code) { ++calls; });
  manager.emit_event("number", 1);
  first->run();
  told(stream);
  wait(stream, second, [&](error_code) { ++calls; });
  first.reset();
  manager.emit_event("number", 2);
  second.run();
  CHECK(calls == 2);
}

TEST_CASE("a handler may destroy its stream, and the manager with it") {
  auto manager = std::make_unique<EventManager>();
  auto stream = std::make_unique<EventStream>(add_quiet(*manager));
  asio::io_context io;
  EventManager& emitter = *manager;
  EventStream& reader = *stream;
  reader.async_wait(
      asio::bind_executor(io, [manager = std::move(manager), stream = std::move(stream)](error_code) mutable {
        manager.reset();
        stream.reset();
      }));
  emitter.emit_event("number", 1);
  CHECK(io.run() == 1);
}

TEST_CASE("the observer hears of a stream's end after the manager's") {
  std::optional<EventManager> manager(std::in_place);
  const auto removed = std::make_shared<Words>();
  sse::Observer observer;
  observer.connection_removed = [removed](const sse::ConnectionRow& row, auto) {
    removed->push_back(row.connection_id);
  };
  manager->set_observer(observer);
  observer = {};
  {
    EventStream stream = manager->add_connection("a");
    manager.reset();
    CHECK(*removed == Words{"a"});
  }
  CHECK(*removed == Words{"a"});
  CHECK(removed.use_count() == 1);
}

}  // namespace
}  // namespace sse_test
