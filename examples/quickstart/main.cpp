// The whole library without a network: a thread emits five events; one reader keeps up, the other comes late.
#include <sse/sse.hpp>

#include <iostream>
#include <string_view>
#include <thread>
#include <utility>

asio::awaitable<void> read(std::string_view name, sse::EventStream stream) {
  while (auto event = co_await stream.next()) std::cout << name << event->json() << '\n';
}

asio::awaitable<void> read_both(sse::EventStream prompt, sse::EventStream late) {
  co_await read("prompt  ", std::move(prompt));
  // Nobody has read this one so far, and three slots don't hold five events: it is told how many it lost.
  co_await read("late    ", std::move(late));
}

int main(int argc, char** argv) {
  if (argc > 1) {
    const bool help = argc == 2 && std::string_view(argv[1]) == "--help";
    (help ? std::cout : std::cerr) << "usage: quickstart [--help] (shows what two readers of the same events get)\n";
    return help ? 0 : 2;
  }

  asio::io_context io;
  sse::EventManager events;

  sse::ConnectionOptions late;
  late.connection_id = "late";
  late.max_queue_size = 3;
  asio::co_spawn(io, read_both(events.add_connection("prompt"), events.add_connection(late)), asio::detached);

  std::jthread emitter([&events] {
    for (int step = 1; step <= 5; ++step) events.emit_event("progress", {{"step", step}, {"of", 5}});
    events.disconnect_all("All steps are done");
  });
  io.run();  // ends when both readers have read `disconnect`
}
