#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#include <sse/detail/net/coarse_timer.hpp>
#include <sse/http.hpp>
#include <sse/parser.hpp>

#include "support.hpp"

// Every allocation of the test program is counted, for the thread that makes it.
namespace {
thread_local std::size_t made = 0;
thread_local std::ptrdiff_t live_bytes = 0;
thread_local std::size_t failing = 0;  // 1: the next allocation fails; 2: the one after it; 0: none

void* counted(std::size_t size) noexcept {
  if (failing != 0 && --failing == 0) return nullptr;
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory) {
    ++made;
    live_bytes += static_cast<std::ptrdiff_t>(malloc_usable_size(memory));
  }
  return memory;
}
void* checked(std::size_t size) {
  if (void* const memory = counted(size)) return memory;
  throw std::bad_alloc();
}
void release(void* memory) noexcept {
  if (memory) live_bytes -= static_cast<std::ptrdiff_t>(malloc_usable_size(memory));
  std::free(memory);
}
}  // namespace

void* operator new(std::size_t size) {
  return checked(size);
}
void* operator new[](std::size_t size) {
  return checked(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return counted(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return counted(size);
}
// Asio's own allocations.
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  if (failing != 0 && --failing == 0) return nullptr;
  void* memory = nullptr;
  return posix_memalign(&memory, std::max(alignment, sizeof(void*)), size) == 0 ? memory : nullptr;
}
void operator delete(void* memory) noexcept {
  release(memory);
}
void operator delete[](void* memory) noexcept {
  release(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  release(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  release(memory);
}

namespace sse_test {
namespace {

using sse::error_code;

/// malloc gives a block some bytes more where the rest of a hole would be too small.
constexpr std::ptrdiff_t allocator_slack = 1024;

template <class Act>
std::ptrdiff_t bytes_kept(Act act) {
  const std::ptrdiff_t before = live_bytes;
  act();
  return live_bytes - before;
}

TEST_CASE("an idle connection holds no slot memory, however long its queue may get") {
  EventManager manager(1'000'000);
  std::optional<EventStream> stream;
  CHECK(bytes_kept([&] { stream = add_quiet(manager, "id"); }) < 2048);
  CHECK(bytes_kept([&] {
          for (int round = 0; round < 3; ++round) {
            emit_numbers(manager, 1, 1000);
            std::vector<Event> events;
            REQUIRE(stream->drain(events, 1000) == 1000);
          }
        }) == 0);
  CHECK(bytes_kept([&] {
          emit_numbers(manager, 1, 1000);
          stream->close();
        }) <= 0);
}

TEST_CASE("a waiting queue grows with what waits and not with its limit, and stops at its limit") {
  EventManager manager(1'000'000);
  EventStream stream = add_quiet(manager);
  CHECK(bytes_kept([&] { emit_numbers(manager, 1, 100); }) < 100 * 512);
  EventManager narrow(10);
  EventStream full = add_quiet(narrow);
  emit_numbers(narrow, 1000, 1999);
  CHECK(bytes_kept([&] { emit_numbers(narrow, 1000, 1999); }) < allocator_slack);
}

TEST_CASE("emitting to many idle connections allocates no more than emitting to one") {
  const auto allocations = [](std::size_t connections) {
    EventManager manager;
    std::vector<EventStream> streams;
    while (streams.size() < connections) streams.push_back(add_quiet(manager));
    manager.emit_event("warm up", 1);
    for (EventStream& stream : streams) (void)stream.try_next();
    const std::size_t before = made;
    manager.emit_event("number", 2);
    return made - before;
  };
  CHECK(allocations(1) > 0);
  CHECK(allocations(200) == allocations(1));
}

TEST_CASE("topics that come and go leave nothing behind") {
  EventManager manager;
  sse::ConnectionOptions options;
  options.connection_id = "tab";
  options.topics = {""};
  EventStream tab = manager.add_connection(options);
  const auto come_and_go = [&](int from) {
    for (int i = from; i < from + 3000; ++i) REQUIRE(manager.subscribe("tab", "topic " + std::to_string(i)));
    for (int i = from; i < from + 3000; ++i) REQUIRE(manager.unsubscribe("tab", "topic " + std::to_string(i)));
  };
  come_and_go(10'000);  // what the containers keep for the next time
  CHECK(bytes_kept([&] {
          come_and_go(20'000);
          options.connection_id.clear();
          for (int i = 0; i < 3000; ++i) {
            options.topics = {"a topic of " + std::to_string(i)};
            manager.add_connection(options).close();
          }
        }) <= 4096);
}

TEST_CASE("sets of topics and filters that nobody has any more leave nothing behind") {
  EventManager manager;
  std::vector<EventStream> streams;  // in one shard there are several, which share their sets
  sse::ConnectionOptions options;
  options.topics = {""};
  for (int i = 0; i < 64; ++i) {
    options.connection_id = std::to_string(i);
    streams.push_back(manager.add_connection(options));
    (void)streams.back().try_next();
  }
  const auto come_and_go = [&](int from) {
    for (int set = from; set < from + 100; ++set) {
      const std::string topic = "topic " + std::to_string(set);
      for (EventStream& stream : streams) REQUIRE(manager.subscribe(stream.connection_id(), topic));
      REQUIRE(manager.emit_event("x", 1, on_topic(topic)) == streams.size());
      for (EventStream& stream : streams) REQUIRE(told(stream) == Words{"1"});
      for (EventStream& stream : streams) REQUIRE(manager.unsubscribe(stream.connection_id(), topic));
      const sse::SharedFilter filter([](const Event& event) { return event.type() == "y"; });
      std::vector<EventStream> filtered;
      sse::ConnectionOptions quiet;
      quiet.filter = filter;
      quiet.announce = false;
      if (set % 2 == 0) quiet.topics = {topic};
      for (std::size_t i = 0; i < streams.size(); ++i) {
        quiet.connection_id = "filtered " + std::to_string(i);
        filtered.push_back(manager.add_connection(quiet));
      }
      REQUIRE(manager.emit_event("x", 1, on_topic(topic)) == 0);
      REQUIRE(manager.emit_event("y", 1, on_topic(topic)) == filtered.size());
    }
  };
  come_and_go(1000);  // what the containers keep for the next time
  CHECK(bytes_kept([&] { come_and_go(2000); }) <= 4096);
}

TEST_CASE("a history holds its events and no more, and a replay of it holds no copy") {
  sse::Options settings;
  settings.history_size = 1000;
  EventManager manager(settings);
  emit_numbers(manager, 10'000, 11'999);
  CHECK(bytes_kept([&] { emit_numbers(manager, 12'000, 13'999); }) < allocator_slack);
  std::vector<EventStream> streams;
  streams.reserve(10);
  sse::ConnectionOptions options;
  options.from_earliest = true;
  CHECK(bytes_kept([&] {
          for (int i = 0; i < 10; ++i) streams.push_back(manager.add_connection(options));
        }) < 10 * 4096);
  for (EventStream& stream : streams) {
    std::vector<Event> events;
    CHECK(stream.drain(events, 2000) == 1001);
  }
}

TEST_CASE("running out of memory, wherever it hits, harms no connection and no count") {
  sse::Options options = history_of(10, 40);
  options.max_connections_per_key = 1;
  EventManager manager(options);
  EventStream bystander = add_quiet(manager, "bystander");
  sse::Observer observer;
  observer.connection_added = [](const sse::ConnectionRow&) {};
  observer.connection_removed = [](const sse::ConnectionRow&, std::string_view) {};
  observer.overflow = [](const sse::ConnectionRow&) {};
  manager.set_observer(observer);
  const std::string id = "an id that is too long for the string itself", text(30, 'a');
  std::optional<EventStream> stream;
  const auto harmless = [&](auto prepare, auto act) {
    for (std::size_t n = 1, left = 0; left == 0; ++n) {
      prepare();
      failing = n;
      try {
        act();
      } catch (const std::bad_alloc&) {
      }
      left = std::exchange(failing, 0);
      const std::size_t count = manager.get_connection_count();
      REQUIRE(count == manager.get_connection_info().connections.size());
      REQUIRE(manager.emit_event("x", 1) == count);
      told(bystander);
    }
  };
  harmless([&] { stream.reset(); }, [&] { stream = manager.add_connection(id, text); });
  harmless([] {}, [&] { stream = manager.add_connection(id, text); });  // takes the older one's place
  sse::ConnectionOptions replaying;
  replaying.connection_id = id;
  replaying.from_earliest = true;
  harmless([&] { stream.reset(); }, [&] { stream = manager.add_connection(replaying); });
  replaying.topics = {text};
  harmless([&] { stream.reset(); }, [&] { stream = manager.add_connection(replaying); });
  replaying.limit_key = text;  // a place that is not given back would be the only one
  harmless([&] { stream.reset(); }, [&] { stream = manager.add_connection(replaying); });
  harmless([] {}, [&] { stream = manager.add_connection(replaying); });
  harmless([] {}, [&] { manager.emit_event("x", text); });
  harmless([] {}, [&] { manager.send_event(id, text, text); });
  harmless([] {}, [&] { manager.disconnect(id, text); });
  harmless([&] { stream = manager.add_connection(id); }, [&] { stream->close(text); });
  stream = manager.add_connection(id);
  harmless([] {}, [&] { manager.disconnect_all(text); });
}

TEST_CASE("a change of topics without memory is done whole or not at all, and loses no event") {
  EventManager manager(1000);
  sse::ConnectionOptions options;
  if (GENERATE(false, true)) options.filter = sse::SharedFilter([](const Event&) { return true; });
  options.topics = {"x"};
  std::vector<EventStream> others;  // some share a backlog with it
  while (others.size() < 100) others.push_back(manager.add_connection(options));
  options.connection_id = "id";
  EventStream stream = manager.add_connection(options);
  REQUIRE(stream.try_next()->type() == "connection");
  const auto reached = [&](const std::string& topic) {
    sse::EmitOptions emit;
    emit.topic = topic;
    return manager.emit_event("x", 1, emit);
  };
  std::size_t wanted = 0;
  const auto whole_or_not = [&](auto change, const std::string& topic, std::size_t before, std::size_t after) {
    for (std::size_t n = 1, left = 0; left == 0; ++n) {
      bool done = false;
      failing = n;
      try {
        done = change();
      } catch (const std::bad_alloc&) {
      }
      left = std::exchange(failing, 0);
      INFO("allocation " << n);
      REQUIRE(reached(topic) == (done ? after : before));
      if (topic == "x" ? !done : done) ++wanted;
      REQUIRE(done == (left != 0));
    }
  };
  const auto read = [&] {
    std::size_t count = 0;
    while (stream.try_next()) ++count;
    return count;
  };
  for (const bool drained : {false, true}) {
    whole_or_not([&] { return manager.subscribe("id", "y"); }, "y", 0, 1);
    if (drained) REQUIRE(read() == std::exchange(wanted, 0));
    whole_or_not([&] { return manager.unsubscribe("id", "x"); }, "x", 101, 100);
    REQUIRE(read() == std::exchange(wanted, 0));
    REQUIRE(manager.subscribe("id", "x"));
    REQUIRE(manager.unsubscribe("id", "y"));
  }
}

// Emits with the n-th allocation failing, for each n, until none fails. After each, `check(emitted)`: an event more
// than before, unless the emitter was told.
template <class Check>
void emit_with_each_failure(EventManager& manager, Check check) {
  for (std::size_t n = 1, left = 0; left == 0; ++n) {
    int emitted = 1;
    failing = n;
    try {
      manager.emit_event("number", 1);
    } catch (const std::bad_alloc&) {
      emitted = 0;
    }
    left = std::exchange(failing, 0);
    INFO("allocation " << n);
    check(emitted);
  }
}

TEST_CASE("an emit without memory harms no wait: the next emit completes it") {
  const auto check = [](auto& context, auto executor, std::size_t readers) {
    EventManager manager;
    std::vector<EventStream> streams;
    for (std::size_t i = 0; i < readers; ++i) streams.push_back(add_quiet(manager));
    std::size_t read = 0, ended = 0;
    for (EventStream& stream : streams)
      asio::co_spawn(
          executor(),
          [](EventStream& own, std::size_t& count) -> asio::awaitable<void> {
            while (const std::optional<Event> event = co_await own.next()) count += event->type() == "number";
          }(stream, read),
          [&](std::exception_ptr) { ++ended; });
    const auto settle = [&] {
      context.restart();
      context.poll();
    };
    settle();
    std::size_t emitted = 0;
    emit_with_each_failure(manager, [&](int more) {
      settle();
      emitted += static_cast<std::size_t>(more) + 1;
      manager.emit_event("number", 2);
      settle();
      REQUIRE(read == emitted * readers);
      REQUIRE(ended == 0);
    });
    CHECK(emitted > 2);
    manager.disconnect_all();
    settle();
    CHECK(ended == readers);
  };
  for (const std::size_t readers : {1u, 2u, 100u}) {
    asio::io_context io;
    check(
        io, [&] { return io.get_executor(); }, readers);
  }
}

TEST_CASE("an emit without memory harms no handler, typed executor or not") {
  EventManager manager;
  EventStream stream = add_quiet(manager);
  asio::io_context io;
  const asio::any_io_executor any = io.get_executor();
  for (const bool typed : {true, false})
    for (std::size_t n = 1, left = 0; left == 0; ++n) {
      int calls = 0;
      const auto count = [&](error_code error, const Event& event) {
        CHECK_FALSE(error);
        CHECK_FALSE(event.empty());
        ++calls;
      };
      if (typed)
        stream.async_next(asio::bind_executor(io, count));
      else
        stream.async_next(asio::bind_executor(any, count));
      failing = n;
      try {
        manager.emit_event("number", 1);
      } catch (const std::bad_alloc&) {  // the reader gets an `error` instead
      }
      left = std::exchange(failing, 0);
      io.restart();
      io.poll();
      manager.emit_event("number", 2);  // at the latest this posts it
      io.restart();
      io.poll();
      INFO("allocation " << n);
      REQUIRE(calls == 1);
      told(stream);
    }
}

TEST_CASE("a completion that could not be posted goes with its context, and its reader's end is told later") {
  for (std::size_t n = 1, left = 0; left == 0; ++n) {
    EventManager manager;
    std::optional<EventStream> stream = add_quiet(manager);
    std::optional<asio::io_context> io(std::in_place);
    const auto owned = std::make_shared<int>();
    wait(*stream, *io, [owned](error_code) { FAIL("the context was destroyed"); });
    CHECK(owned.use_count() == 2);
    failing = n;
    stream->close();
    left = std::exchange(failing, 0);
    io.reset();
    REQUIRE(owned.use_count() == 1);

    stream = add_quiet(manager);
    asio::io_context other;
    std::optional<error_code> result;
    wait(*stream, other, [&](error_code error) { result = error; });
    failing = n;
    stream.reset();
    failing = 0;
    manager.emit_event("x", 1);
    other.poll();
    REQUIRE(result == error_code(asio::error::operation_aborted));
  }
}

TEST_CASE("an emit without memory harms no strand of serve: every client gets what comes after") {
  using asio::ip::tcp;
  EventManager manager(1000);
  asio::io_context io;
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  const tcp::endpoint endpoint = acceptor.local_endpoint();
  asio::cancellation_signal stop;
  asio::co_spawn(io, sse::serve(std::move(acceptor), manager),
                 asio::bind_cancellation_slot(stop.slot(), [](std::exception_ptr) {}));
  struct Peer {
    tcp::socket socket;
    std::string text = {};
  };
  std::vector<Peer> peers;
  for (int i = 0; i < 40; ++i) {
    Peer& peer = peers.emplace_back(Peer{tcp::socket(io)});
    peer.socket.connect(endpoint);
    asio::write(peer.socket, asio::buffer(std::string("GET /events HTTP/1.1\r\nHost: x\r\n\r\n")));
    peer.socket.non_blocking(true);
  }
  const auto all_get = [&](const std::string& text) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    for (std::size_t got = 0; got < peers.size() && std::chrono::steady_clock::now() < end;) {
      io.run_one_for(std::chrono::milliseconds(10));
      io.poll();
      got = 0;
      for (Peer& peer : peers) {
        char bytes[65536];
        error_code error;
        peer.text.append(bytes, peer.socket.read_some(asio::buffer(bytes), error));
        if (peer.text.find(text) != std::string::npos) ++got;
      }
      if (got == peers.size()) return true;
    }
    return false;
  };
  REQUIRE(all_get("Connection established"));
  io.poll();
  int round = 0;
  emit_with_each_failure(manager, [&](int) {
    const std::string text = "round " + std::to_string(++round) + '.';
    manager.emit_event("x", text);
    REQUIRE(all_get(text));
  });
  CHECK(round > 3);
  stop.emit(asio::cancellation_type::terminal);
  io.run_for(deadline);
  CHECK(io.stopped());
}

enum class Stopped { in_order, not_in_order, terminated, all_tried };

// Runs `serve` with one stream, which is cancelled with the n-th allocation failing. A process of its own, because Asio
// 1.22 terminates it where a co_await finds no memory.
Stopped cancel_serve_without(std::size_t n) {
  using asio::ip::tcp;
  const pid_t child = ::fork();
  if (child != 0) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? static_cast<Stopped>(WEXITSTATUS(status)) : Stopped::not_in_order;
  }
  const auto exit = [](Stopped how) { std::_Exit(static_cast<int>(how)); };
  std::set_terminate([] { std::_Exit(static_cast<int>(Stopped::terminated)); });
  EventManager manager;
  asio::io_context io;
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  tcp::socket peer(io);
  peer.connect(acceptor.local_endpoint());
  asio::write(peer, asio::buffer(std::string("GET /events HTTP/1.1\r\nHost: x\r\n\r\n")));
  asio::cancellation_signal stop;
  asio::co_spawn(io, sse::serve(std::move(acceptor), manager),
                 asio::bind_cancellation_slot(stop.slot(), [](std::exception_ptr) {}));
  const auto limit = std::chrono::steady_clock::now() + deadline;
  const auto run_until = [&](auto condition) {
    while (!condition() && std::chrono::steady_clock::now() < limit) try {
        io.run_one_for(std::chrono::milliseconds(10));
      } catch (const std::bad_alloc&) {  // the completion of co_spawn
      }
    return condition();
  };
  if (!run_until([&] { return manager.get_connection_count() == 1; })) exit(Stopped::not_in_order);
  io.poll();
  failing = n;
  try {
    stop.emit(asio::cancellation_type::terminal);
    io.poll();
  } catch (const std::bad_alloc&) {
  }
  if (std::exchange(failing, 0) != 0) exit(Stopped::all_tried);
  peer.non_blocking(true);
  const bool good = run_until([&] {
    std::array<char, 4096> bytes;
    error_code error;
    peer.read_some(asio::buffer(bytes), error);
    return error == asio::error::eof && manager.get_connection_count() == 0;
  });
  exit(good ? Stopped::in_order : Stopped::not_in_order);
  return {};
}

TEST_CASE("serve that is cancelled without memory ends its streams all the same") {
  int in_order = 0;
  Stopped how{};
  for (std::size_t n = 1; how != Stopped::all_tried; ++n) {
    how = cancel_serve_without(n);
    INFO("the allocation that fails: " << n);
    REQUIRE(how != Stopped::not_in_order);
    if (how == Stopped::in_order) ++in_order;
  }
  CHECK(in_order > 3);
}

// A deadline whose owner has no other reference than the one that it posts, as a session whose operations have
// completed.
class LastReference final : public sse::detail::CoarseTimer::Deadline {
 public:
  using Timer = sse::detail::CoarseTimer;

  LastReference(asio::io_context& io, int& calls, int& destroyed)
      : io_(io), calls_(calls), destroyed_(destroyed), timer_(sse::detail::coarse_timer_of(io.get_executor())) {}
  ~LastReference() {
    timer_->remove(*this);
    ++destroyed_;
  }

  static void start(std::shared_ptr<LastReference> self) {
    self->expire_at(Timer::Clock::time_point::min());
    self->timer_->add(*self, self->io_.get_executor());
    LastReference& last = *self;
    last.self_ = std::move(self);
  }

 private:
  void on_deadline(Timer::Owners& owners) noexcept override {
    owners.keep(self_);
    post(io_.get_executor(), [self = std::move(self_)] { ++self->calls_; });
  }
  Timer& coarse_timer() noexcept override { return *timer_; }

  asio::io_context& io_;
  int& calls_;
  int& destroyed_;
  const std::shared_ptr<Timer> timer_;
  std::shared_ptr<LastReference> self_;
};

TEST_CASE("a deadline whose last reference can't be posted is destroyed without the timer's mutex") {
  asio::io_context io;
  for (std::size_t n = 1, left = 0; left == 0; ++n) {
    constexpr int count = 200;  // more than one visit of the timer takes
    int calls = 0, destroyed = 0;
    for (int i = 0; i < count; ++i) LastReference::start(std::make_shared<LastReference>(io, calls, destroyed));
    INFO("allocation " << n);
    failing = n;
    io.restart();
    io.run_one_for(deadline);
    left = std::exchange(failing, 0);
    io.restart();
    io.poll();
    REQUIRE(destroyed == count);
    REQUIRE(calls == (left == 0 ? count - 1 : count));
    if (n == 3) n = count - 1;  // those between are as those before
  }
}

TEST_CASE("a reader that runs out of memory loses no event") {
  EventManager manager(3);
  for (std::size_t n = 1, left = 0; left == 0; ++n) {
    EventStream stream = add_quiet(manager);
    emit_numbers(manager, 1, 5);
    std::vector<Event> events;
    failing = n;
    try {
      stream.drain(events, 10);
    } catch (const std::bad_alloc&) {
    }
    left = std::exchange(failing, 0);
    stream.drain(events, 10);
    Words words;
    for (const Event& event : events) words.push_back(word(event));
    REQUIRE(words == Words{"overflow 2"} + numbers(3, 5));
  }
}

TEST_CASE("a parser whose messages are only looked at allocates nothing in the steady state, however they are cut") {
  const std::string text(300, 'x');
  const std::string fields = "id:" + text + "\nevent:" + text + "\ndata:" + text + "\xFF\ndata:\nretry:5\n\n";
  const std::string stream = "\xEF\xBB\xBF:" + text + "\n" + text + ":\n" + fields + "id:" + std::string(1, '\0') +
                             "\ndata\n\ndata:" + text + text + "\r\n\r\nid\n\n";
  sse::Parser parser(2048);
  std::size_t messages = 0;
  const auto read = [&](std::size_t step) {
    const std::size_t before = made;
    for (std::size_t at = 0; at < stream.size(); at += step)
      if (parser.feed(std::string_view(stream).substr(at, step), [&](sse::Message&&) { ++messages; })) FAIL("too long");
    parser.reset();
    return made - before;
  };
  CHECK(read(stream.size()) > 0);
  for (int round = 0; round < 3; ++round) read(1);  // the id has three places, which change round
  for (const std::size_t step : {1u, 2u, 7u, 100u, 10'000u}) CHECK(read(step) == 0);
  CHECK(messages == 9 * 3);
}

TEST_CASE("what a parser holds is bounded, whatever comes") {
  constexpr std::size_t limit = 10'000;
  const std::string block(100'000, 'x'), ill(100'000, '\xFF');
  for (const std::string begin : {":", "x:", "x", "data:", "event:", "id:", "retry:", "data:12345\n:", "data"}) {
    sse::Parser parser(limit);
    const auto ignore = [](sse::Message&&) {};
    const std::ptrdiff_t held = bytes_kept([&] {
      (void)parser.feed(begin, ignore);
      for (int round = 0; round < 20; ++round) {
        (void)parser.feed(block, ignore);
        (void)parser.feed(ill, ignore);
        for (std::size_t i = 0; i < 10'000; ++i) (void)parser.feed(std::string_view(begin).substr(i % 2), ignore);
      }
      for (int i = 0; i < 100'000; ++i) (void)parser.feed("\ndata\nid:1\nevent:x", ignore);
    });
    INFO(begin);
    CHECK(held <= static_cast<std::ptrdiff_t>(4 * limit));
  }
}

TEST_CASE("a parser that runs out of memory has not moved the id, and reads on after a reset") {
  const std::string text(100, 'x'),
      stream = "event:" + text + "\nid:" + text + "\ndata:" + text + "\xFF" + text + "\n\n";
  for (std::size_t n = 1, left = 0; left == 0; ++n) {
    sse::Parser parser;
    std::size_t messages = 0;
    const auto count = [&](sse::Message&& message) { messages += message.last_event_id == text; };
    failing = n;
    try {
      (void)parser.feed(stream, count);
    } catch (const std::bad_alloc&) {
    }
    left = std::exchange(failing, 0);
    REQUIRE(parser.last_event_id() == (messages == 0 ? "" : text));
    parser.reset();
    messages = 0;
    REQUIRE_FALSE(parser.feed(stream, count));
    REQUIRE(messages == 1);
  }
}

}  // namespace
}  // namespace sse_test
