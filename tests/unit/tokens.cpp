#include <array>
#include <memory>
#include <thread>
#include <tuple>

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

TEST_CASE("async_next: a callback gets each event, and the end as eof") {
  EventManager manager;
  EventStream stream = add_quiet(manager);
  asio::io_context io;
  Words results;
  const auto next = [&] {
    stream.async_next(asio::bind_executor(io, [&](error_code error, Event event) {
      results.push_back(error ? error.message() : word(event));
      CHECK(event.empty() == static_cast<bool>(error));
    }));
  };
  next();
  io.poll();
  CHECK(results.empty());
  manager.emit_event("x", 1);
  CHECK(results.empty());  // posted, as every completion
  io.poll();
  io.restart();
  manager.emit_event("x", 2);
  next();
  CHECK(results == Words{"1"});
  io.run();
  io.restart();
  manager.disconnect_all();
  for (int i = 0; i < 2; ++i) next(), io.run(), io.restart();
  const std::string eof = error_code(asio::error::eof).message();
  CHECK(results == Words{"1", "2", eof, eof});
  CHECK(stream.done());
}

TEST_CASE("async_next: a second one is told already_started, closing is the end, and destruction aborts") {
  EventManager manager;
  std::optional<EventStream> stream = add_quiet(manager);
  asio::io_context io;
  std::vector<error_code> results;
  const auto next = [&] {
    stream->async_next(asio::bind_executor(io, [&](error_code error, Event) { results.push_back(error); }));
    io.poll();
    io.restart();
  };
  next();
  next();
  stream->close();
  io.poll();
  io.restart();
  stream = add_quiet(manager);
  next();
  stream.reset();
  io.poll();
  CHECK(results ==
        std::vector<error_code>{asio::error::already_started, asio::error::eof, asio::error::operation_aborted});
}

TEST_CASE("async_next: use_future, use_awaitable, as_tuple, redirect_error and deferred") {
  EventManager manager;
  EventStream stream = add_quiet(manager);
  std::future<Event> future = stream.async_next(asio::use_future);
  manager.emit_event("x", 1);
  CHECK_THAT(get(std::move(future)), Is("1"));
  run([&]() -> asio::awaitable<void> {
    emit_numbers(manager, 2, 6);
    const Event second = co_await stream.async_next(asio::use_awaitable);
    CHECK_THAT(second, Is("2"));
    const std::tuple<error_code, Event> third = co_await stream.async_next(as_tuple(asio::use_awaitable));
    CHECK_THAT(std::get<1>(third), Is("3"));
    error_code error = asio::error::eof;
    const Event fourth = co_await stream.async_next(asio::redirect_error(asio::use_awaitable, error));
    CHECK_THAT(fourth, Is("4"));
    CHECK(error == error_code());
    auto lazy = stream.async_next(deferred);
    const Event fifth = co_await std::move(lazy)(asio::use_awaitable);
    CHECK_THAT(fifth, Is("5"));
    const Event sixth = co_await stream.async_next();  // the default token
    CHECK_THAT(sixth, Is("6"));
    asio::post(co_await asio::this_coro::executor, [&] { manager.emit_event("x", 7); });
    co_await stream.async_wait();
    CHECK(told(stream) == Words{"7"});
    manager.disconnect_all();
    try {
      const Event none = co_await stream.async_next(asio::use_awaitable);
      CHECK_THAT(none, Is("an end"));
    } catch (const sse::system_error& end) {
      CHECK(end.code() == asio::error::eof);
    }
  });
}

TEST_CASE("async_next runs on the handler's executor, and else on the stream's") {
  EventManager manager;
  asio::io_context own, other;
  sse::ConnectionOptions options;
  options.announce = false;
  options.executor = own.get_executor();
  EventStream stream = manager.add_connection(options);
  CHECK(stream.get_executor() == own.get_executor());
  EventStream plain = add_quiet(manager);
  CHECK(plain.get_executor() == asio::system_executor());
  Words ran;
  stream.async_next(asio::bind_executor(other, [&](error_code, Event) { ran.push_back("other"); }));
  manager.emit_event("x", 1);
  CHECK(own.poll() == 0);
  CHECK(other.poll() == 1);
  stream.async_next([&](error_code, Event) { ran.push_back("own"); });
  own.restart();
  CHECK(own.poll() == 0);
  CHECK_FALSE(own.stopped());  // a pending operation is work
  manager.emit_event("x", 2);
  CHECK(own.poll() == 1);
  stream.async_wait([&](error_code) { ran.push_back("own wait"); });
  manager.emit_event("x", 3);
  own.restart();
  CHECK(own.poll() == 1);
  CHECK(ran == Words{"other", "own", "own wait"});
}

// Runs `start(token)` beside a timer on `executor`, and returns which came first: what cancel_after does, which older
// Asios don't have.
template <class Start>
std::size_t race(Start start, const asio::any_io_executor& executor, asio::io_context& io, error_code& result) {
  auto timer = std::make_shared<asio::steady_timer>(executor, std::chrono::milliseconds(5));
  std::size_t first = 2;
  asio::experimental::make_parallel_group(start(deferred), timer->async_wait(deferred))
      .async_wait(asio::experimental::wait_for_one(),
                  asio::bind_executor(io, [&, timer](std::array<std::size_t, 2> order, error_code error, auto&&...) {
                    first = order[0];
                    result = error;
                  }));
  io.run_for(deadline);
  io.restart();
  return first;
}

EventStream add_quiet_on(asio::io_context& io, EventManager& manager) {
  sse::ConnectionOptions options;
  options.announce = false;
  options.executor = io.get_executor();
  return manager.add_connection(options);
}

TEST_CASE("a timer on the stream's executor cancels async_next and async_wait, and nothing is lost") {
  EventManager manager;
  asio::io_context io;
  EventStream stream = add_quiet_on(io, manager);
  error_code result;
  const auto wait = [&](auto token) { return stream.async_wait(std::move(token)); };
  CHECK(race(wait, stream.get_executor(), io, result) == 1);
  CHECK(result == asio::error::operation_aborted);
  const auto next = [&](auto token) { return stream.async_next(std::move(token)); };
  CHECK(race(next, stream.get_executor(), io, result) == 1);
  CHECK(result == asio::error::operation_aborted);
  manager.emit_event("x", 1);
  CHECK(told(stream) == Words{"1"});
}

#if ASIO_VERSION >= 103100 && !defined(SSE_USE_BOOST_ASIO)
TEST_CASE("cancel_after runs on the stream's executor and starts no thread") {
  EventManager manager;
  asio::io_context io;
  EventStream stream = add_quiet_on(io, manager);
  std::vector<error_code> results;
  const std::thread::id here = std::this_thread::get_id();
  stream.async_next(asio::cancel_after(std::chrono::milliseconds(5), [&](error_code error, Event) {
    CHECK(std::this_thread::get_id() == here);
    results.push_back(error);
  }));
  io.run_for(deadline);
  REQUIRE(io.stopped());
  CHECK(results == std::vector<error_code>{asio::error::operation_aborted});
}
#endif

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
