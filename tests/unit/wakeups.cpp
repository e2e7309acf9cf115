#include <atomic>
#include <thread>

#include "support.hpp"

namespace sse_test {
namespace {

using sse::error_code;

std::vector<EventStream> add_many(EventManager& manager, std::size_t count) {
  std::vector<EventStream> streams;
  for (std::size_t i = 0; i < count; ++i) streams.push_back(add_quiet(manager));
  return streams;
}

TEST_CASE("an event completes every wait once, and never inside emit_event") {
  EventManager manager;
  asio::io_context io;
  auto streams = add_many(manager, 1000);
  std::vector<int> completed(streams.size());
  for (std::size_t i = 0; i < streams.size(); ++i)
    wait(streams[i], io, [&, i](error_code error) { completed[i] += error ? 1000 : 1; });
  io.poll();
  CHECK(completed == std::vector<int>(1000, 0));
  emit_numbers(manager, 1, 3);
  CHECK(completed == std::vector<int>(1000, 0));
  io.restart();
  io.run();
  CHECK(completed == std::vector<int>(1000, 1));
  for (auto& stream : streams) REQUIRE(told(stream) == numbers(1, 3));
}

TEST_CASE("a handler that throws keeps none of the others from being called") {
  EventManager manager;
  asio::io_context io;
  auto streams = add_many(manager, 200);
  int completed = 0, thrown = 0;
  for (std::size_t i = 0; i < streams.size(); ++i)
    wait(streams[i], io, [&, i](error_code) {
      ++completed;
      if (i % 50 == 7) throw std::runtime_error("a handler's own failure");
    });
  manager.emit_event("number", 1);
  for (bool again = true; again;) {
    try {
      io.run();
      again = false;
    } catch (const std::runtime_error&) {
      ++thrown;
    }
  }
  CHECK(completed == 200);
  CHECK(thrown == 4);
}

TEST_CASE("each handler runs on its own executor, whatever the others have") {
  EventManager manager;
  asio::io_context one, two;
  auto strand = asio::make_strand(one);
  auto streams = add_many(manager, 300);
  std::size_t on_one = 0, on_two = 0, on_strand = 0;
  for (std::size_t i = 0; i < streams.size(); ++i) {
    if (i % 3 == 0)
      wait(streams[i], one, [&](error_code) { on_one += one.get_executor().running_in_this_thread(); });
    else if (i % 3 == 1)
      wait(streams[i], two, [&](error_code) { on_two += two.get_executor().running_in_this_thread(); });
    else
      streams[i].async_wait(
          asio::bind_executor(strand, [&](error_code) { on_strand += strand.running_in_this_thread(); }));
  }
  manager.emit_event("number", 1);
  one.run();
  two.run();
  CHECK(on_one == 100);
  CHECK(on_two == 100);
  CHECK(on_strand == 100);
}

TEST_CASE("a context that is destroyed before its many completions ran destroys their coroutines") {
  EventManager manager;
  int alive = 0;
  const auto read = [&](EventStream stream) -> asio::awaitable<void> {
    const Alive frame(alive);
    while (co_await stream.next()) {
    }
  };
  {
    asio::io_context io;
    for (auto& stream : add_many(manager, 200)) asio::co_spawn(io, read(std::move(stream)), asio::detached);
    io.poll();
    CHECK(alive == 200);
    manager.emit_event("number", 1);
    io.poll_one();
  }
  CHECK(alive == 0);
  CHECK(manager.get_connection_count() == 0);
}

TEST_CASE("a wait that an event has ended is not cancelled, and a stream is destroyed in between") {
  EventManager manager;
  asio::io_context io;
  auto streams = add_many(manager, 3);
  std::array<asio::cancellation_signal, 3> signals;
  std::array<std::optional<error_code>, 3> results;
  for (std::size_t i = 0; i < 3; ++i)
    wait(streams[i], io,
         asio::bind_cancellation_slot(signals[i].slot(), [&, i](error_code error) { results[i] = error; }));
  signals[0].emit(asio::cancellation_type::terminal);
  manager.emit_event("number", 1);
  signals[1].emit(asio::cancellation_type::terminal);
  streams.pop_back();
  io.run();
  CHECK(results[0] == error_code(asio::error::operation_aborted));
  CHECK(results[1] == error_code());
  CHECK(results[2] == error_code());
  CHECK(told(streams[1]) == numbers(1, 1));
}

TEST_CASE("a stream waits again while the event that ended its wait is still on its way") {
  EventManager manager;
  asio::io_context io;
  auto streams = add_many(manager, 2);
  int first = 0, second = 0;
  for (auto& stream : streams) wait(stream, io, [&](error_code) { ++first; });
  manager.emit_event("number", 1);
  for (auto& stream : streams) CHECK(told(stream) == numbers(1, 1));
  io.run();
  CHECK(first == 2);
  io.restart();
  for (auto& stream : streams) wait(stream, io, [&](error_code) { ++second; });
  io.poll();
  CHECK(second == 0);
  manager.emit_event("number", 2);
  io.restart();
  io.run();
  CHECK(second == 2);
}

TEST_CASE("streams of queues of several sizes lose what does not fit into their own") {
  EventManager manager;
  std::vector<EventStream> streams;
  for (const std::size_t size : {1, 3, 3, 10}) {
    sse::ConnectionOptions options;
    options.max_queue_size = size;
    options.announce = false;
    streams.push_back(manager.add_connection(options));
  }
  emit_numbers(manager, 1, 5);
  CHECK(told(streams[1]) == Words{"overflow 2"} + numbers(3, 5));
  emit_numbers(manager, 6, 6);
  CHECK(told(streams[0]) == Words{"overflow 5", "6"});
  CHECK(told(streams[1]) == numbers(6, 6));
  CHECK(told(streams[2]) == Words{"overflow 3"} + numbers(4, 6));
  CHECK(told(streams[3]) == numbers(1, 6));
}

TEST_CASE("an event for one stream comes in its place among those for all") {
  EventManager manager(3);
  EventStream alone = add_quiet(manager, "alone"), other = add_quiet(manager);
  emit_numbers(manager, 1, 1);
  manager.send_event("alone", "number", 2);
  emit_numbers(manager, 3, 4);
  CHECK(alone.dropped() == 1);
  CHECK(told(alone) == Words{"overflow 1"} + numbers(2, 4));
  CHECK(told(other) == Words{"1", "3", "4"});
  emit_numbers(manager, 5, 8);
  CHECK(told(alone) == Words{"overflow 1"} + numbers(6, 8));
  manager.send_event("alone", "number", 9);
  CHECK(told(alone) == numbers(9, 9));
}

TEST_CASE("a coroutine of any executor reads a stream") {
  using Executor = asio::io_context::executor_type;
  EventManager manager;
  asio::io_context io;
  EventStream stream = add_quiet(manager);
  Words words;
  const auto read = [&]() -> asio::awaitable<void, Executor> {
    while (auto event = co_await stream.next<Executor>()) words.push_back(word(*event));
  };
  asio::co_spawn(io.get_executor(), read(), asio::detached);
  io.poll();
  emit_numbers(manager, 1, 2);
  manager.disconnect_all();
  io.restart();
  io.run();
  CHECK(words == numbers(1, 2));
}

TEST_CASE("threads that wait, read and cancel lose nothing while others emit") {
  constexpr int streams = 64, events = sanitized ? 500 : 3000;
  EventManager manager(events + 1);
  asio::io_context io;
  std::atomic<int> read{0};
  const auto reader = [&](EventStream stream) -> asio::awaitable<void> {
    for (int n = 1; n <= events; ++n) {
      const auto event = co_await stream.next();
      if (!event || json::parse(event->json())["data"] != n) co_return;
      ++read;
    }
  };
  for (int i = 0; i < streams; ++i) {
    if (i % 2 == 0)
      asio::co_spawn(io, reader(add_quiet(manager)), asio::detached);
    else
      asio::co_spawn(asio::make_strand(io), reader(add_quiet(manager)), asio::detached);
  }
  std::thread emitter([&] { emit_numbers(manager, 1, events); });
  std::thread second([&] { io.run(); });
  io.run();
  emitter.join();
  second.join();
  CHECK(read == streams * events);
}

}  // namespace
}  // namespace sse_test
