// The core without sockets; prints one line.
//   in_process waiting sse|channel STREAMS ROUNDS   one emit to streams that all wait, each in a coroutine of its own
//   in_process queued STREAMS ROUNDS                one emit to streams that are never read, their queues full
//   in_process blocked STREAMS ROUNDS               how long one emit keeps another thread from the manager
//   in_process topics TOPICS STREAMS ROUNDS         one emit, and a burst, to waiting streams of so many topics (0:
//   none) in_process filters none|shared|own STREAMS ROUNDS   the same with a filter that accepts all in_process drain
//   THREADS STREAMS ROUNDS         threads that each drain so many full streams of one manager
#include <algorithm>
#include <atomic>
#include <barrier>
#include <memory>
#include <optional>
#include <sse/sse.hpp>
#include <stdexcept>
#include <thread>

#include "common.hpp"
#if defined(SSE_USE_BOOST_ASIO)
#include <boost/asio/experimental/concurrent_channel.hpp>
#else
#include <asio/experimental/concurrent_channel.hpp>
#endif

namespace {

namespace asio = sse::asio;
using bench::now_ns;
using bench::reply;

double part_of(std::vector<std::int64_t>& values, double part) {
  std::sort(values.begin(), values.end());
  return static_cast<double>(values.at(static_cast<std::size_t>(part * static_cast<double>(values.size() - 1))));
}

// `waiting`: the emitter is a coroutine on the same io_context, as a service's handlers are. It lets the readers go on
// until each has read the event and waits again.
struct SseStreams {
  SseStreams(asio::io_context& io, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) asio::co_spawn(io, read(events.add_connection()), asio::detached);
  }
  asio::awaitable<void> read(sse::EventStream stream) {
    (void)stream.try_next();  // `connection`
    while (const auto event = co_await stream.next()) ++reads;
  }
  void emit() { events.emit_event("tick", data); }

  sse::EventManager events;
  const nlohmann::json data = {{"n", 1}, {"text", bench::text}};
  std::size_t reads = 0;
};

/// The same by hand: one channel for each reader, one shared event.
struct Channels {
  using Channel = asio::experimental::concurrent_channel<asio::any_io_executor,
                                                         void(sse::error_code, std::shared_ptr<const std::string>)>;

  Channels(asio::io_context& io, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      channels.push_back(std::make_unique<Channel>(io.get_executor(), 100));
      asio::co_spawn(io, read(*channels.back()), asio::detached);
    }
  }
  asio::awaitable<void> read(Channel& channel) {
    for (;;) {
      co_await channel.async_receive(asio::use_awaitable);
      ++reads;
    }
  }
  void emit() {
    const auto event = std::make_shared<const std::string>(data.dump());
    for (auto& channel : channels) channel->try_send(sse::error_code(), event);
  }

  std::vector<std::unique_ptr<Channel>> channels;
  const nlohmann::json data = {{"n", 1}, {"text", bench::text}};
  std::size_t reads = 0;
};

template <class Streams>
void waiting(std::size_t count, std::size_t rounds) {
  asio::io_context io(1);
  Streams streams(io, count);
  io.poll();
  std::vector<std::int64_t> emits, all;
  const auto emit_and_wait = [&]() -> asio::awaitable<void> {
    const auto turn = [&] { return asio::post(io, asio::use_awaitable); };
    for (std::size_t round = 0; round < rounds; ++round) {
      const std::int64_t start = now_ns();
      streams.emit();
      const std::int64_t emitted = now_ns();
      for (const std::size_t goal = (round + 1) * count; streams.reads < goal;) co_await turn();
      const std::int64_t read = now_ns();
      co_await turn();
      emits.push_back(emitted - start);
      all.push_back(read - start);
    }
    io.stop();
  };
  asio::co_spawn(io, emit_and_wait(), [](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  });
  io.run();
  reply(R"({"emit_ns":%.0f,"all_ns":%.0f})", part_of(emits, 0.5), part_of(all, 0.5));
}

void queued(std::size_t count, std::size_t rounds) {
  sse::EventManager events;
  const nlohmann::json data = {{"n", 1}, {"text", bench::text}};
  std::vector<sse::EventStream> streams;
  for (std::size_t i = 0; i < count; ++i) streams.push_back(events.add_connection());
  for (int i = 0; i < 150; ++i) events.emit_event("tick", data);
  std::vector<std::int64_t> emits;
  for (std::size_t round = 0; round < rounds; ++round) {
    const std::int64_t start = now_ns();
    events.emit_event("tick", data);
    emits.push_back(now_ns() - start);
  }
  const double emit = part_of(emits, 0.5);
  reply(R"({"emit_ns":%.0f,"stream_ns":%.3f})", emit, emit / static_cast<double>(count));
}

