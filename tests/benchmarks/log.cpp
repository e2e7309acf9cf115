// The cost of a log: one measurement, one line of JSON. The files are in DIRECTORY, which has to be empty.
//   log emit memory|process|disk DIRECTORY   from emit_event until a reader has the event, 1,000 a second
//   log append process|disk SIZE DIRECTORY   appends in batches of SIZE
//   log sync DIRECTORY                       a bare write and fdatasync: the floor of the disk level
//   log open DIRECTORY                       opens a file of a million events
//   log foreign DIRECTORY                    another process's event, from its append until it is read
//   log idle DIRECTORY                       the processor's time of a manager that has nothing to do
//   log locked DIRECTORY                     the manager's calls while another process holds the file's lock
//   log contend DIRECTORY                    single appends of three processes at once
//   log redis ping|paced|idle|SIZE DIRECTORY a server of the program's own, in memory; from an append until the read
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <sse/sqlite_log.hpp>
#include <sse/sse.hpp>
#if defined(SSE_BENCHMARK_REDIS)
#include <hiredis/hiredis.h>
#include <signal.h>

#include <sse/redis_log.hpp>
#endif
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common.hpp"

namespace {

using bench::now_ns, bench::reply;

const std::string text(130, 'x');
const std::string data = R"({"type":"price","data":{"text":")" + text + R"("},"timestamp":"2026-01-01T00:00:00.000Z"})";

double milliseconds_since(std::int64_t begin) {
  return 1e-6 * static_cast<double>(now_ns() - begin);
}

/// Calls `function` for so many seconds, or so many times. Returns the time of each call in ms.
template <class Function>
std::vector<double> times_of(double seconds, std::size_t count, Function&& function) {
  std::vector<double> times;
  for (const std::int64_t begin = now_ns(); milliseconds_since(begin) < 1000 * seconds && times.size() < count;) {
    const std::int64_t start = now_ns();
    function();
    times.push_back(milliseconds_since(start));
  }
  return times;
}
constexpr std::size_t any_number = ~std::size_t{0};

double part_of(std::vector<double>& times, double part) {
  std::sort(times.begin(), times.end());
  return times.at(static_cast<std::size_t>(part * static_cast<double>(times.size() - 1)));
}
void reply_times(std::vector<double> times) {
  reply(R"({"p50_ms":%.4f,"p99_ms":%.4f,"most_ms":%.3f})", part_of(times, .5), part_of(times, .99), times.back());
}

std::vector<sse::LoggedEvent> batch_of(std::size_t size) {
  sse::LoggedEvent event;
  event.type = "price";
  event.data = data;
  return std::vector<sse::LoggedEvent>(size, event);
}

/// Appends `count` events, each with the time of its append, and waits `pause(i)` us before each.
template <class Pause>
void append_times(sse::EventLog& log, std::size_t count, Pause&& pause) {
  for (std::size_t i = 0; i < count; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(pause(i)));
    const std::string time = std::to_string(now_ns());
    sse::LoggedEvent event;
    event.data = time;
    log.append({&event, 1}, i + 1);
  }
}
/// Reads `count` of these. Returns how long each has taken, in ms.
std::vector<double> read_times(sse::EventLog& log, std::uint64_t after, std::size_t count) {
  std::vector<double> times;
  while (times.size() < count)
    log.read(after, std::chrono::seconds(1), [&](const sse::LoggedEvent& event) {
      times.push_back(milliseconds_since(std::stoll(std::string(event.data))));
      after = event.n;
    });
  return times;
}
std::uint64_t open_empty(sse::EventLog& log) {
  return log.open(0, [](const sse::LoggedEvent&) {}).tail;
}

sse::SqliteLogOptions options_of(const std::string& durability) {
  sse::SqliteLogOptions options;
  options.durability = durability == "disk" ? sse::Durability::disk : sse::Durability::process;
  options.max_events = 10'000;
  return options;
}

void emit(const std::string& level, const std::string& path) {
  constexpr std::size_t count = 3000;
  sse::Options options;
  options.history_size = 10'000;
  options.max_queue_size = count;
  if (level != "memory") options.log = std::make_shared<sse::SqliteLog>(path, options_of(level));
  sse::EventManager events(options);
  asio::io_context io(1);
  std::vector<std::int64_t> emitted(count);
  std::vector<double> times;
  sse::EventStream stream = events.add_connection();
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        while (times.size() < count) {
          const auto event = co_await stream.next();
          if (!event) co_return;
          if (event->type() == "price") times.push_back(milliseconds_since(emitted[times.size()]));
        }
      },
      asio::detached);
  std::thread reader([&] { io.run(); });
  const nlohmann::json json = {{"text", text}};
  std::int64_t next = now_ns() + 500'000'000;  // the log is open then
  for (std::int64_t& time : emitted) {
    bench::sleep_until(next += 1'000'000);
    time = now_ns();
    events.emit_event("price", json);
  }
  reader.join();
  if (times.size() < count) throw std::runtime_error("an event is missing");
  reply_times(std::move(times));
}

