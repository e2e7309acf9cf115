// Streams that a crowd of `serve` writes together: each gets what it would get alone.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <future>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support.hpp"

namespace {

#if defined(_WIN32) || (defined(SSE_CROWDS) && SSE_CROWDS == 0)
constexpr bool has_crowds = false;  // a strand lets all of its streams write in one turn
#else
constexpr bool has_crowds = true;
#endif

/// A client, and what it has read.
struct Reader {
  explicit Reader(unsigned short port, int receive_buffer = 0, const std::string& request = good_request)
      : client(Client::to(port, receive_buffer)) {
    client.send(request);
    REQUIRE(client.status() == 200);
    id = client.event().value().at("connection_id");
  }
  explicit Reader(Server& server, int receive_buffer = 0) : Reader(server.port, receive_buffer) {}

  /// Reads the next event, which has this number.
  void read_number(std::size_t n) {
    const json event = client.event().value();
    INFO(event.dump().substr(0, 200));
    REQUIRE(event.at("type") == "n");
    REQUIRE(event.at("data").at("n") == n);
  }

  /// Reads to the event `end`: the numbers rise, and those that are missing were told as lost.
  void read_to_end_event(std::size_t emitted) {
    std::size_t next = 0;
    for (;;) {
      const json event = client.event().value();
      const std::string type = event.at("type");
      if (type == "overflow") {
        next += event.at("dropped").get<std::size_t>();
      } else if (type == "n") {
        REQUIRE(event.at("data").at("n") == next);
        ++next;
      } else if (type == "end") {
        break;
      }
    }
    CHECK(next == emitted);
  }

  Client client;
  std::string id;
};

std::deque<Reader> connect_some(Server& server, std::size_t count) {
  std::deque<Reader> readers;
  for (std::size_t i = 0; i < count; ++i) readers.emplace_back(server);
  return readers;
}

const std::string text(150, 'x');

/// Clients may leave what they get unread for as long as the test takes.
sse::ServeOptions patient() {
  sse::ServeOptions options;
  options.stream.send_timeout = 0ms;
  return options;
}

void emit_number(sse::EventManager& events, std::size_t n) {
  events.emit_event("n", {{"n", n}, {"text", text}});
}

/// Streams on one strand, so that they are one crowd: of 16 sockets that are accepted in turn, each is on another.
std::deque<Reader> connect_to_one_strand(unsigned short port, std::size_t count,
                                         const std::string& request = good_request) {
  std::deque<Reader> readers;
  for (std::size_t i = 0; i < count; ++i) {
    readers.emplace_back(port, 0, request);
    for (int other = 1; other < 16; ++other) Client::to(port);
  }
  return readers;
}

/// So many members of a crowd are more than one turn sends emit_large's event to.
constexpr std::size_t more_than_a_turn = 20;

const std::string large(64 * 1024, 'x');

void emit_large(sse::EventManager& events, std::size_t n, const std::string& topic = {}) {
  sse::EmitOptions options;
  options.topic = topic;
  events.emit_event("n", {{"n", n}, {"text", large}}, options);
}

/// Reads the event of emit_large, whole. Parsing so much would take most of a test's time.
void read_large(Reader& reader, std::size_t n) {
  const std::string frame = reader.client.take_until("\n\n").value();
  INFO(frame.substr(0, 200));
  REQUIRE(frame.find("{\"n\":" + std::to_string(n) + ",\"text\":\"" + large + "\"}") != std::string::npos);
}

/// Calls `emit`, and `change` behind the first turns of what that has woken. The context has one thread.
template <class Emit, class Change>
void change_in_round(asio::io_context& io, Emit&& emit, Change&& change) {
  std::promise<void> changed;
  asio::post(io, [&] {
    emit();
    asio::post(io, [&] {
      change();
      changed.set_value();
    });
  });
  changed.get_future().wait();
}

std::size_t count_reached(const std::deque<Reader>& readers) {
  return static_cast<std::size_t>(std::count_if(readers.begin(), readers.end(), [](const Reader& reader) {
    return platform::wait_readable(reader.client.descriptor(), 0ms);
  }));
}

std::size_t wanted_of(Server& server) {
  const sse::Stats stats = server.events.stats();
  return static_cast<std::size_t>(stats.delivered + stats.lost[sse::LossReason::queue_full] + stats.queued);
}

}  // namespace