/// Takes what a stream has and waits again, for ever.
struct Waiter {
  void wait() {
    buffer.clear();
    stream.drain(buffer, 100);
    stream.async_wait(asio::bind_executor(executor, [this](sse::error_code error) {
      if (!error) wait();
    }));
  }

  sse::EventStream stream;
  asio::io_context::executor_type executor;
  std::vector<sse::Event>& buffer;
};

void blocked(std::size_t count, std::size_t rounds) {
  asio::io_context io(1);
  sse::EventManager events;
  const nlohmann::json data = {{"n", 1}, {"text", bench::text}};
  std::vector<sse::Event> buffer;
  std::vector<std::unique_ptr<Waiter>> waiters;
  for (std::size_t i = 0; i < count; ++i) {
    waiters.push_back(std::unique_ptr<Waiter>(new Waiter{events.add_connection(), io.get_executor(), buffer}));
    waiters.back()->wait();
  }
  io.poll();

  // The other thread calls the manager all the time, now for the count, now to add a connection. What counts is the
  // longest call that an emit was in, for each emit.
  std::atomic<std::int64_t> emit_begin = 0, emit_end = 0;
  std::atomic<bool> over = false;
  std::vector<std::int64_t> longest(2 * rounds);
  std::barrier meet(2);
  std::thread other([&] {
    for (std::size_t i = 0; i < 2 * rounds; ++i) {
      meet.arrive_and_wait();
      std::vector<std::pair<std::int64_t, std::int64_t>> calls;
      std::vector<sse::EventStream> added;
      calls.reserve(1 << 20);
      while (!over) {
        const std::int64_t start = now_ns();
        if (i % 2 == 0) {
          if (events.get_connection_count() < count) std::abort();
        } else {
          added.push_back(events.add_connection());
        }
        const std::int64_t end = now_ns();
        if (calls.size() < calls.capacity()) calls.emplace_back(start, end);
        if (added.size() > 100) added.clear();
      }
      meet.arrive_and_wait();
      for (const auto& [start, end] : calls)
        if (start < emit_end && end > emit_begin) longest[i] = std::max(longest[i], end - start);
    }
  });
  std::vector<std::int64_t> emits;
  for (std::size_t i = 0; i < 2 * rounds; ++i) {
    over = false;
    meet.arrive_and_wait();
    bench::sleep_until(now_ns() + 200'000);
    emit_begin = now_ns();
    events.emit_event("tick", data);
    emit_end = now_ns();
    over = true;
    emits.push_back(emit_end - emit_begin);
    meet.arrive_and_wait();
    io.poll();  // all of them wait again
  }
  other.join();
  std::vector<std::int64_t> count_calls, add_calls;
  for (std::size_t i = 0; i < longest.size(); ++i) (i % 2 == 0 ? count_calls : add_calls).push_back(longest[i]);
  reply(R"({"emit_ns":%.0f,"count_p50_ns":%.0f,"count_p99_ns":%.0f,"add_p50_ns":%.0f,"add_p99_ns":%.0f})",
        part_of(emits, 0.5), part_of(count_calls, 0.5), part_of(count_calls, 0.99), part_of(add_calls, 0.5),
        part_of(add_calls, 0.99));
}

/// One emit, and a burst, to waiting streams. `make(i)`: the options of stream i; `readers`: those that get the events.
template <class Make>
void emit_and_burst(std::size_t count, std::size_t readers, std::size_t rounds, const sse::EmitOptions& emit,
                    Make&& make) {
  constexpr std::size_t burst = 64;
  asio::io_context io(1);
  sse::EventManager events;
  const nlohmann::json data = {{"n", 1}, {"text", bench::text}};
  std::vector<sse::Event> buffer;
  std::vector<std::unique_ptr<Waiter>> waiters;
  for (std::size_t i = 0; i < count; ++i) {
    waiters.push_back(std::unique_ptr<Waiter>(new Waiter{events.add_connection(make(i)), io.get_executor(), buffer}));
    waiters.back()->wait();
  }
  io.poll();
  std::vector<std::int64_t> emits, bursts;
  for (std::size_t round = 0; round < rounds; ++round) {
    const std::int64_t start = now_ns();
    events.emit_event("tick", data, emit);
    emits.push_back(now_ns() - start);
    io.poll();
    const std::int64_t burst_start = now_ns();
    for (std::size_t i = 0; i < burst; ++i) events.emit_event("tick", data, emit);
    io.poll();
    bursts.push_back(now_ns() - burst_start);
  }
  if (events.stats().delivered != (burst + 1) * rounds * readers) throw std::runtime_error("an event is missing");
  reply(R"({"emit_ns":%.0f,"burst_per_second":%.0f})", part_of(emits, 0.5),
        1e9 * static_cast<double>(burst * readers) / part_of(bursts, 0.5));
}

void topics(std::size_t topics, std::size_t count, std::size_t rounds) {
  sse::EmitOptions emit;
  const auto name_of = [](std::size_t topic) { return "topic " + std::to_string(topic); };
  if (topics != 0) emit.topic = name_of(0);
  emit_and_burst(count, topics == 0 ? count : count / topics, rounds, emit, [&](std::size_t i) {
    sse::ConnectionOptions options;
    if (topics != 0) options.topics = {name_of(i % topics)};
    return options;
  });
}

void filters(const std::string& kind, std::size_t count, std::size_t rounds) {
  const auto accepts = [](const sse::Event& event) { return event.type() == "tick"; };
  const sse::SharedFilter shared(accepts);
  emit_and_burst(count, count, rounds, {}, [&](std::size_t) {
    sse::ConnectionOptions options;
    if (kind == "shared") options.filter = shared;
    if (kind == "own") options.filter = accepts;
    return options;
  });
}

void drain(std::size_t threads, std::size_t count, std::size_t rounds) {
  sse::EventManager events;
  const nlohmann::json data = {{"n", 1}, {"text", bench::text}};
  std::vector<std::vector<sse::EventStream>> streams(threads);
  for (std::size_t i = 0; i < count * threads; ++i) streams[i % threads].push_back(events.add_connection());
  std::barrier meet(static_cast<std::ptrdiff_t>(threads + 1));
  std::atomic<std::size_t> drained = 0;
  // By the threads' own clocks: this one may wait for a processor while they have begun.
  std::vector<std::int64_t> begin(threads), end(threads), times;
  std::vector<std::thread> others;
  for (std::size_t i = 0; i < threads; ++i)
    others.emplace_back([&, i] {
      std::vector<sse::Event> buffer;
      for (std::size_t round = 0; round < rounds; ++round) {
        meet.arrive_and_wait();
        begin[i] = now_ns();
        std::size_t read = 0;
        for (auto& stream : streams[i]) {
          buffer.clear();
          read += stream.drain(buffer, 1000);
        }
        buffer.clear();
        end[i] = now_ns();
        drained += read;
        meet.arrive_and_wait();
      }
    });
  for (std::size_t round = 0; round < rounds; ++round) {
    for (int i = 0; i < 100; ++i) events.emit_event("tick", data);
    meet.arrive_and_wait();
    meet.arrive_and_wait();
    times.push_back(*std::max_element(end.begin(), end.end()) - *std::min_element(begin.begin(), begin.end()));
  }
  for (auto& thread : others) thread.join();
  if (drained < 100 * count * threads * rounds) throw std::runtime_error("an event is missing");
  const double seconds = 1e-9 * part_of(times, 0.5);
  reply(R"({"events_per_second":%.0f})", 100 * static_cast<double>(count * threads) / seconds);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> words(argv + 1, argv + argc);
    const auto number = [&](std::size_t i) { return std::strtoull(words.at(i).c_str(), nullptr, 10); };
    if (words.at(0) == "waiting" && words.at(1) == "sse")
      waiting<SseStreams>(number(2), number(3));
    else if (words.at(0) == "waiting")
      waiting<Channels>(number(2), number(3));
    else if (words.at(0) == "queued")
      queued(number(1), number(2));
    else if (words.at(0) == "blocked")
      blocked(number(1), number(2));
    else if (words.at(0) == "topics")
      topics(number(1), number(2), number(3));
    else if (words.at(0) == "filters")
      filters(words.at(1), number(2), number(3));
    else
      drain(number(1), number(2), number(3));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "in_process: %s\n", error.what());
    return 1;
  }
}