void append(const std::string& level, std::size_t size, const std::string& path) {
  sse::SqliteLog log(path, options_of(level));
  const std::vector<sse::LoggedEvent> batch = batch_of(size);
  std::uint64_t number = 0;
  const std::int64_t begin = now_ns();
  std::vector<double> times = times_of(3, any_number, [&] { log.append(batch, ++number); });
  reply(R"({"events_per_second":%.0f,"p50_ms":%.4f})",
        static_cast<double>(number * size) / milliseconds_since(begin) * 1000, part_of(times, .5));
}

void sync(const std::string& path) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT, 0600);
  const std::string bytes(4120, 'x');
  off_t place = 0;
  std::vector<double> times = times_of(10, 1000, [&] {
    if (::pwrite(file, bytes.data(), bytes.size(), place) < 0 || ::fdatasync(file) != 0)
      throw std::runtime_error("the disk refuses");
    place += 4120;
  });
  ::close(file);
  reply_times(std::move(times));
}

void open_large(const std::string& path) {
  {
    sse::SqliteLog log(path);
    const std::vector<sse::LoggedEvent> batch = batch_of(1000);
    for (std::uint64_t number = 1; number <= 1000; ++number) log.append(batch, number);
  }
  const std::int64_t begin = now_ns();
  sse::SqliteLog log(path);
  std::uint64_t given = 0;
  log.open(10'000, [&](const sse::LoggedEvent&) { ++given; });
  if (given != 10'000) throw std::runtime_error("events are missing");
  reply(R"({"ms":%.1f})", milliseconds_since(begin));
}

void foreign(const std::string& path) {
  constexpr std::size_t count = 1000;
  sse::SqliteLog log(path);
  const pid_t child = ::fork();
  if (child == 0) {
    sse::SqliteLog other(path);
    append_times(other, count, [](std::size_t i) { return 1000 + i % 13 * 700; });
    ::_exit(0);
  }
  std::vector<double> times = read_times(log, open_empty(log), count);
  ::waitpid(child, nullptr, 0);
  times.erase(times.begin(), times.begin() + 50);  // the first is seen within 250 ms
  reply_times(std::move(times));
}

void idle(const std::string& path) {
  sse::Options options;
  options.history_size = 10'000;
  options.log = std::make_shared<sse::SqliteLog>(path);
  sse::EventManager events(options);
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const double begin = bench::cpu_seconds();
  std::this_thread::sleep_for(std::chrono::seconds(10));
  reply(R"({"percent":%.4f})", (bench::cpu_seconds() - begin) / 10 * 100);
}

void locked(const std::string& path) {
  sse::Options options;
  options.history_size = 10'000;
  options.log = std::make_shared<sse::SqliteLog>(path);
  sse::EventManager events(options);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));  // the log is open then
  const int lock = ::open((path + "-lock").c_str(), O_RDWR | O_CLOEXEC);
  if (lock < 0 || ::flock(lock, LOCK_EX) != 0) throw std::runtime_error("the lock cannot be had");
  const nlohmann::json json = {{"text", text}};
  std::vector<double> emits = times_of(1, 5000, [&] { events.emit_event("price", json); });
  std::vector<double> adds = times_of(1, 5000, [&] { static_cast<void>(events.add_connection()); });
  std::vector<double> stats = times_of(1, 5000, [&] { static_cast<void>(events.stats()); });
  ::close(lock);
  reply(R"({"emit_p99_ms":%.4f,"add_p99_ms":%.4f,"stats_p99_ms":%.4f})", part_of(emits, .99), part_of(adds, .99),
        part_of(stats, .99));
}

void contend(const std::string& path) {
  const auto append_all = [&] {
    sse::SqliteLog log(path, options_of("process"));
    const std::vector<sse::LoggedEvent> one = batch_of(1);
    std::uint64_t number = 0;
    return times_of(3, any_number, [&] { log.append(one, ++number); });
  };
  std::vector<pid_t> children;
  for (int i = 0; i < 2; ++i) {
    children.push_back(::fork());
    if (children.back() != 0) continue;
    append_all();
    ::_exit(0);
  }
  std::vector<double> times = append_all();
  for (const pid_t child : children) ::waitpid(child, nullptr, 0);
  reply_times(std::move(times));
}

