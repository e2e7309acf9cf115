// allocations: what one emit to N streams allocates beyond nlohmann's dump of its data, once every ring has grown: the
// most of some emits, for streams that wait and for streams with events in their queues.
#include <algorithm>
#include <new>
#include <sse/sse.hpp>

#include "common.hpp"

namespace {

std::size_t allocations = 0;  // one thread

void* allocate(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) {
  return allocate(size);
}
void* operator new[](std::size_t size) {
  return allocate(size);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  ++allocations;
  const auto align = static_cast<std::size_t>(alignment);
  if (void* memory = std::aligned_alloc(align, (size + align - 1) / align * align)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace {

namespace asio = sse::asio;

template <class Function>
std::size_t allocations_of(Function&& function) {
  const std::size_t before = allocations;
  function();
  return allocations - before;
}

asio::awaitable<void> read(sse::EventStream stream) {
  while (const auto event = co_await stream.next()) {
  }
}

std::size_t most_beyond_dump(std::size_t streams, bool waiting) {
  asio::io_context io(1);
  sse::EventManager events;
  const nlohmann::json data = {{"n", 1}, {"text", bench::text}};
  std::vector<sse::EventStream> unread;
  for (std::size_t i = 0; i < streams; ++i) {
    if (waiting)
      asio::co_spawn(io, read(events.add_connection()), asio::detached);
    else
      unread.push_back(events.add_connection());
  }
  const auto emit = [&] {
    io.poll();  // the readers wait again
    return allocations_of([&] { events.emit_event("tick", data); });
  };
  for (int i = 0; i < 150; ++i) emit();
  std::size_t most = 0;
  for (int i = 0; i < 20; ++i) most = std::max(most, emit());
  return most - allocations_of([&] { (void)data.dump(); });
}

}  // namespace

int main() {
  const auto waiting = [](std::size_t streams) { return most_beyond_dump(streams, true); };
  const auto queued = [](std::size_t streams) { return most_beyond_dump(streams, false); };
  bench::reply(R"({"waiting":{"1":%zu,"100":%zu,"10000":%zu},"queued":{"1":%zu,"100":%zu,"10000":%zu}})", waiting(1),
               waiting(100), waiting(10'000), queued(1), queued(100), queued(10'000));
}