TEST_CASE("an event for one member of a crowd comes in its place, to each member in turn") {
  Server server;
  std::deque<Reader> readers = connect_some(server, 40);
  std::size_t n = 0;
  for (const Reader& reader : readers) {
    emit_number(server.events, n++);
    REQUIRE(server.events.send_event(reader.id, "private", n));
    emit_number(server.events, n++);
  }
  server.events.emit_event("end", nullptr);
  for (std::size_t i = 0; i < readers.size(); ++i) {
    std::size_t next = 0;
    for (json event = readers[i].client.event().value(); event.at("type") != "end";
         event = readers[i].client.event().value()) {
      if (event.at("type") == "private") {
        CHECK(next == 2 * i + 1);
        CHECK(event.at("data") == 2 * i + 1);
      } else {
        REQUIRE(event.at("data").at("n") == next++);
      }
    }
    CHECK(next == n);
  }
}

TEST_CASE(
    "members of a crowd that are ended get what was emitted before, then their last event, and nobody else does") {
  Server server;
  std::deque<Reader> readers = connect_some(server, 40);
  std::size_t n = 0;
  for (std::size_t i = 0; i < readers.size(); i += 2) {
    emit_number(server.events, n++);
    REQUIRE(server.events.disconnect(readers[i].id, "Enough"));
  }
  server.events.emit_event("end", nullptr);
  for (std::size_t i = 0; i < readers.size(); ++i) {
    if (i % 2 != 0) {
      readers[i].read_to_end_event(n);
      continue;
    }
    for (std::size_t next = 0; next <= i / 2; ++next)
      REQUIRE(readers[i].client.event().value().at("data").at("n") == next);
    CHECK(readers[i].client.event().value().at("message") == "Enough");
    CHECK(!readers[i].client.event());
  }
  server.wait_for_count(readers.size() / 2);
}

TEST_CASE("a member that changes in the middle of a crowd's round, wherever it stands, harms nobody") {
  struct Change {
    const char* name;
    void (*make)(Server&, Reader&);
    void (*check)(Reader&);  ///< Reads on behind the event of the round. Null: it has gone.
    bool ends;
  };
  const std::array changes{
      Change{"its client goes", [](Server&, Reader& one) { one.client.close(); }, nullptr, true},
      Change{"its client resets", [](Server&, Reader& one) { one.client.reset(); }, nullptr, true},
      Change{"it is disconnected", [](Server& server, Reader& one) { server.events.disconnect(one.id, "Enough"); },
             [](Reader& one) {
               CHECK(one.client.event().value().at("message") == "Enough");
               CHECK(!one.client.event());
             },
             true},
      Change{"it gets an event alone",
             [](Server& server, Reader& one) { server.events.send_event(one.id, "private", one.id); },
             [](Reader& one) { CHECK(one.client.event().value().at("data") == one.id); }, false},
      Change{"its client sends", [](Server&, Reader& one) { one.client.send("x"); }, [](Reader&) {}, false}};
  for (const Change& change : changes) {
    INFO(change.name);
    Server server;
    std::deque<Reader> readers = connect_to_one_strand(server.port, more_than_a_turn);
    for (std::size_t half = 0; half < 2; ++half) {
      change_in_round(
          server.context.io, [&] { emit_large(server.events, half); },
          [&] {
            for (std::size_t i = half; i < readers.size(); i += 2) change.make(server, readers[i]);
          });
      for (std::size_t i = 0; i < readers.size(); ++i) {
        const bool changes_now = i % 2 == half;
        if (half == 1 && !changes_now && change.ends) continue;  // it has ended in the first half
        if (changes_now && !change.check) continue;
        read_large(readers[i], half);
        if (changes_now) change.check(readers[i]);
      }
    }
    server.wait_for_count(change.ends ? 0 : readers.size());
  }
}

TEST_CASE("members of a crowd whose sockets fill in the middle of an event get the rest, and are told what they lost") {
  sse::Options few;
  few.max_queue_size = 4;
  Server server(patient(), few);
  std::deque<Reader> readers, slow;
  for (int i = 0; i < 5; ++i) {  // of one strand the first, the third and the last are slow
    const bool is_slow = i % 2 == 0;
    (is_slow ? slow : readers).emplace_back(server, is_slow ? 8192 : 0);
    for (int other = 1; other < 16; ++other) Client::to(server.port);
  }
  constexpr std::size_t count = 24;
  for (std::size_t n = 0; n < count; ++n) {
    server.events.emit_event("n", {{"n", n}, {"text", std::string(n * 9'771 % 30'000, 'x')}});
    for (Reader& reader : readers) reader.read_number(n);
  }
  CHECK(server.events.stats().lost[sse::LossReason::queue_full] != 0);
  server.events.emit_event("end", nullptr);
  for (Reader& reader : readers) CHECK(reader.client.event().value().at("type") == "end");
  for (Reader& reader : slow) reader.read_to_end_event(count);
}

