#include <atomic>
#include <cstddef>
#include <memory>
#include <sse/detail/net/shared_strand.hpp>
#include <sse/detail/net/turn_queue.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support.hpp"

namespace sse_test::turn_queue_tests {
namespace {

using sse::detail::SharedStrand;
using sse::detail::SharedStrandExecutor;
using sse::detail::TurnQueue;

struct Strands {
  explicit Strands(asio::io_context& io)
      : queue(io.get_executor()), a(io.get_executor(), queue, 0), b(io.get_executor(), queue, 1) {}

  TurnQueue queue;
  SharedStrand a, b;
};

}  // namespace

TEST_CASE("strands take turns, and other work of the context comes between two of them") {
  asio::io_context io;
  Strands strands(io);
  std::string order;
  const auto post = [&](const SharedStrand& strand, char name) {
    asio::post(SharedStrandExecutor(strand), [&order, name] { order += name; });
  };
  post(strands.a, 'a');
  post(strands.a, 'A');  // Asio's strand takes it in its next turn
  post(strands.b, 'b');
  asio::post(io, [&order] { order += '.'; });
  io.run();
  CHECK(order == "a.bA");
}

TEST_CASE("a strand that is never idle leaves the others and the context their turns") {
  asio::io_context io;
  Strands strands(io);
  std::size_t turns = 0;
  bool other = false, posted = false;
  const SharedStrandExecutor busy(strands.a);
  struct Again {
    void operator()() const {
      if (++turns < 100 && !(other && posted)) asio::post(busy, *this);
    }
    SharedStrandExecutor busy;
    std::size_t& turns;
    const bool &other, &posted;
  };
  asio::post(busy, Again{busy, turns, other, posted});
  asio::post(SharedStrandExecutor(strands.b), [&] { other = true; });
  asio::post(io, [&] { posted = true; });
  io.run();
  CHECK(other);
  CHECK(posted);
  CHECK(turns <= 3);
}

TEST_CASE("threads run each function of many strands once, in the order of its strand") {
  constexpr std::size_t strand_count = 8, count = 2000;
  asio::io_context io;
  TurnQueue queue(io.get_executor());
  std::vector<std::unique_ptr<SharedStrand>> strands;
  std::vector<std::size_t> next(strand_count);
  std::atomic<std::size_t> wrong = 0;
  for (std::size_t i = 0; i < strand_count; ++i)
    strands.push_back(std::make_unique<SharedStrand>(io.get_executor(), queue, i));
  auto work = std::make_unique<asio::executor_work_guard<asio::io_context::executor_type>>(io.get_executor());
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back([&] { io.run(); });
  for (std::size_t n = 0; n < count; ++n)
    for (std::size_t i = 0; i < strand_count; ++i)
      asio::post(SharedStrandExecutor(*strands[i]), [&, i, n] {
        if (next[i]++ != n) ++wrong;
      });
  work.reset();
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  for (const std::size_t each : next) CHECK(each == count);
}

TEST_CASE("strands whose turns still wait go with their context") {
  const auto kept = std::make_shared<int>(0);
  {
    asio::io_context io;
    auto strands = std::make_unique<Strands>(io);
    for (int i = 0; i < 3; ++i) {
      asio::post(SharedStrandExecutor(strands->a), [kept] {});
      asio::post(SharedStrandExecutor(strands->b), [kept] {});
    }
    CHECK(kept.use_count() == 7);
    strands.reset();
  }
  CHECK(kept.use_count() == 1);
}

}  // namespace sse_test::turn_queue_tests
