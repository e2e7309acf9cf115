// server [--queue N] [--history N] [--threads N] [--executor any|io] [--gzip 1] [--http2 1] [--topics N]: `serve` under
// test, through sse's public interface alone. With --topics each connection wants one of N topics, in turn, and each
// event goes to one of them, in turn. It accepts on the port that it prints (0: `serve` does not take such an acceptor)
// and obeys, as bare does:
//   pace RATE COUNT, burst COUNT (one event after the other, as fast as they can be emitted), usage, delivered, quit
#include <atomic>
#include <chrono>
#include <iostream>
#if defined(SSE_BENCHMARK_GZIP)
#include <sse/gzip.hpp>
#endif
#include <sse/http.hpp>
#if defined(SSE_BENCHMARK_HTTP2)
#include <sse/http2.hpp>
#endif
#include <sse/sse.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "common.hpp"

namespace {

namespace asio = sse::asio;
using sse::tcp;
using IoAcceptor = asio::basic_socket_acceptor<tcp, asio::io_context::executor_type>;

// Something that `serve` takes only if it takes any acceptor: a tcp::acceptor can be made of an IoAcceptor, but not of
// this.
struct OnlyIoAcceptor : IoAcceptor {
  using IoAcceptor::IoAcceptor;
  operator tcp::acceptor() && = delete;
};
template <class Acceptor>
concept Served = requires(Acceptor&& acceptor, sse::EventManager& events) {
  sse::serve(std::move(acceptor), events);
};

class Server {
 public:
  Server(const sse::Options& options, std::size_t threads, bool own_executor, [[maybe_unused]] bool http2,
         std::size_t topics)
      : topics_(topics), events_(options), io_(threads == 1 ? 1 : -1) {
#if defined(SSE_BENCHMARK_HTTP2)
    if (http2) serving_.http2 = sse::http2();
#endif
    if (topics_ != 0)
      serving_.admit = [this](const sse::Request&, sse::ConnectionOptions& connection) {
        connection.topics = {topic_of(admitted_++)};
      };
    serving_.limits.max_pending = 0;  // `resume` connects 10,000 sockets before it sends their requests
    sse::Observer observer;
    observer.overflow = [this](const sse::ConnectionRow&) { ++overflows_; };
    events_.set_observer(std::move(observer));
    const unsigned short port = own_executor ? accept_with_own_executor<OnlyIoAcceptor>() : accept<tcp::acceptor>();
    for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { io_.run(); });
    bench::reply(R"({"port":%d})", port);
  }
  ~Server() {
    io_.stop();
    for (auto& thread : threads_) thread.join();
  }

  void obey(const bench::Command& command) {
    if (command.name == "pace")
      reply_times(asio::co_spawn(io_, pace(command.number(0), command.count(1)), asio::use_future).get());
    else if (command.name == "burst")
      reply_times(asio::co_spawn(io_, burst(command.count(0)), asio::use_future).get());
    else if (command.name == "delivered")
      bench::reply(R"({"delivered":%llu})", static_cast<unsigned long long>(events_.stats().delivered));
    else
      bench::reply_usage(overflows_);
  }

 private:
  template <class Acceptor>
  unsigned short accept() {
    Acceptor acceptor(io_, {asio::ip::address_v4::loopback(), 0}, true);
    acceptor.listen(4096);
    const unsigned short port = acceptor.local_endpoint().port();
    asio::co_spawn(io_, sse::serve(std::move(acceptor), events_, serving_), asio::detached);
    return port;
  }
  template <class Probe>
  unsigned short accept_with_own_executor() {
    if constexpr (Served<Probe>)
      return accept<IoAcceptor>();
    else
      return 0;
  }

  std::string topic_of(std::size_t n) const {
    return "topic " + std::to_string(n % topics_);
  }
  void emit(std::uint64_t n) {
    sse::EmitOptions to;
    if (topics_ != 0) to.topic = topic_of(n);
    events_.emit_event("tick",
                       {{"n", bench::first_n + n}, {"sent", bench::stamp(bench::now_ns())}, {"text", bench::text}}, to);
  }
  // Both on the io_context, where a service's own handlers are.
  asio::awaitable<std::int64_t> pace(double rate, std::size_t count) {
    const auto interval = std::chrono::duration<double>(1 / rate);
    asio::steady_timer timer(io_);
    const std::int64_t start = bench::now_ns();
    const auto first = std::chrono::steady_clock::now();
    for (std::size_t n = 0; n < count; ++n) {
      timer.expires_at(
          first + std::chrono::duration_cast<std::chrono::steady_clock::duration>(static_cast<double>(n) * interval));
      co_await timer.async_wait(asio::use_awaitable);
      emit(n);
    }
    co_return start;
  }
  asio::awaitable<std::int64_t> burst(std::size_t count) {
    const std::int64_t start = bench::now_ns();
    for (std::size_t n = 0; n < count; ++n) emit(n);
    co_return start;
  }
  static void reply_times(std::int64_t start) {
    bench::reply(R"({"start":%lld,"end":%lld})", static_cast<long long>(start),
                 static_cast<long long>(bench::now_ns()));
  }

  const std::size_t topics_;  ///< 0: nobody names a topic.
  std::atomic<std::size_t> admitted_ = 0;
  sse::EventManager events_;
  sse::ServeOptions serving_;
  asio::io_context io_;
  std::vector<std::thread> threads_;
  std::atomic<std::size_t> overflows_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    bench::raise_descriptor_limit();
    sse::Options options;
    options.max_queue_size = bench::size_option(argc, argv, "--queue", options.max_queue_size);
    options.history_size = bench::size_option(argc, argv, "--history", 0);
#if defined(SSE_BENCHMARK_GZIP)
    if (bench::option(argc, argv, "--gzip", "0") == "1") options.compression = sse::gzip();
#endif
    Server server(options, bench::size_option(argc, argv, "--threads", 1),
                  bench::option(argc, argv, "--executor", "any") == "io",
                  bench::option(argc, argv, "--http2", "0") == "1", bench::size_option(argc, argv, "--topics", 0));
    for (std::string line; std::getline(std::cin, line) && line != "quit";) server.obey(bench::Command(line));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "server: %s\n", error.what());
    return 1;
  }
}