TEST_CASE("a crowd's round that a drain with a spread interrupts comes to each member before its end") {
  sse::ServeOptions options;
  options.spread = 10ms;
  Server server(options);
  std::deque<Reader> readers = connect_to_one_strand(server.port, more_than_a_turn);
  change_in_round(
      server.context.io, [&] { emit_large(server.events, 0); }, [&] { server.task.cancel(); });
  for (Reader& reader : readers) {
    read_large(reader, 0);
    CHECK(reader.client.event().value().at("type") == "disconnect");
    CHECK(!reader.client.event());
  }
}

TEST_CASE("streams whose time is up while their strand is busy get nothing that comes later") {
  using Clock = std::chrono::system_clock;
  sse::ServeOptions options;
  Clock::time_point end = Clock::now() + 150ms;
  options.admit = [&](const sse::Request& request, sse::ConnectionOptions& connection) {
    if (request.query_value("short")) connection.expires_at = end;
    if (request.query_value("long")) connection.expires_at = end + 1h;
  };
  Server server(options);
  std::deque<Reader> readers, expiring;
  for (int i = 0; i < 16 * 4; ++i)
    (i / 16 % 2 ? readers : expiring)
        .emplace_back(server.port, 0,
                      "GET /events?"s +
                          (i / 16 % 2 == 0 ? "short"
                           : i / 32        ? "long"
                                           : "none") +
                          " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  std::promise<void> emitted;
  asio::post(server.context.io, [&] {  // no reader runs meanwhile
    emit_number(server.events, 0);
    while (Clock::now() <= end) platform::pause(1ms);
    emit_number(server.events, 1);
    emitted.set_value();
  });
  emitted.get_future().wait();
  for (Reader& reader : readers)
    for (std::size_t n = 0; n < 2; ++n) reader.read_number(n);
  for (Reader& reader : expiring) {
    std::optional<json> event = reader.client.event();
    if (event && event->at("type") == "n") {  // else the machine was too slow for it
      CHECK(event->at("data").at("n") == 0);
      event = reader.client.event();
    }
    CHECK(event.value().at("type") == "disconnect");
    CHECK(!reader.client.event());
  }
  server.wait_for_count(readers.size());
}

TEST_CASE("streams whose topics change in the middle of a round get what their set says at each emit") {
  sse::ServeOptions options;
  options.topics_from_query = true;
  Server server(options);
  std::deque<Reader> readers =
      connect_to_one_strand(server.port, more_than_a_turn, "GET /events?topic=a HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const auto emit_to = [&](const char* topic, std::size_t n) {
    sse::EmitOptions to;
    to.topic = topic;
    server.events.emit_event("n", {{"n", n}}, to);
  };
  change_in_round(
      server.context.io, [&] { emit_large(server.events, 0, "a"); },
      [&] {
        for (std::size_t i = 0; i < readers.size(); i += 2) CHECK(server.events.subscribe(readers[i].id, "b"));
        emit_to("b", 1);
        emit_to("a", 2);
      });
  for (std::size_t i = 0; i < readers.size(); ++i) {
    read_large(readers[i], 0);
    for (const std::size_t n : {1u, 2u})
      if (n != 1 || i % 2 == 0) readers[i].read_number(n);
  }
  change_in_round(
      server.context.io, [&] { emit_large(server.events, 3, "a"); },
      [&] {
        for (std::size_t i = 0; i < readers.size(); i += 4) CHECK(server.events.unsubscribe(readers[i].id, "a"));
        emit_to("a", 4);
        emit_to("b", 5);
        emit_number(server.events, 6);
      });
  for (std::size_t i = 0; i < readers.size(); ++i) {
    read_large(readers[i], 3);
    for (const std::size_t n : {4u, 5u, 6u})
      if (n == 4 ? i % 4 != 0 : n != 5 || i % 2 == 0) readers[i].read_number(n);
  }
  for (std::size_t n = 7; n < 10; ++n) emit_to("b", n);  // each is woken again, long after its change
  for (std::size_t i = 0; i < readers.size(); i += 2)
    for (std::size_t n = 7; n < 10; ++n) readers[i].read_number(n);
  for (std::size_t i = 0; i < readers.size(); ++i) {
    server.events.send_event(readers[i].id, "n", {{"n", i}});
    readers[i].read_number(i);
  }
}

TEST_CASE("a crowd's turn ends before its round, so that others have theirs") {
  Server server;
  std::deque<Reader> readers = connect_to_one_strand(server.port, more_than_a_turn);
  std::size_t reached = 0;
  change_in_round(
      server.context.io, [&] { emit_large(server.events, 0); }, [&] { reached = count_reached(readers); });
  CHECK(reached < more_than_a_turn + !has_crowds);
  for (Reader& reader : readers) read_large(reader, 0);
}

TEST_CASE("members of a crowd that go, block, send and change at random leave the others whole, with exact losses") {
  const unsigned seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  Server server(patient(), {}, 2);
  std::deque<Reader> readers = connect_some(server, 24);
  std::deque<Reader> victims;
  for (int i = 0; i < 32; ++i) victims.emplace_back(server, i % 4 == 0 ? 4096 : 0);
  constexpr std::size_t count = 600;
  std::thread emitter([&] {
    for (std::size_t n = 0; n < count; ++n) {
      emit_number(server.events, n);
      if (n % 16 == 0) std::this_thread::yield();
    }
  });
  for (std::size_t i = 0; i < 10 * victims.size(); ++i) {
    Reader& victim = victims[random() % victims.size()];
    Reader& reader = readers[random() % readers.size()];
    switch (random() % 8) {
      case 0: victim.client.reset(); break;
      case 1: victim.client.close(); break;
      case 2: server.events.disconnect(victim.id); break;
      case 3: server.events.send_event(victim.id, "private", i); break;
      case 4: server.events.send_event(reader.id, "private", i); break;
      case 5: server.events.subscribe(victim.id, "topic"); break;
      default: reader.client.send("x"); break;
    }
  }
  emitter.join();
  server.events.emit_event("end", nullptr);
  for (Reader& reader : readers) reader.read_to_end_event(count);
}

TEST_CASE("what the statistics say of a crowd is what its clients have read") {
  Server server;
  std::deque<Reader> readers = connect_some(server, 20);
  const std::size_t before = wanted_of(server);
  constexpr std::size_t count = 300;
  for (std::size_t n = 0; n < count; ++n) emit_number(server.events, n);
  server.events.emit_event("end", nullptr);
  for (Reader& reader : readers) reader.read_to_end_event(count);
  CHECK(wanted_of(server) - before == readers.size() * (count + 1));
  CHECK(server.events.stats().queued == 0);

  Server other;
  std::vector<Client> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(other.get());
  other.wait_for_count(clients.size());
  for (std::size_t n = 0; n < 50; ++n) emit_number(other.events, n);
  other.events.disconnect_all();
  std::size_t bytes = 0;
  for (Client& client : clients) bytes += client.read_to_end().size();
  CHECK(other.events.stats().written_bytes == bytes);
}

TEST_CASE("a silent crowd gets its comments, and each member that comes gets its own") {
  sse::ServeOptions options;
  options.stream.keep_alive = 1ms;
  Server server(options);
  std::vector<Client> clients;
  for (int i = 0; i < 24; ++i) clients.push_back(server.stream());
  for (int round = 0; round < 2; ++round)
    for (Client& client : clients) {
      const std::size_t seen = client.comments;
      while (client.comments == seen)
        if (client.take_until("\n\n") == ": keep-alive\n\n") ++client.comments;
    }
  server.events.emit_event("late", 1);
  for (Client& client : clients) CHECK(client.event().value().at("type") == "late");
}

TEST_CASE("a server that never rests accepts, answers and sees who goes") {
  sse::ServeOptions options = patient();
  options.metrics_path = "/metrics";
  Server server(options);
  std::deque<Reader> readers = connect_some(server, 100);
  std::atomic<bool> stopped = false;
  std::jthread emitter([&] {
    for (std::size_t n = 0; !stopped; ++n) emit_number(server.events, n);
  });
  for (int i = 0; i < 10; ++i) {
    CHECK(server.get("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").status() == 200);
    readers.pop_back();
    server.wait_for_count(readers.size());
    CHECK(server.get("GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n").status() == 404);
  }
  stopped = true;
}

TEST_CASE("a context that is stopped in the middle of a crowd's round and destroyed leaves nothing behind") {
  sse::EventManager events;
  const std::size_t before = open_descriptors();
  {
    Context context;
    tcp::acceptor acceptor = listen(context.io);
    const auto port = acceptor.local_endpoint().port();
    asio::co_spawn(context.io, sse::serve(std::move(acceptor), events), asio::detached);
    const std::deque<Reader> readers = connect_to_one_strand(port, more_than_a_turn);
    change_in_round(
        context.io, [&] { emit_large(events, 0); }, [&] { context.io.stop(); });
    context.join();
    CHECK(count_reached(readers) < readers.size() + !has_crowds);
    events.emit_event("late", 1);
  }
  CHECK(events.get_connection_count() == 0);
  CHECK(open_descriptors() == before);
}
