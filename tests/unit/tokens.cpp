#include <memory>
#include <thread>

#include "support.hpp"

namespace sse_test {
namespace {

using sse::error_code;

TEST_CASE("async_wait consumes nothing and is ready for an event and for the end") {
  EventManager manager;
  EventStream stream = add_quiet(manager);
  asio::io_context io;
  int calls = 0;
  const auto ready = [&] {
    wait(stream, io, [&](error_code error) {
      CHECK_FALSE(error);
      ++calls;
    });
    io.restart();
    return io.poll() != 0;
  };
  CHECK_FALSE(ready());
  emit_numbers(manager, 1, 1);
  CHECK(io.poll() == 1);
  CHECK(ready());
  CHECK(ready());
  CHECK(told(stream) == Words{"1"});
  CHECK_FALSE(ready());
  manager.disconnect_all();
  CHECK(io.poll() == 1);
  CHECK(ready());
  CHECK(calls == 5);
}

TEST_CASE("a completion never runs inside the initiating call or inside what brings it about") {
  EventManager manager;
  asio::io_context io;
  int calls = 0;
  const auto start = [&](EventStream& stream) { wait(stream, io, [&](error_code) { ++calls; }); };
  asio::post(io, [&] {  // on the very thread where a dispatch would run it at once
    EventStream stream = manager.add_connection("id");
    start(stream);  // ready
    CHECK(calls == 0);
    told(stream);
    const auto pending = [&](auto act) {
      EventStream other = add_quiet(manager, "other");
      start(other);
      act(other);
      CHECK(calls == 0);
    };
    pending([&](EventStream&) { manager.emit_event("x", 1); });
    pending([&](EventStream&) { manager.emit_json("x", "1"); });
    pending([&](EventStream&) { manager.send_event("other", "x", 1); });
    pending([&](EventStream&) { manager.disconnect("other"); });
    pending([&](EventStream&) { manager.disconnect_all(); });
    pending([&](EventStream& other) { other.close(); });
    pending([&](EventStream& other) { start(other); });
    pending([&](EventStream&) {});
  });
  io.run();
  CHECK(calls == 10);
}

TEST_CASE("a pending wait keeps the io_context alive") {
  EventManager manager;
  EventStream stream = add_quiet(manager);
  asio::io_context io;
  int calls = 0;
  wait(stream, io, [&](error_code) { ++calls; });
  CHECK(io.poll() == 0);
  CHECK_FALSE(io.stopped());
  std::thread emitter([&] { manager.emit_event("x", 1); });
  io.run();
  CHECK(calls == 1);
  CHECK(io.stopped());
  emitter.join();
}

TEST_CASE("a second wait completes with already_started, and the first goes on") {
  EventManager manager;
  EventStream stream = add_quiet(manager);
  asio::io_context io, elsewhere;
  Words order;
  const auto note = [&](std::string name) {
    return [&order, name](error_code error) { order.push_back(name + " " + (error ? error.message() : "ready")); };
  };
  const std::string started = error_code(asio::error::already_started).message();
  wait(stream, io, note("first"));
  wait(stream, io, note("second"));
  wait(stream, elsewhere, note("third"));
  io.poll();
  elsewhere.poll();
  CHECK(order == Words{"second " + started, "third " + started});
  run([&]() -> asio::awaitable<void> {
    try {
      co_await stream.next();
      FAIL("a second wait went on");
    } catch (const sse::system_error& error) {
      CHECK(error.code() == asio::error::already_started);
    }
  });
  manager.emit_event("x", 1);
  io.poll();
  CHECK(order.back() == "first ready");
  CHECK(told(stream) == Words{"1"});
}

TEST_CASE("a handler runs on its associated executor") {
  EventManager manager;
  EventStream stream = add_quiet(manager), other = add_quiet(manager);
  asio::thread_pool pool(2);
  auto strand = asio::make_strand(pool);
  std::promise<bool> on_strand;
  stream.async_wait(
      asio::bind_executor(strand, [&](error_code) { on_strand.set_value(strand.running_in_this_thread()); }));
  auto coroutine = asio::co_spawn(
      strand,
      [&]() -> asio::awaitable<bool> {
        co_await other.next();
        co_return strand.running_in_this_thread();
      },
      asio::use_future);
  manager.emit_event("x", 1);
  CHECK(get(on_strand.get_future()));
  CHECK(get(std::move(coroutine)));
}

TEST_CASE("a handler without an executor runs on the system's") {
  EventManager manager;
  EventStream stream = add_quiet(manager);
  for (const bool ready : {false, true}) {
    std::promise<std::thread::id> ran;
    if (ready) manager.emit_event("x", 1);
    stream.async_wait([&](error_code) { ran.set_value(std::this_thread::get_id()); });
    if (!ready) manager.emit_event("x", 1);
    CHECK(get(ran.get_future()) != std::this_thread::get_id());
    told(stream);
  }
}

TEST_CASE("use_future") {
  EventManager manager;
  EventStream stream = add_quiet(manager);
  std::future<void> ready = stream.async_wait(asio::use_future);
  CHECK(ready.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
  manager.emit_event("x", 1);
  get(std::move(ready));
  CHECK(told(stream) == Words{"1"});
  std::optional<EventStream> doomed = add_quiet(manager);
  std::future<void> aborted = doomed->async_wait(asio::use_future);
  doomed.reset();
  CHECK_THROWS_AS(get(std::move(aborted)), sse::system_error);
}

TEST_CASE("use_awaitable, as_tuple, redirect_error, deferred and detached") {
  EventManager manager;
  EventStream stream = manager.add_connection();
  const auto emit_soon = [&]() -> asio::awaitable<void> {
    told(stream);
    asio::post(co_await asio::this_coro::executor, [&] { manager.emit_event("x", 1); });
  };
  run([&]() -> asio::awaitable<void> {
    co_await emit_soon();
    co_await stream.async_wait(asio::use_awaitable);
    CHECK(told(stream) == Words{"1"});
    co_await emit_soon();
    const std::tuple<error_code> result = co_await stream.async_wait(as_tuple(asio::use_awaitable));
    CHECK_FALSE(std::get<0>(result));
    CHECK(told(stream) == Words{"1"});
    co_await emit_soon();
    error_code error = asio::error::eof;
    co_await stream.async_wait(asio::redirect_error(asio::use_awaitable, error));
    CHECK_FALSE(error);
    CHECK(told(stream) == Words{"1"});

    auto lazy = stream.async_wait(deferred);
    stream.async_wait(asio::detached);
    co_await std::move(lazy)(asio::redirect_error(asio::use_awaitable, error));
    CHECK(error == asio::error::already_started);
    co_await emit_soon();
    while (co_await stream.async_wait(asio::redirect_error(asio::use_awaitable, error)), error)
      co_await asio::post(asio::use_awaitable);  // until the detached wait is over
    CHECK(told(stream) == Words{"1"});
  });
}

template <class T>
struct Counting {
  using value_type = T;
  int *live, *made;

  Counting(int& live_count, int& made_count) : live(&live_count), made(&made_count) {}
  template <class U>
  Counting(const Counting<U>& other) : live(other.live), made(other.made) {}
  T* allocate(std::size_t n) {
    ++*live, ++*made;
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* memory, std::size_t n) {
    --*live;
    std::allocator<T>().deallocate(memory, n);
  }
  friend bool operator==(const Counting&, const Counting&) = default;
};

struct CountingHandler {
  using allocator_type = Counting<char>;
  using executor_type = asio::io_context::executor_type;
  allocator_type get_allocator() const { return {*live, *made}; }
  executor_type get_executor() const { return executor; }
  void operator()(error_code) const { CHECK(*live == 0); }  // freed before it runs

  int *live, *made;
  executor_type executor;
};

TEST_CASE("a wait's memory comes from the handler's allocator and is back before the handler runs") {
  EventManager manager;
  EventStream stream = add_quiet(manager);
  int live = 0, made = 0;
  for (const bool run_it : {true, false}) {
    asio::io_context io;
    stream.async_wait(CountingHandler{&live, &made, io.get_executor()});
    CHECK(live == 1);
    if (run_it) {
      manager.emit_event("x", 1);
      CHECK(live == 1);  // the posted completion has it too
      CHECK(made == 2);
      CHECK(io.run() == 1);
      told(stream);
    }
  }
  CHECK(live == 0);
  CHECK(made == 3);
}

}  // namespace
}  // namespace sse_test
