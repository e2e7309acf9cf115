#include <sse/http.hpp>
#include <sse/sse.hpp>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

// A pool of two threads under load for some seconds (argument 1), for tests/matrix/platforms.sh: coroutines that wait
// on one thread and go on on the other. A compiler that keeps the address of a thread's variable meanwhile crashes it.

namespace net = sse::asio;
using net::ip::tcp;

namespace {

net::awaitable<void> read_all(sse::EventStream stream, std::atomic<std::size_t>& read) {
  // With a name for the result: without one g++ 12 -O2 hands the coroutine a stream that is moved from already.
  while (const auto event = co_await stream.next()) ++read;
}

net::awaitable<void> take_all(tcp::endpoint to, std::atomic<std::size_t>& bytes) {
  tcp::socket socket(co_await net::this_coro::executor);
  co_await socket.async_connect(to, net::use_awaitable);
  co_await net::async_write(socket, net::buffer(std::string("GET /events HTTP/1.1\r\nHost: x\r\n\r\n")),
                            net::use_awaitable);
  for (std::vector<char> buffer(65536);;)
    bytes += co_await socket.async_read_some(net::buffer(buffer), net::use_awaitable);
}

}  // namespace

int main(int count, char** arguments) {
  const std::chrono::seconds time(count > 1 ? std::atoi(arguments[1]) : 5);
  net::thread_pool pool(2);
  sse::EventManager events(1000);
  std::atomic<std::size_t> read{0}, bytes{0};
  tcp::acceptor acceptor(pool, {net::ip::address_v4::loopback(), 0});
  const tcp::endpoint endpoint = acceptor.local_endpoint();
  net::co_spawn(pool, sse::serve(std::move(acceptor), events), net::detached);
  for (int i = 0; i < 8; ++i) {
    net::co_spawn(pool, read_all(events.add_connection(), read), net::detached);
    net::co_spawn(net::make_strand(pool), take_all(endpoint, bytes), net::detached);
  }
  std::size_t emitted = 0;
  for (const auto end = std::chrono::steady_clock::now() + time; std::chrono::steady_clock::now() < end; ++emitted) {
    events.emit_event("tick", emitted);
    if (emitted % 64 == 0) std::this_thread::yield();
  }
  pool.stop();
  pool.join();
  std::cout << "emitted " << emitted << ", read " << read << ", bytes " << bytes << '\n';
  return read > 0 && bytes > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
