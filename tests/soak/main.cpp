// soak CLIENTS SECONDS: clients that connect, read slowly, cut and resume, against `serve` in a process of its own.
// Each client checks that it has every event once or is told of its loss; the server's memory, descriptors and counts
// must come back to where they were.
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <sse/http.hpp>
#include <sse/parser.hpp>
#include <sse/sse.hpp>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace asio = sse::asio;
using sse::tcp;
using Clock = std::chrono::steady_clock;

constexpr std::size_t allowed_growth = 16 << 20;  // what the allocator may keep of a peak of queues

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t pages = 0, resident = 0;
  file >> pages >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}
std::size_t descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

struct Totals {
  std::uint64_t connects = 0, events = 0, told = 0;
};

/// One client's view: events are numbered, and what is missing was told just before.
class Checker {
 public:
  explicit Checker(Totals& totals) : totals_(totals) {}

  void begin() { told_ = 0; }
  void take(const sse::Message& message) {
    const auto body = nlohmann::json::parse(message.data);
    const std::string type = body.at("type");
    if (type == "overflow") {
      told_ = body.at("dropped").get<std::uint64_t>();
      totals_.told += told_;
    } else if (type == "tick") {
      const auto n = body.at("data").at("n").get<std::uint64_t>();
      if (last_ != 0 && n != last_ + told_ + 1)
        throw std::runtime_error("event " + std::to_string(n) + " after " + std::to_string(last_) + " with " +
                                 std::to_string(told_) + " told as lost");
      last_ = n;
      told_ = 0;
      ++totals_.events;
    }
  }

 private:
  Totals& totals_;
  std::uint64_t last_ = 0, told_ = 0;
};

asio::awaitable<void> run_client(unsigned short port, unsigned seed, Clock::time_point end, Totals& totals) {
  std::minstd_rand random(seed);
  const auto pick = [&](unsigned least, unsigned most) {
    return std::uniform_int_distribution<unsigned>(least, most)(random);
  };
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer pause(executor);
  Checker checker(totals);
  std::string id, bytes;
  while (Clock::now() < end) {
    const unsigned slowness = pick(0, 3);  // 0: as fast as it comes
    tcp::socket socket(executor, tcp::v4());
    sse::error_code error;
    if (slowness > 1) socket.set_option(asio::socket_base::receive_buffer_size(4096), error);
    co_await socket.async_connect({asio::ip::address_v4::loopback(), port},
                                  asio::redirect_error(asio::use_awaitable, error));
    if (error) throw sse::system_error(error, "connect");
    ++totals.connects;
    std::string request = "GET /events HTTP/1.1\r\nHost: localhost\r\n";
    if (!id.empty()) request += "Last-Event-ID: " + id + "\r\n";
    request += "\r\n";
    co_await asio::async_write(socket, asio::buffer(request), asio::use_awaitable);
    bytes.clear();
    const std::size_t head =
        co_await asio::async_read_until(socket, asio::dynamic_buffer(bytes), "\r\n\r\n", asio::use_awaitable);
    if (!bytes.starts_with("HTTP/1.1 200 ")) throw std::runtime_error("no stream: " + bytes.substr(0, head));
    bytes.erase(0, head);

    sse::Parser parser;
    parser.last_event_id(id);
    checker.begin();
    for (unsigned reads = pick(5, 200); reads > 0 && Clock::now() < end; --reads) {
      parser.feed(bytes, [&](sse::Message&& message) {
        checker.take(message);
        id = message.last_event_id;
      });
      bytes.resize(slowness == 0 ? 16384 : 700);
      bytes.resize(co_await socket.async_read_some(asio::buffer(bytes), asio::use_awaitable));
      if (slowness > 1) {
        pause.expires_after(std::chrono::milliseconds(pick(0, 200 * slowness)));
        co_await pause.async_wait(asio::use_awaitable);
      }
    }
    if (pick(0, 1) == 0) socket.set_option(asio::socket_base::linger(true, 0), error);  // RST instead of FIN
  }
}

