#if __has_include(<sys/eventfd.h>)
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <thread>

#include "support.hpp"

namespace sse_test {
namespace {

TEST_CASE("a loop that is not Asio's reads a stream: an eventfd wakes it") {
  EventManager manager;
  EventStream stream = manager.add_connection();
  const int ready = ::eventfd(0, EFD_NONBLOCK);
  REQUIRE(ready >= 0);
  const auto wait = [&] { stream.async_wait([ready](sse::error_code) { ::eventfd_write(ready, 1); }); };
  wait();
  std::thread emitter([&] {
    emit_numbers(manager, 1, 1000);
    manager.disconnect_all("enough");
  });
  Words words;
  while (!stream.done()) {
    pollfd waiting{ready, POLLIN, 0};
    REQUIRE(::poll(&waiting, 1, 60'000) == 1);
    eventfd_t count;
    REQUIRE(::eventfd_read(ready, &count) == 0);
    while (auto event = stream.try_next()) words.push_back(word(*event));
    if (!stream.done()) wait();
  }
  emitter.join();
  ::close(ready);
  REQUIRE(words.size() >= 2);
  CHECK(words.front() == "connection");
  CHECK(words.back() == "disconnect enough");
  std::size_t accounted = stream.dropped();
  for (const std::string& one : words) accounted += one.find_first_not_of("0123456789") == std::string::npos;
  CHECK(accounted == 1000);
}

}  // namespace
}  // namespace sse_test

#endif
