// Streams that a crowd of `serve` writes together: each gets what it would get alone.
#include <array>
#include <atomic>
#include <cstddef>
#include <deque>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support.hpp"

namespace {

/// A client, and what it has read.
struct Reader {
  explicit Reader(Server& server, int receive_buffer = 0) : client(server.get(good_request, receive_buffer)) {
    REQUIRE(client.status() == 200);
    id = client.event().value().at("connection_id");
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
  for (std::size_t i = 0; i < 20 * victims.size(); ++i) {
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

TEST_CASE("a context that is destroyed in the middle of a crowd's round leaves nothing behind") {
  sse::EventManager events;
  const std::size_t before = open_descriptors();
  {
    Context context;
    tcp::acceptor acceptor = listen(context.io);
    const auto port = acceptor.local_endpoint().port();
    asio::co_spawn(context.io, sse::serve(std::move(acceptor), events), asio::detached);
    std::vector<Client> clients;
    for (int i = 0; i < 17 * 16; ++i) {  // more on each strand than the bytes of one turn
      clients.push_back(Client::to(port));
      clients.back().send(good_request);
      clients.back().head();
      clients.back().event();
    }
    const std::string large(64 * 1024, 'x');
    for (int i = 0; i < 2; ++i) events.emit_event("large", large);
    context.join();
    events.emit_event("late", 1);
  }
  CHECK(events.get_connection_count() == 0);
  CHECK(open_descriptors() == before);
}