#if defined(SSE_BENCHMARK_REDIS)

/// A server on this port, which is nobody else's in a benchmark.
class RedisServer {
 public:
  explicit RedisServer(const std::filesystem::path& directory) : pid_(::fork()) {
    if (pid_ == 0) {
      ::execlp("redis-server", "redis-server", "--port", "16399", "--bind", "127.0.0.1", "--save", "", "--logfile",
               (directory / "redis.log").c_str(), "--daemonize", "no", nullptr);
      ::_exit(127);
    }
    for (int i = 0; i < 5000 && ::waitpid(pid_, nullptr, WNOHANG) == 0; ++i) {
      context_ = redisConnect("127.0.0.1", 16399);
      if (ping()) return;
      redisFree(context_);
      context_ = nullptr;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;
  ~RedisServer() {
    redisFree(context_);
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  explicit operator bool() const noexcept { return context_ != nullptr; }
  bool ping() const {
    if (context_->err != 0) return false;
    void* const reply = redisCommand(context_, "PING");
    if (reply) freeReplyObject(reply);
    return reply != nullptr;
  }

 private:
  const pid_t pid_;
  redisContext* context_ = nullptr;
};

/// One process appends flat out, and another object reads all of it.
void redis_flat_out(const std::string& url, std::size_t size) {
  const std::vector<sse::LoggedEvent> batch = batch_of(size);
  sse::RedisLog log(url), reader(url);
  const std::uint64_t start = open_empty(reader);
  const std::uint64_t total = size == 1 ? 20'000 : 300'000 / size * size;
  const std::int64_t begin = now_ns();
  std::thread appender([&] {
    for (std::uint64_t number = 1; number <= total / size; ++number) log.append(batch, number);
  });
  std::uint64_t given = 0, lost = 0;
  while (given + lost < total) {
    lost += reader.read(start + given + lost, std::chrono::seconds(1), [&](const sse::LoggedEvent&) { ++given; })
                .lost.value_or(total);
  }
  appender.join();
  reply(R"({"events_per_second":%.0f,"read":%llu,"trimmed":%llu})",
        static_cast<double>(total) / milliseconds_since(begin) * 1000, static_cast<unsigned long long>(given),
        static_cast<unsigned long long>(lost));
}

void redis_idle(const std::string& url) {
  sse::RedisLog log(url);
  const std::uint64_t after = open_empty(log);
  const double cpu = bench::cpu_seconds();
  const std::int64_t begin = now_ns();
  while (milliseconds_since(begin) < 5000) log.read(after, std::chrono::seconds(5), [](const sse::LoggedEvent&) {});
  reply(R"({"percent":%.4f})", (bench::cpu_seconds() - cpu) / milliseconds_since(begin) * 100'000);
}

void redis(const std::string& what, const std::filesystem::path& directory) {
  const RedisServer server(directory);
  if (!server) return reply(R"({"skipped":"there is no redis-server"})");
  const std::string url = "redis://127.0.0.1:16399";
  if (what == "ping") return reply_times(times_of(10, 5000, [&] { server.ping(); }));
  if (what == "idle") return redis_idle(url);
  if (what != "paced") return redis_flat_out(url, std::stoull(what));
  constexpr std::size_t count = 3000;
  sse::RedisLog log(url);
  const std::uint64_t after = open_empty(log);
  std::thread appender([&] { append_times(log, count, [](std::size_t) { return 1000; }); });
  std::vector<double> times = read_times(log, after, count);
  appender.join();
  reply_times(std::move(times));
}

#else

void redis(const std::string&, const std::filesystem::path&) {
  reply(R"({"skipped":"built without hiredis"})");
}

#endif

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> words(argv + 1, argv + argc);
    const std::string& name = words.at(0);
    const std::filesystem::path directory = words.back();
    const std::string path = (directory / "events.db").string();
    if (name == "emit")
      emit(words.at(1), path);
    else if (name == "append")
      append(words.at(1), std::stoull(words.at(2)), path);
    else if (name == "sync")
      sync(path);
    else if (name == "open")
      open_large(path);
    else if (name == "foreign")
      foreign(path);
    else if (name == "idle")
      idle(path);
    else if (name == "locked")
      locked(path);
    else if (name == "contend")
      contend(path);
    else if (name == "redis")
      redis(words.at(1), directory);
    else
      throw std::runtime_error("there is no measurement " + name);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "log: %s\n", error.what());
    return 1;
  }
}
