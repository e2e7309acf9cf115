#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <sse/detail/net/coarse_timer.hpp>
#include <sse/detail/net/deadline_wheel.hpp>
#include <utility>
#include <vector>

#include "support.hpp"

namespace sse_test::coarse_timer_tests {
namespace {

using Wheel = sse::detail::DeadlineWheel;
using Tick = Wheel::Tick;
using Timer = sse::detail::CoarseTimer;

struct Entry : Wheel::Entry {
  Tick due = Wheel::never;  ///< In the model.
  bool is_in = false;
};

/// Moves a deadline as an owner does.
void set(Wheel& wheel, Entry& entry, Tick due) {
  entry.due = due;
  if (entry.set(due)) wheel.move(entry);
}

/// Counts how often its time comes.
class Due final : public Timer::Deadline, public std::enable_shared_from_this<Due> {
 public:
  explicit Due(asio::io_context& io) : timer_(sse::detail::coarse_timer_of(io.get_executor())) {
    timer_->add(*this, io.get_executor());
  }
  ~Due() { timer_->remove(*this); }

  int calls = 0;
  Timer::Clock::time_point called;
  std::shared_ptr<Due> other;  ///< Goes when this one's time has come.

 private:
  void on_deadline(Timer::Owners& owners) noexcept override {
    ++calls;
    called = Timer::Clock::now();
    if (other)
      owners.keep(std::move(other));
    else
      owners.keep(shared_from_this());
  }
  Timer& coarse_timer() noexcept override { return *timer_; }

  const std::shared_ptr<Timer> timer_;
};

/// Runs the context until the time of `due` has come once more.
void run_until_called(asio::io_context& io, const Due& due) {
  const int before = due.calls;
  const auto end = Timer::Clock::now() + deadline;
  while (due.calls == before) {
    io.restart();
    REQUIRE(io.run_one_until(end) == 1);
  }
}

}  // namespace

TEST_CASE("a million changes of deadlines: each is due at its tick, none early, late or twice") {
  std::mt19937 random(17);
  const auto below = [&](std::uint32_t count) { return static_cast<Tick>(random() % count); };
  Tick now = 1'000'000;
  Wheel wheel;
  wheel.start(now);
  std::deque<Entry> entries(2'000);
  for (int step = 0; step < 1'000'000; ++step) {
    Entry& entry = entries[below(static_cast<std::uint32_t>(entries.size()))];
    const Tick choice = below(100);
    if (choice < 10) {
      REQUIRE(wheel.erase(entry) == entry.is_in);
      entry.is_in = false;
    } else if (choice < 30 && !entry.is_in) {
      wheel.insert(entry);
      entry.is_in = true;
    } else if (choice < 40) {
      set(wheel, entry, Wheel::never);
    } else if (choice < 45) {
      set(wheel, entry, below(now));
    } else if (choice < 99) {
      set(wheel, entry, now + below(choice < 90 ? 200u : 5'000u));
    } else {
      // Now and then the clock jumps, as after a sleep of the machine.
      now += below(50) == 0 ? 10'000 : 1 + below(3);
      std::size_t taken = 0;
      while (Wheel::Entry* const due = wheel.take_due(now)) {
        auto& one = static_cast<Entry&>(*due);
        REQUIRE(one.is_in);
        REQUIRE(one.due <= now);
        REQUIRE(one.taken());
        one.due = Wheel::never;
        wheel.insert(one);
        ++taken;
      }
      REQUIRE(
          std::none_of(entries.begin(), entries.end(), [&](const Entry& one) { return one.is_in && one.due <= now; }));
      REQUIRE(wheel.next(4) > now);
      REQUIRE(wheel.next(4) <= now + 4);
    }
  }
}

TEST_CASE("a wheel tells the next tick at which something is due") {
  Wheel wheel;
  wheel.start(100);
  CHECK(wheel.next(4) == 104);
  Entry entry;
  entry.set(103);
  wheel.insert(entry);
  CHECK(wheel.next(4) == 103);
  set(wheel, entry, 102);
  CHECK(wheel.next(4) == 102);
  set(wheel, entry, 5'000);
  CHECK(!wheel.take_due(102));
  CHECK(wheel.next(4) == 106);
  wheel.erase(entry);
}

TEST_CASE("a deadline that moves is called again, and never before its time") {
  asio::io_context io;
  const auto due = std::make_shared<Due>(io);
  due->expire_at(Timer::Clock::now() + std::chrono::hours(1));
  io.poll();
  for (const int milliseconds : {0, 1, 300, 600}) {
    const auto when = Timer::Clock::now() + std::chrono::milliseconds(milliseconds);
    due->expire_at(when);
    CHECK_FALSE(due->expired());
    run_until_called(io, *due);
    CHECK(due->expired());
    CHECK(due->called >= when);
  }
}

TEST_CASE("deadlines that go during a tick take no other's turn") {
  asio::io_context io;
  std::vector<std::shared_ptr<Due>> stay;
  std::vector<std::shared_ptr<Due>> pairs;  // each has the only reference to another, and lets go of it when due
  for (int i = 0; i < 500; ++i) {
    stay.push_back(std::make_shared<Due>(io));
    pairs.push_back(std::make_shared<Due>(io));
    pairs.back()->other = std::make_shared<Due>(io);
    if (i % 2 == 0) stay.back()->expire_at(Timer::Clock::time_point::min());
    pairs.back()->expire_at(Timer::Clock::time_point::min());
  }
  run_until_called(io, *stay.front());
  for (std::size_t i = 0; i < 500; ++i) {
    REQUIRE(stay[i]->calls == (i % 2 == 0 ? 1 : 0));
    REQUIRE(pairs[i]->calls == 1);
    REQUIRE(!pairs[i]->other);
  }
}

TEST_CASE("a context is destroyed, and stopped, with deadlines in its timer") {
  {
    asio::io_context io;
    const auto due = std::make_shared<Due>(io);
    due->expire_at(Timer::Clock::time_point::min());
    io.stop();
    CHECK(io.run() == 0);
    CHECK(due->calls == 0);
    run_until_called(io, *due);
    CHECK(due->calls == 1);
  }
  auto io = std::make_unique<asio::io_context>();
  auto stays = std::make_shared<Due>(*io);
  io.reset();
  stays.reset();
}

}  // namespace sse_test::coarse_timer_tests
