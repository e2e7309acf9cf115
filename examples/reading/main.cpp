// Reads streams without a network: by a coroutine, in batches, and from an event loop that is not Asio's.
#include <sse/sse.hpp>

#include <iostream>
#include <optional>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#endif

asio::awaitable<void> read(sse::EventManager& events) {
  sse::EventStream stream = events.add_connection();
  while (std::optional<sse::Event> event = co_await stream.next())
    std::cout << event->type() << ' ' << event->json() << '\n';
}  // the stream's destructor removes the connection

asio::awaitable<void> read_batches(sse::EventStream stream) {
  std::vector<sse::Event> batch;
  while (!stream.done()) {
    co_await stream.async_wait(asio::use_awaitable);  // an event is available, or the stream has ended
    batch.clear();
    stream.drain(batch, 64);  // at most 64 at a time
    for (const sse::Event& event : batch) std::cout << "batch of " << batch.size() << ": " << event.type() << '\n';
  }
  std::cout << "dropped: " << stream.dropped() << '\n';
}

#if defined(__linux__)
/// A loop that is not Asio's: poll() here; epoll, libuv and Qt work alike. It needs no io_context.
void read_with_poll(sse::EventStream stream) {
  const int ready = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  const auto wait = [&] { stream.async_wait([ready](sse::error_code) { ::eventfd_write(ready, 1); }); };
  wait();
  for (bool ended = false; !ended;) {
    pollfd descriptor{ready, POLLIN, 0};
    ::poll(&descriptor, 1, -1);
    eventfd_t count = 0;
    ::eventfd_read(ready, &count);
    while (auto event = stream.try_next()) std::cout << "poll: " << event->type() << '\n';
    ended = stream.done();
    if (!ended) wait();
  }
  ::close(ready);  // the last wait has completed, so nobody writes to it any more
}
#endif

int main() {
  sse::EventManager events;
  asio::io_context io;

  sse::ConnectionOptions slow;
  slow.max_queue_size = 2;  // of the four events below, the two oldest are dropped
  slow.announce = false;    // no `connection` and no `disconnect`
  sse::EventStream late = events.add_connection(slow);
#if defined(__linux__)
  sse::EventStream polled = events.add_connection("polled");
#endif

  asio::co_spawn(io, read(events), asio::detached);
  io.poll();  // the reader has its connection now, and waits
  for (int step = 1; step <= 4; ++step) events.emit_event("progress", {{"step", step}});
  events.disconnect_all("All steps are done");
  io.run();

  asio::co_spawn(io, read_batches(std::move(late)), asio::detached);
  io.restart();
  io.run();
#if defined(__linux__)
  read_with_poll(std::move(polled));
#endif
}
