// answers: answers each request of the path /events with 200 tokens, 50 a second, by answer_events in a handler of
// `serve`. It accepts on the port that it prints and obeys `usage` and `quit`.
#include <chrono>
#include <iostream>
#include <sse/answer_events.hpp>
#include <sse/http.hpp>
#include <stdexcept>
#include <thread>
#include <utility>

#include "common.hpp"

namespace {

namespace asio = sse::asio;
using sse::tcp;

constexpr int tokens = 200;
constexpr std::chrono::milliseconds pause{20};

asio::awaitable<void> answer(sse::HandledRequest& handled) {
  const auto produce = [&](sse::EventSender& out) -> asio::awaitable<void> {
    asio::steady_timer timer(handled.stream.get_executor());
    const auto start = std::chrono::steady_clock::now();
    for (int n = 1; n <= tokens; ++n) {
      timer.expires_at(start + n * pause);
      co_await timer.async_wait(asio::use_awaitable);
      co_await out.send_message(bench::token(n));
    }
  };
  co_await sse::answer_events(handled.stream, handled.request, produce);
}

void run() {
  asio::io_context io(1);
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0}, true);
  acceptor.listen(4096);
  const unsigned short port = acceptor.local_endpoint().port();
  sse::EventManager events;
  sse::ServeOptions options;
  options.limits.max_pending = 0;  // the client connects before it sends its requests
  options.path = "/broadcast";
  options.handle("GET", "/events", answer);
  asio::co_spawn(io, sse::serve(std::move(acceptor), events, options), asio::detached);
  std::thread thread([&] { io.run(); });
  bench::reply(R"({"port":%d})", port);
  for (std::string line; std::getline(std::cin, line) && line != "quit";) bench::reply_usage();
  io.stop();
  thread.join();
}

}  // namespace

int main() {
  try {
    bench::raise_descriptor_limit();
    run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "answers: %s\n", error.what());
    return 1;
  }
}
