#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <thread>

#include "support.hpp"

namespace sse_test {
namespace {

using namespace asio::experimental::awaitable_operators;
using sse::error_code;

/// The events that one stream has read.
struct Account {
  std::size_t received = 0, noticed = 0, dropped = 0;
  bool in_order = true, ended = false;
  std::vector<int> last = std::vector<int>(10, 0);  // of each emitter

  void add(const Event& event) {
    const json body = json::parse(event.json());
    const std::string type = body["type"];
    if (type == "overflow") {
      noticed += body["dropped"].get<std::size_t>();
    } else if (type == "number") {
      ++received;
      int& before = last[body["data"][0].get<std::size_t>()];
      const int now = body["data"][1];
      in_order = in_order && now > before;
      before = now;
    }
  }
};

asio::awaitable<void> keep_account(EventStream stream, Account& account) {
  while (auto event = co_await stream.next()) account.add(*event);
  account.dropped = stream.dropped();
  account.ended = stream.done();
}

asio::awaitable<void> turns(int count) {
  for (; count > 0; --count) co_await asio::post(asio::use_awaitable);
}

/// The same, but each next() is given up again and again.
asio::awaitable<void> keep_account_impatiently(EventStream stream, Account& account) {
  for (int patience = 0; !account.ended; patience = (patience + 1) % 9) {
    const auto result = co_await (stream.next() || turns(patience));
    if (result.index() == 1) continue;
    if (const std::optional<Event>& event = std::get<0>(result))
      account.add(*event);
    else
      account.ended = true;
  }
  account.dropped = stream.dropped();
}

/// Two threads that run `io` until its work is done, or until this is destroyed.
struct Crew {
  explicit Crew(asio::io_context& context) : work(context.get_executor()) {
    for (int i = 0; i < 2; ++i) threads.emplace_back([&context] { context.run(); });
  }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  ~Crew() { finish(); }
  void finish() {
    work.reset();
    for (std::thread& thread : std::exchange(threads, {})) thread.join();
  }

  asio::executor_work_guard<asio::io_context::executor_type> work;
  std::vector<std::thread> threads;
};

TEST_CASE("ten threads emit while connections come and go: each emitter's order, and not an event unaccounted for") {
  constexpr std::size_t emitters = 10, each = 200;
  EventManager manager(32);
  asio::io_context io;
  std::list<Account> accounts;
  const auto read = [&](EventStream stream, auto how) {
    asio::co_spawn(asio::make_strand(io), how(std::move(stream), accounts.emplace_back()), asio::detached);
  };
  for (int i = 0; i < 2; ++i) read(manager.add_connection(), keep_account);
  for (int i = 0; i < 2; ++i) read(manager.add_connection(), keep_account_impatiently);
  EventStream late = manager.add_connection();
  Crew crew(io);
  std::atomic<std::size_t> reached{0};
  std::vector<std::thread> threads;
  for (std::size_t emitter = 0; emitter < emitters; ++emitter)
    threads.emplace_back([&, emitter] {
      for (std::size_t i = 1; i <= each; ++i) reached += manager.emit_event("number", json::array({emitter, i}));
    });
  for (int i = 0; i < 60; ++i) {
    read(manager.add_connection("guest " + std::to_string(i % 5)), keep_account);  // often one that is taken
    manager.disconnect("guest " + std::to_string(i % 7));
    manager.get_connection_info();
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(late.dropped() == emitters * each - 32);
  manager.disconnect_all();
  read(std::move(late), keep_account);
  crew.finish();

  std::size_t accounted = 0;
  for (const Account& account : accounts) {
    CHECK(account.ended);
    CHECK(account.in_order);
    CHECK(account.noticed == account.dropped);
    accounted += account.received + account.dropped;
  }
  CHECK(accounted == reached);
  std::size_t place = 0;
  for (const Account& account : accounts)
    if (++place <= 4 || place == accounts.size()) CHECK(account.received + account.dropped == emitters * each);
}

TEST_CASE("all connections see the events of all emitters in the same order") {
  EventManager manager(1000);
  EventStream one = add_quiet(manager, "one"), other = add_quiet(manager, "other");
  std::vector<std::thread> threads;
  for (int emitter = 0; emitter < 4; ++emitter)
    threads.emplace_back([&, emitter] {
      for (int i = 0; i < 200; ++i) manager.emit_json("x", std::to_string(emitter * 1000 + i));
    });
  for (std::thread& thread : threads) thread.join();
  const Words words = told(one);
  CHECK(words.size() == 800);
  CHECK(words == told(other));
}

TEST_CASE("no wake-up is lost between a reader that is about to wait and an emitter") {
  EventManager pings, pongs;
  asio::io_context io;
  EventStream ping = add_quiet(pings), pong = add_quiet(pongs);
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        while (auto event = co_await ping.next()) pongs.emit_json("pong", "1");
      },
      asio::detached);
  std::thread reader([&] { io.run(); });
  for (int i = 0; i < 3000; ++i) {
    pings.emit_json("ping", "1");
    get(pong.async_wait(asio::use_future));
    REQUIRE(pong.try_next());
  }
  pings.disconnect_all();
  reader.join();
  CHECK_FALSE(pong.try_next());
}

TEST_CASE("emit on one thread, read on two, disconnect_all on another, and the manager destroyed on a fourth") {
  for (int round = 0; round < 25; ++round) {
    std::optional<EventManager> manager(std::in_place, 4);
    asio::io_context io;
    Crew crew(io);
    std::list<Account> accounts;
    std::atomic<std::size_t> reached{0};
    const auto read = [&] {
      asio::co_spawn(asio::make_strand(io), keep_account(manager->add_connection(), accounts.emplace_back()),
                     asio::detached);
    };
    for (int i = 0; i < 6; ++i) read();
    std::jthread emitter([&](std::stop_token stop) {
      for (int i = 1; !stop.stop_requested(); ++i) reached += manager->emit_event("number", {0, i});
    });
    std::thread ending([&] { manager->disconnect_all("now"); });
    for (int i = 0; i < 3; ++i) read();
    ending.join();
    emitter = {};  // stops and joins: nobody may call a manager that is being destroyed
    std::thread([&] { manager.reset(); }).join();
    crew.finish();
    std::size_t accounted = 0;
    for (const Account& account : accounts) {
      REQUIRE(account.ended);
      REQUIRE(account.in_order);
      REQUIRE(account.noticed == account.dropped);
      accounted += account.received + account.dropped;
    }
    REQUIRE(accounted == reached);
  }
}

/// A thread that emits as fast as it can, as long as this lives.
struct Emitter {
  explicit Emitter(EventManager& manager)
      : thread_([&manager](std::stop_token stop) {
          while (!stop.stop_requested()) manager.emit_json("x", "1");
        }) {}

