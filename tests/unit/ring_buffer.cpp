#include <sse/ring_buffer.hpp>

#include <deque>
#include <memory>
#include <random>

#include "support.hpp"

namespace sse_test {
namespace {

TEST_CASE("a ring without capacity is refused") {
  CHECK_THROWS_AS(sse::RingBuffer<int>(0), std::invalid_argument);
}

TEST_CASE("a ring behaves as a bounded deque that drops its oldest, whatever the capacity") {
  std::mt19937 random(1);
  for (std::size_t capacity = 1; capacity <= 40; ++capacity) {
    sse::RingBuffer<int> ring(capacity);
    std::deque<int> model;
    for (int i = 0; i < 600; ++i) {
      const bool filling = i / 100 % 2 == 0;
      if (model.empty() || random() % 4 < (filling ? 3u : 1u)) {
        const bool full = model.size() == capacity;
        model.push_back(i);
        if (full) model.pop_front();
        REQUIRE(ring.push(i) == full);
      } else {
        REQUIRE(ring.pop() == model.front());
        model.pop_front();
      }
      REQUIRE(ring.size() == model.size());
      REQUIRE(ring.empty() == model.empty());
    }
    REQUIRE(ring.capacity() == capacity);
    ring.clear();
    REQUIRE(ring.empty());
  }
}

TEST_CASE("a ring holds no reference to what was dropped, popped or cleared, and takes types that only move") {
  std::vector<std::weak_ptr<int>> seen;
  sse::RingBuffer<std::shared_ptr<int>> ring(10);
  for (int i = 0; i < 25; ++i) {
    auto value = std::make_shared<int>(i);
    seen.emplace_back(value);
    ring.push(std::move(value));
  }
  CHECK(seen[14].expired());
  CHECK_FALSE(seen[15].expired());
  CHECK(*ring.pop() == 15);
  CHECK(seen[15].expired());
  ring.clear();
  CHECK(seen[24].expired());

  sse::RingBuffer<std::unique_ptr<int>> owners(9);
  for (int i = 0; i < 12; ++i) owners.push(std::make_unique<int>(i));
  CHECK(*owners.pop() == 3);
}

}  // namespace
}  // namespace sse_test
