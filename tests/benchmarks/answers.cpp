// answers [--serve 1]: answers each request with 200 tokens, 50 a second, by answer_events: in a loop of its own that
// accepts, or in a handler of `serve`. It accepts on the port that it prints and obeys `usage` and `quit`.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <sse/answer_events.hpp>
#include <sse/http.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common.hpp"

namespace {

namespace asio = sse::asio;
using sse::tcp;

constexpr int tokens = 200, pause = 20;

/// One timer for the tokens of all answers, which come at whole milliseconds: as tokio's do. The thread of the context
/// only.
class TokenClock {
  using Clock = std::chrono::steady_clock;
  using Handler = asio::async_result<asio::use_awaitable_t<>, void()>::handler_type;

 public:
  explicit TokenClock(asio::io_context& io) : timer_(io) {}

  static std::int64_t now() {
    return std::chrono::ceil<std::chrono::milliseconds>(Clock::now().time_since_epoch()).count();
  }

  /// Waits until the tick, which is less than `size` away.
  asio::awaitable<void> wait_until(std::int64_t tick) {
    return asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
        [this, tick](Handler&& handler) {
          waiting_[static_cast<std::size_t>(tick) % size].push_back(std::move(handler));
          if (count_++ == 0) start(tick);
        },
        asio::use_awaitable);
  }

 private:
  static constexpr std::size_t size = 256;

  void start(std::int64_t tick) {
    timer_.expires_at(Clock::time_point(std::chrono::milliseconds(tick)));
    timer_.async_wait([this, tick](sse::error_code error) {
      if (!error) on_tick(tick);
    });
  }
  void on_tick(std::int64_t tick) {
    std::vector<Handler>& due = waiting_[static_cast<std::size_t>(tick) % size];
    ready_.swap(due);
    count_ -= ready_.size();
    for (Handler& handler : ready_) {
      const asio::any_io_executor executor = asio::get_associated_executor(handler);
      asio::dispatch(executor, std::move(handler));
    }
    ready_.clear();
    while (count_ > 0 && waiting_[static_cast<std::size_t>(++tick) % size].empty()) {
    }
    if (count_ > 0) start(tick);
  }

  asio::steady_timer timer_;
  std::array<std::vector<Handler>, size> waiting_;
  std::vector<Handler> ready_;
  std::size_t count_ = 0;
};

template <class Stream>
asio::awaitable<void> answer(Stream& stream, const sse::Request& request, TokenClock& clock) {
  const auto produce = [&clock](sse::EventSender& out) -> asio::awaitable<void> {
    const std::int64_t start = TokenClock::now();
    for (int n = 1; n <= tokens; ++n) {
      co_await clock.wait_until(start + n * pause);
      co_await out.send_message(bench::token(n));
    }
  };
  co_await sse::answer_events(stream, request, produce);
}

asio::awaitable<void> read_and_answer(tcp::socket socket, TokenClock& clock) {
  const sse::Request request = co_await sse::read_request(socket);
  co_await answer(socket, request, clock);
}

asio::awaitable<void> accept_all(tcp::acceptor acceptor, TokenClock& clock) {
  for (;;) {
    tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    asio::co_spawn(acceptor.get_executor(), read_and_answer(std::move(socket), clock), asio::detached);
  }
}

void run(bool by_serve) {
  asio::io_context io(1);
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0}, true);
  acceptor.listen(4096);
  const unsigned short port = acceptor.local_endpoint().port();
  TokenClock clock(io);
  sse::EventManager events;
  sse::ServeOptions options;
  options.limits.max_pending = 0;  // the client connects before it sends its requests
  options.path = "/broadcast";
  options.handle("GET", "/events",
                 [&clock](sse::HandledRequest& handled) { return answer(handled.stream, handled.request, clock); });
  if (by_serve)
    asio::co_spawn(io, sse::serve(std::move(acceptor), events, options), asio::detached);
  else
    asio::co_spawn(io, accept_all(std::move(acceptor), clock), asio::detached);
  std::thread thread([&] { io.run(); });
  bench::reply(R"({"port":%d})", port);
  for (std::string line; std::getline(std::cin, line) && line != "quit";) bench::reply_usage();
  io.stop();
  thread.join();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    bench::raise_descriptor_limit();
    run(bench::option(argc, argv, "--serve", "0") == "1");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "answers: %s\n", error.what());
    return 1;
  }
}