 private:
  std::jthread thread_;
};

TEST_CASE("a connection that is added while others emit goes on exactly after the id that it is told") {
  sse::Options settings;
  settings.history_size = settings.max_queue_size = 100'000;
  EventManager manager(settings);
  const Emitter emitter(manager), second(manager);
  std::string last_id;
  std::size_t wrong = 0;
  for (int i = 0; i < (sanitized ? 3000 : 10'000); ++i) {
    sse::ConnectionOptions options;
    if (i % 2 == 1) options.last_event_id = last_id;
    if (i % 3 == 1) options.topics = {"topic"};
    if (i % 5 == 1) options.filter = [](const Event&) { return true; };
    EventStream stream = manager.add_connection(options);  // often the only one there is
    std::vector<Event> events;
    while (events.size() < 4) {
      get(stream.async_wait(asio::use_future));
      stream.drain(events, 4);
    }
    const auto number = [&](std::size_t at) {
      const std::string id(events[at].id());
      return std::stoull(id.substr(id.find('-') + 1));
    };
    for (std::size_t at = 1; at < events.size(); ++at) wrong += number(at) != number(at - 1) + 1;
    last_id = events.back().id();
  }
  CHECK(wrong == 0);
}

TEST_CASE("a stream may be destroyed, closed or replaced while an emit runs, with or without a wait") {
  EventManager manager(2);
  const Emitter emitter(manager), second(manager);
  asio::io_context io;
  int waits = 0, completions = 0;
  for (int round = 0; round < 500; ++round) {
    std::optional<EventStream> stream = manager.add_connection("same"), other = add_quiet(manager);
    if (round % 2 == 0) (void)other->try_next();
    wait(*other, io, [&](error_code error) {
      ++completions;
      CHECK((!error || error == asio::error::operation_aborted));
    });
    ++waits;
    if (round % 3 == 0) other->close();
    if (round % 5 == 0) stream = manager.add_connection("same");
    other.reset();
    stream.reset();
    io.restart();
    io.run();
  }
  CHECK(completions == waits);
  CHECK(manager.get_connection_count() == 0);
}

asio::awaitable<void> read_forever(EventStream stream, int& alive) {
  const Alive frame(alive);
  while (co_await stream.next()) {
  }
}

TEST_CASE("an io_context may be destroyed while another thread emits to the coroutines that wait on it") {
  EventManager manager(2);
  const Emitter emitter(manager), second(manager);
  int alive = 0;
  for (int round = 0; round < 300; ++round) {
    {
      asio::io_context io;
      for (int i = 0; i < 4; ++i) asio::co_spawn(io, read_forever(manager.add_connection(), alive), asio::detached);
      for (int i = 0; i < round % 40; ++i) io.poll_one();
    }
    REQUIRE(alive == 0);
    REQUIRE(manager.get_connection_count() == 0);
  }
}

TEST_CASE("the observer may be replaced while others emit, connect and disconnect") {
  EventManager manager(1);
  const auto overflows = std::make_shared<std::atomic<std::size_t>>(0);
  {
    const Emitter emitter(manager);
    std::jthread comer([&](std::stop_token stop) {
      while (!stop.stop_requested()) (void)manager.add_connection();
    });
    EventStream slow = add_quiet(manager);
    for (int round = 0; round < 300 || *overflows == 0; ++round) {
      sse::Observer observer;
      observer.connection_added = [](const sse::ConnectionRow&) {};
      observer.overflow = [overflows](const sse::ConnectionRow&) { ++*overflows; };
      manager.set_observer(observer);
      told(slow);
    }
  }
  manager.set_observer({});
  CHECK(overflows.use_count() == 1);
}

}  // namespace
}  // namespace sse_test
