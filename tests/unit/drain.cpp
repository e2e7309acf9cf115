#include "support.hpp"

namespace sse_test {
namespace {

using sse::EndReason;
using namespace std::chrono_literals;

/// Reads to the end, and keeps the frame of the last event.
asio::awaitable<void> read_all(EventStream stream, std::vector<std::string>& last_frames) {
  std::string last;
  while (std::optional<Event> event = co_await stream.next()) last = event->frame();
  last_frames.push_back(last);
}

int retry_of(const std::string& frame) {
  const std::size_t begin = frame.find("retry: ");
  return begin == frame.npos ? -1 : std::stoi(frame.substr(begin + 7));
}

TEST_CASE("drain delivers what waits, tells each client its own time to come back, and lets nobody in") {
  asio::io_context io;
  EventManager manager;
  std::vector<std::string> ends;
  for (int i = 0; i < 50; ++i) asio::co_spawn(io, read_all(manager.add_connection(), ends), asio::detached);
  manager.emit_event("last", 1);
  std::optional<std::size_t> cut;
  asio::co_spawn(io, manager.drain(deadline, 100ms), [&](std::exception_ptr, std::size_t left) { cut = left; });
  io.run_for(deadline);
  CHECK(cut == 0u);
  REQUIRE(ends.size() == 50);
  std::map<int, int> retries;
  for (const std::string& frame : ends) {
    CHECK(frame.find("The server is shutting down") != frame.npos);
    ++retries[retry_of(frame)];
  }
  CHECK(retries.begin()->first >= 1500);
  CHECK(retries.rbegin()->first <= 5000);
  CHECK(retries.size() > 10);
  CHECK(manager.stats().ended[EndReason::drained] == 50);
  CHECK(manager.stats().delivered == 50);
  CHECK_THROWS_AS(manager.add_connection(), sse::Refused);
  CHECK(manager.stats().refused[sse::RefusalReason::draining] == 1);
}

TEST_CASE("drain lets a stream finish that asks for it, and cuts what is left at the deadline") {
  asio::io_context io;
  EventManager manager;
  std::vector<std::string> ends;
  sse::ConnectionOptions options;
  options.let_finish = true;
  options.connection_id = "answer";
  asio::co_spawn(io, read_all(manager.add_connection(options), ends), asio::detached);
  asio::co_spawn(io, read_all(manager.add_connection("other"), ends), asio::detached);
  std::optional<std::size_t> cut;
  asio::co_spawn(io, manager.drain(deadline), [&](std::exception_ptr, std::size_t left) { cut = left; });
  while (ends.empty()) io.run_one_for(deadline);
  CHECK_FALSE(cut);
  CHECK(manager.emit_event("token", "more") == 1);
  manager.disconnect("answer", "it is complete");
  io.run_for(deadline);
  CHECK(cut == 0u);
  REQUIRE(ends.size() == 2);
  CHECK(ends[1].find("it is complete") != std::string::npos);

  EventManager second;
  EventStream unread = second.add_connection(), silent = second.add_connection(options);
  second.emit_event("lost", 1);
  io.restart();
  asio::co_spawn(io, second.drain(50ms), [&](std::exception_ptr, std::size_t left) { cut = left; });
  io.run_for(deadline);
  CHECK(cut == 2u);
  CHECK(unread.done());
  CHECK(silent.done());
  CHECK(told(unread).empty());
}

TEST_CASE("drain can be cancelled, and a manager without streams is drained at once") {
  asio::io_context io;
  EventManager manager;
  EventStream stream = manager.add_connection();
  asio::cancellation_signal cancel;
  std::exception_ptr failure;
  asio::co_spawn(
      io, manager.drain(deadline),
      asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr error, std::size_t) { failure = error; }));
  while (told(stream).empty()) io.run_one_for(deadline);
  cancel.emit(asio::cancellation_type::terminal);
  io.run_for(deadline);
  CHECK_THROWS_AS(std::rethrow_exception(failure), sse::system_error);
  EventManager empty;
  run([&]() -> asio::awaitable<void> {
    const std::size_t left = co_await empty.drain(deadline, deadline);
    CHECK(left == 0);
  });
}

TEST_CASE("drain does not wait for one that is not in yet, and will be refused") {
  EventManager manager(history_of(10));
  emit_numbers(manager, 1, 1);
  std::promise<void> asked, answer;
  sse::ConnectionOptions options;
  options.from_earliest = true;
  options.filter = [&](const Event&) {
    asked.set_value();
    answer.get_future().wait();
    return true;
  };
  auto late = std::async(std::launch::async, [&] { (void)manager.add_connection(options); });
  asked.get_future().wait();
  std::size_t left = 1;
  run([&]() -> asio::awaitable<void> { left = co_await manager.drain(1s); });
  answer.set_value();
  CHECK(left == 0);
  CHECK_THROWS_AS(late.get(), sse::Refused);
}

TEST_CASE("drain takes any times") {
  constexpr auto longest = std::chrono::milliseconds::max();
  for (const auto& [deadline_time, spread] :
       {std::pair{longest, longest}, std::pair{longest, -longest}, std::pair{0ms, longest}, std::pair{-longest, 1ms}}) {
    asio::io_context io;
    EventManager manager;
    std::vector<std::string> ends;
    for (int i = 0; i < 3; ++i) asio::co_spawn(io, read_all(manager.add_connection(), ends), asio::detached);
    asio::co_spawn(io, manager.drain(deadline_time, spread), asio::detached);
    io.run_for(deadline);
    CHECK(ends.size() == 3);
    CHECK(io.stopped());
  }
}

TEST_CASE("a connection's time may be any, too") {
  using Time = std::chrono::system_clock::time_point;
  EventManager manager;
  sse::ConnectionOptions past, future;
  past.expires_at = Time::min();
  future.expires_at = Time::max();
  EventStream gone = manager.add_connection(past), lasts = manager.add_connection(future);
  CHECK(told(gone) == Words{"connection", "disconnect The connection's time is up"});
  CHECK(told(lasts) == Words{"connection"});
  CHECK_FALSE(lasts.done());
}

}  // namespace
}  // namespace sse_test
