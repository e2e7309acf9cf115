#include "support.hpp"

namespace sse_test {
namespace {

using namespace asio::experimental::awaitable_operators;
using sse::error_code;

constexpr asio::cancellation_type types[] = {asio::cancellation_type::terminal, asio::cancellation_type::partial,
                                             asio::cancellation_type::total};

asio::awaitable<void> steps(int count) {
  for (; count > 0; --count) co_await asio::post(asio::use_awaitable);
}

asio::awaitable<void> emit_slowly(EventManager& manager, int last, int pause) {
  for (int i = 1; i <= last; ++i) {
    co_await steps(pause);
    manager.emit_event("number", i);
  }
  manager.disconnect_all();
}

asio::awaitable<void> read_on(EventStream& stream, Words& words) {
  co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
  while (auto event = co_await stream.next()) words.push_back(word(*event));
}

TEST_CASE("a wait is cancelled by each type, takes nothing with it, and can be asked again") {
  EventManager manager;
  for (const auto type : types) {
    EventStream stream = add_quiet(manager);
    asio::io_context io;
    asio::cancellation_signal signal;
    Words results;
    const auto wait = [&] {
      stream.async_wait(asio::bind_cancellation_slot(
          signal.slot(), asio::bind_executor(io, [&](error_code error) {
            results.push_back(error == asio::error::operation_aborted ? "aborted" : error ? error.message() : "ready");
          })));
    };
    wait();
    signal.emit(asio::cancellation_type::none);
    CHECK(io.poll() == 0);
    signal.emit(type);
    CHECK(results.empty());  // posted, as every completion
    CHECK(io.poll() == 1);
    io.restart();
    wait();
    manager.emit_event("number", 1);
    signal.emit(type);  // too late: the wait has succeeded
    CHECK(io.poll() == 1);
    CHECK(results == Words{"aborted", "ready"});
    CHECK(told(stream) == Words{"1"});
  }
}

TEST_CASE("a late signal cancels neither the next wait nor a stream that is gone") {
  EventManager manager;
  std::optional<EventStream> stream = add_quiet(manager);
  asio::io_context io;
  asio::cancellation_signal old;
  int calls = 0;
  stream->async_wait(asio::bind_cancellation_slot(old.slot(), asio::bind_executor(io, [&](error_code) { ++calls; })));
  manager.emit_event("number", 1);
  told(*stream);
  wait(*stream, io, [&](error_code error) {
    CHECK_FALSE(error);
    calls += 10;
  });
  old.emit(asio::cancellation_type::terminal);
  io.poll();
  CHECK(calls == 1);
  manager.emit_event("number", 2);
  io.poll();
  CHECK(calls == 11);
  stream.reset();
  old.emit(asio::cancellation_type::terminal);
}

TEST_CASE("an async_next that is cancelled takes no event, also where the event came first") {
  EventManager manager;
  for (const auto type : types)
    for (const bool event_first : {false, true}) {
      EventStream stream = add_quiet(manager);
      asio::io_context io;
      asio::cancellation_signal signal;
      error_code result;
      Event taken;
      stream.async_next(
          asio::bind_cancellation_slot(signal.slot(), asio::bind_executor(io, [&](error_code error, Event event) {
                                         result = error;
                                         taken = std::move(event);
                                       })));
      if (event_first) manager.emit_event("number", 1);
      signal.emit(type);
      if (!event_first) manager.emit_event("number", 1);
      CHECK(io.poll() == 1);
      CHECK(result == asio::error::operation_aborted);
      CHECK(taken.empty());
      CHECK(told(stream) == Words{"1"});
    }
}

asio::awaitable<void> read_on_by_token(EventStream& stream, Words& words) {
  co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
  for (;;) {
    error_code end;
    const Event event = co_await stream.async_next(asio::redirect_error(asio::use_awaitable, end));
    if (end) break;
    words.push_back(word(event));
  }
}

/// Reads `stream` by `read`, cancels that after each step in turn, reads again, and expects every event once.
template <class Read>
void check_cancelled_reads(asio::cancellation_type type, int pause, Read&& read) {
  EventManager manager;
  std::optional<EventStream> stream;
  std::optional<asio::cancellation_signal> signal;
  Words words;
  const std::size_t all = after_each_step(
      [&](asio::io_context& io) {
        stream = add_quiet(manager);
        signal.emplace();
        words.clear();
        asio::co_spawn(io, read(*stream, words),
                       asio::bind_cancellation_slot(signal->slot(), [](std::exception_ptr) {}));
        asio::co_spawn(io, emit_slowly(manager, 5, pause), asio::detached);
      },
      [&](asio::io_context& io) {
        signal->emit(type);
        io.run_for(deadline);
        REQUIRE(io.stopped());
        run([&] { return read(*stream, words); });
        REQUIRE(words == numbers(1, 5));
        REQUIRE(stream->dropped() == 0);
      },
      [] {});
  CHECK(all >= 3);  // how many depends on the Asio
}

TEST_CASE("a next() or async_next that is cancelled after any step, by any type, and asked again loses no event") {
  for (const auto type : types)
    for (const int pause : {0, 1, 3}) {
      check_cancelled_reads(type, pause, read_on);
      check_cancelled_reads(type, pause, read_on_by_token);
    }
}

asio::awaitable<void> read_in_turns(EventStream stream, int patience, Words& words, int& cut_off) {
  for (;;) {
    const auto result = co_await (stream.next() || steps(patience));
    if (result.index() == 1)
      ++cut_off;
    else if (const std::optional<Event>& event = std::get<0>(result))
      words.push_back(word(*event));
    else
      co_return;
  }
}

TEST_CASE("next() || something else loses no event, whichever wins and however close") {
  int cut_off = 0;
  for (int patience = 0; patience < 12; ++patience)
    for (int pause = 0; pause < 30; ++pause) {
      EventManager manager;
      Words words;
      asio::io_context io;
      asio::co_spawn(io, read_in_turns(add_quiet(manager), patience, words, cut_off), asio::detached);
      asio::co_spawn(io, emit_slowly(manager, 4, pause), asio::detached);
      io.run_for(deadline);
      INFO("patience " << patience << ", pause " << pause);
      REQUIRE(io.stopped());
      REQUIRE(words == numbers(1, 4));
    }
  CHECK(cut_off > 100);
}

TEST_CASE("an event and a cancellation that meet before the coroutine runs: the event waits for the next next()") {
  EventManager manager;
  EventStream stream = add_quiet(manager);
  asio::io_context io;
  asio::steady_timer timer(io, asio::steady_timer::time_point::max());
  std::size_t winner = 2;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        error_code ignored;
        const auto result =
            co_await (stream.next() || timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored)));
        winner = result.index();
      },
      asio::detached);
  io.poll();
  timer.cancel();
  manager.emit_event("number", 1);
  io.run();
  CHECK(winner == 1);
  CHECK(told(stream) == Words{"1"});
}

TEST_CASE("a coroutine that was cancelled once and goes on all the same can still wait") {
  EventManager manager;
  EventStream stream = add_quiet(manager);
  asio::io_context io;
  asio::cancellation_signal signal;
  Words words;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        co_await asio::this_coro::throw_if_cancelled(false);
        for (int i = 0; i < 3; ++i) try {
            words.push_back(word((co_await stream.next()).value()));
          } catch (const sse::system_error&) {
            words.push_back("cancelled");
          }
      },
      asio::bind_cancellation_slot(signal.slot(), [](std::exception_ptr) {}));
  io.poll();
  signal.emit(asio::cancellation_type::terminal);
  for (int i = 1; i <= 2; ++i) {
    io.poll();
    manager.emit_event("number", i);
  }
  io.poll();
  CHECK(words == Words{"cancelled", "1", "2"});
}

}  // namespace
}  // namespace sse_test