int run_clients(unsigned short port, unsigned clients, std::chrono::seconds time) {
  asio::io_context io(1);
  Totals totals;
  int failures = 0;
  const auto end = Clock::now() + time;
  for (unsigned i = 0; i < clients; ++i)
    asio::co_spawn(io, run_client(port, i + 1, end, totals), [&](std::exception_ptr error) {
      try {
        if (error) std::rethrow_exception(error);
      } catch (const std::exception& failure) {
        if (++failures <= 10) std::fprintf(stderr, "soak: a client failed: %s\n", failure.what());
      }
    });
  io.run();
  std::printf("soak: %llu connects, %llu events read, %llu told as lost, %d clients failed\n",
              static_cast<unsigned long long>(totals.connects), static_cast<unsigned long long>(totals.events),
              static_cast<unsigned long long>(totals.told), failures);
  return failures == 0 ? 0 : 1;
}

/// True: it came about within 30 s.
template <class Condition>
bool eventually(Condition&& condition) {
  for (const auto limit = Clock::now() + std::chrono::seconds(30); !condition();) {
    if (Clock::now() > limit) return false;
    std::this_thread::yield();
  }
  return true;
}

int run(unsigned clients, std::chrono::seconds time) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);

  int ports[2];
  if (::pipe(ports) != 0) throw std::runtime_error("no pipe");
  const pid_t child = ::fork();
  if (child == 0) {
    unsigned short port = 0;
    if (::read(ports[0], &port, sizeof port) != sizeof port) std::exit(1);
    std::exit(run_clients(port, clients, time));
  }

  sse::Options options;
  options.history_size = 2000;
  options.max_queue_size = 50;
  sse::EventManager events(options);
  asio::io_context io(1);
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0}, true);
  acceptor.listen(4096);
  const unsigned short port = acceptor.local_endpoint().port();
  asio::cancellation_signal stop;
  asio::co_spawn(io, sse::serve(std::move(acceptor), events),
                 asio::bind_cancellation_slot(stop.slot(), asio::detached));
  std::thread server([&] { io.run(); });
  std::uint64_t emitted = 0;
  const std::string padding(1000, 'x');
  const auto emit = [&] { events.emit_event("tick", {{"n", ++emitted}, {"padding", padding}}); };
  while (emitted < options.history_size) emit();  // the history is part of the start
  ::malloc_trim(0);
  const std::size_t memory = resident_bytes(), files = descriptors();
  if (::write(ports[1], &port, sizeof port) != sizeof port) throw std::runtime_error("no pipe");

  std::size_t most = 0, most_memory = 0;
  int status = 0;
  asio::steady_timer pace(io);
  for (auto next = Clock::now(); ::waitpid(child, &status, WNOHANG) == 0;) {
    emit();
    most = std::max(most, events.get_connection_count());
    if (emitted % 100 == 0) most_memory = std::max(most_memory, resident_bytes());
    pace.expires_at(next += std::chrono::milliseconds(20));
    pace.wait();
  }
  const bool clients_well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  const bool empty = eventually([&] { return events.get_connection_count() == 0; });
  const bool closed = eventually([&] { return descriptors() == files; });
  ::malloc_trim(0);
  const std::size_t after = resident_bytes();
  std::printf("soak: at most %zu connections and %zu KiB; before: %zu KiB, %zu descriptors; after: %zu KiB, %zu\n",
              most, most_memory / 1024, memory / 1024, files, after / 1024, descriptors());
  asio::post(io, [&] { stop.emit(asio::cancellation_type::terminal); });
  server.join();

  const auto fail = [](const char* what) {
    std::fprintf(stderr, "soak: %s\n", what);
    return 1;
  };
  if (!clients_well) return fail("a client has lost events without being told, or failed");
  if (!empty) return fail("connections are left");
  if (!closed) return fail("descriptors are left");
  if (after > memory + allowed_growth) return fail("memory has grown");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](int i) { return argc == 3 ? std::strtoul(argv[i], nullptr, 10) : 0; };
  const auto clients = number(1), seconds = number(2);
  if (clients == 0 || clients > 20'000 || seconds == 0 || seconds > 100'000) {
    std::fputs("soak: usage: soak CLIENTS SECONDS, 1 to 20000 and 1 to 100000\n", stderr);
    return 2;
  }
  try {
    return run(static_cast<unsigned>(clients), std::chrono::seconds(seconds));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "soak: %s\n", error.what());
    return 1;
  }
}
