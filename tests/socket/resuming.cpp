// Clients of `serve` that are cut and come back, and what they may say about where they were.

#include <array>
#include <atomic>
#include <random>

#include <sse/testing_log.hpp>

#include "support.hpp"

namespace {

std::string request_of(std::string_view target, std::string_view last_event_id = {}) {
  std::string request = std::string("GET ").append(target).append(" HTTP/1.1\r\nHost: x\r\n");
  if (!last_event_id.empty()) request.append("Last-Event-ID: ").append(last_event_id).append("\r\n");
  return request + "\r\n";
}

sse::Options with_history(std::size_t size) {
  sse::Options options;
  options.history_size = size;
  return options;
}

/// A stream's next event that is no notice of its beginning.
json first_event(Client& client) {
  CHECK(client.status() == 200);
  CHECK(client.event()->at("type") == "connection");
  return client.event().value();
}

/// The second number of an id; 0: there is none.
std::uint64_t number_of(const std::string& id) {
  const std::size_t dash = id.find('-');
  return dash == id.npos ? 0 : std::stoull(id.substr(dash + 1));
}

/// One client of the test below: cut `cuts` times, sent away now and then, and back each time with its last id.
class Returning {
 public:
  static constexpr std::uint64_t emitters = 2, events_each = 6'000, total = emitters * events_each;
  static constexpr int cuts = 20;

  void run(const Server& server, unsigned seed) {
    std::mt19937 random(seed);
    while (seen < total) {
      Client client = server.get(request_of("/events?since=earliest", last_id_));
      if (client.status() != 200) throw std::runtime_error("no stream");
      bool more = true;
      for (auto left = cut < cuts ? random() % 600 : total; more && left > 0 && seen < total; --left)
        more = take_event(client);
      if (!more) {
        ++sent_away;
      } else if (cut < cuts && seen < total && client.take_until("\"type\":")) {
        if (++cut % 2 == 0) client.reset();
      }
    }
  }

  std::atomic<std::uint64_t> seen = 0;
  int cut = 0, sent_away = 0;
  std::string failure;

 private:
  bool take_event(Client& client) {
    const auto event = client.event();
    if (!event) return false;
    last_id_ = client.last_event_id;
    const std::string type = event->at("type");
    if (type == "connection" || type == "disconnect") return true;
    const auto expected = [&] { return event->at("data").at("n") == next_[event->at("data").at("emitter")]++; };
    if (type != "n" || number_of(last_id_) != seen + 1 || !expected())
      throw std::runtime_error("after " + std::to_string(seen) + " events: " + last_id_ + ' ' + event->dump());
    ++seen;
    return true;
  }

  std::string last_id_;
  std::array<std::uint64_t, emitters> next_{};
};

TEST_CASE("clients that are cut in the middle of a frame, under load, get each event once and in order") {
  constexpr std::uint64_t window = 2'000;
  sse::ServeOptions options;
  // A queue that overflows under the load: the client is sent away, and the history has what it missed.
  options.admit = [](const sse::Request&, sse::ConnectionOptions& connection) {
    connection.max_queue_size = 50;
    connection.overflow_policy = sse::OverflowPolicy::disconnect;
  };
  Server server(options, with_history(2 * window), 2);
  std::array<Returning, 3> clients;
  {
    std::vector<std::jthread> threads;
    for (Returning& client : clients)
      threads.emplace_back([&] {
        try {
          client.run(server, static_cast<unsigned>(&client - clients.data()));
        } catch (const std::exception& error) {
          client.failure = error.what();
        }
        client.seen = Returning::total;  // nobody waits for it any more
      });
    for (std::uint64_t emitter = 0; emitter < Returning::emitters; ++emitter)
      threads.emplace_back([&, emitter] {
        for (std::uint64_t n = 0; n < Returning::events_each; ++n) {
          for (const Returning& client : clients)
            while (n * Returning::emitters > client.seen + window) std::this_thread::yield();
          server.events.emit_event("n", {{"emitter", emitter}, {"n", n}, {"text", std::string(n % 700, 'x')}});
        }
      });
  }
  for (const Returning& client : clients) {
    CHECK(client.failure == "");
    CHECK(client.cut + client.sent_away >= Returning::cuts);
  }
  server.wait_for_count(0);
}

TEST_CASE("a client that was cut before its first event goes on without a hole") {
  Server server({}, with_history(10));
  server.events.emit_event("before", 0);
  std::string id;
  {
    Client client = server.get(request_of("/events"));
    CHECK(client.status() == 200);
    CHECK(client.event()->at("type") == "connection");
    id = client.last_event_id;
  }
  server.wait_for_count(0);
  server.events.emit_event("missed", 1);
  Client client = server.get(request_of("/events", id));
  CHECK(first_event(client).at("type") == "missed");
}

TEST_CASE("half a close within a replay ends the stream, and its client goes on where it was") {
  constexpr int total = 8'000;  // 8 MB: more than the system holds for a peer that does not read
  Server server({}, with_history(total));
  for (int n = 0; n < total; ++n) server.events.emit_event("n", {{"n", n}, {"text", std::string(1'000, 'x')}});
  int seen = 0;
  std::string id;
  const auto take = [&](const json& event) {
    REQUIRE(event.at("data").at("n") == seen);
    ++seen;
  };
  {
    Client client = server.get(request_of("/events?since=earliest"), 4096);
    take(first_event(client));
    while (seen < 10) take(client.event().value());
    client.end_sending();
    CHECK(server.log.removed(1) == std::vector{"The peer is gone: End of file"s});
    CHECK(server.events.get_connection_count() == 0);
    id = client.last_event_id;
    try {
      while (const auto event = client.event()) {
        take(*event);
        id = client.last_event_id;
      }
    } catch (const std::runtime_error&) {  // the end came in the middle of a frame
    }
    CHECK(seen < total);
  }
  Client client = server.get(request_of("/events", id));
  take(first_event(client));
  while (seen < total) take(client.event().value());
}

TEST_CASE("since=earliest gets what the history holds, and lastEventId what came after it") {
  Server server({}, with_history(3));
  for (int n = 1; n <= 5; ++n) server.events.emit_event("n", n);
  Client earliest = server.get(request_of("/events?since=earliest"));
  CHECK(first_event(earliest).at("data") == 3);
  const std::string third = earliest.last_event_id;
  CHECK(earliest.event()->at("data") == 4);
  CHECK(earliest.event()->at("data") == 5);
  Client reloaded = server.get(request_of("/events?lastEventId=" + third));
  CHECK(first_event(reloaded).at("data") == 4);
  Client since = server.get(request_of("/events?since=" + third));
  CHECK(first_event(since).at("data") == 4);
  Client live = server.get(request_of("/events"));
  CHECK(live.status() == 200);
  CHECK(live.event()->at("type") == "connection");
  server.events.emit_event("n", 6);
  CHECK(live.event()->at("data") == 6);
  CHECK(earliest.event()->at("data") == 6);
  const std::string start = third.substr(0, third.find('-'));
  Client late = server.get(request_of("/events", start + "-1"));
  const json notice = first_event(late);
  CHECK(notice.at("type") == "overflow");
  CHECK(notice.at("dropped") == 2);
  CHECK(late.event()->at("data") == 4);
}

TEST_CASE("after a restart a client is told that its place is gone, and gets all that there is") {
  std::string id;
  {
    Server server({}, with_history(10));
    server.events.emit_event("old", 1);
    Client client = server.get(request_of("/events?since=earliest"));
    CHECK(first_event(client).at("type") == "old");
    id = client.last_event_id;
  }
  Server server({}, with_history(10));
  server.events.emit_event("new", 1);
  Client client = server.get(request_of("/events?since=earliest", id));
  const json notice = first_event(client);
  CHECK(notice.at("type") == "overflow");
  CHECK(notice.at("dropped").is_null());
  CHECK(notice.at("reset") == true);
  CHECK(client.event()->at("type") == "new");
}

TEST_CASE(
    "a client of quiet topics, or a quiet filter, is moved on with its keep-alives, and its return replays nothing") {
  sse::ServeOptions options;
  options.topics_from_query = true;
  options.stream.keep_alive = 1ms;
  const sse::SharedFilter filter([](const sse::Event& event) { return event.type() == "n"; });
  for (const auto& [has_log, shares, has_filter] :
       {std::tuple(false, false, false), std::tuple(true, false, false), std::tuple(false, true, false),
        std::tuple(false, true, true), std::tuple(true, false, true)}) {
    INFO(has_log << shares << has_filter);
    options.admit = [&, filters = has_filter](const sse::Request&, sse::ConnectionOptions& connection) {
      if (filters) connection.filter = filter;
    };
    sse::Options settings = with_history(10);
    if (has_log) settings.log = std::make_shared<sse::testing::MemoryLog>();
    Server server(options, settings);
    std::vector<sse::EventStream> others;  // with one topic they share their events
    sse::ConnectionOptions wanted;
    wanted.topics = {"wanted"};
    if (has_filter) wanted.filter = filter;
    if (shares)
      for (int i = 0; i < 200; ++i) others.push_back(server.events.add_connection(wanted));
    Client client = server.get(request_of("/events?topic=wanted"));
    CHECK(client.status() == 200);
    CHECK(client.take_until(": keep-alive 1\n\n"));
    CHECK(client.event()->at("type") == "connection");
    sse::EmitOptions other;
    other.topic = "other";
    if (has_filter) other.topic = "wanted";
    for (int n = 0; n < 3; ++n) server.events.emit_event(has_filter ? "unwanted" : "n", n, other);
    eventually("the last event", [&] { return number_of(server.events.last_id()) == 3; });
    const std::string place = server.events.last_id();
    CHECK(client.take_until("id: " + place + "\n\n"));
    CHECK(client.take_until("\n\n") == ": keep-alive\n\n");  // told once
    client.reset();
    Client back = server.get(request_of("/events?topic=wanted", place));
    CHECK(back.status() == 200);
    const json connection = back.event().value();
    CHECK(connection.at("resumed") == true);
    other.topic = "wanted";
    server.events.emit_event("n", 3, other);
    CHECK(back.event()->at("data") == 3);
  }
}

TEST_CASE("a page that comes back takes the place of its own dead connection, and of no other's") {
  sse::ServeOptions options;
  options.admit = [](const sse::Request& request, sse::ConnectionOptions& connection) {
    connection.limit_key = request.query_value("user").value_or("");
  };
  options.stream.refusal = sse::RefusalForm::status;
  sse::Options settings;
  settings.max_connections_per_key = 1;
  Server server(options, settings);
  const std::string page = "&pageId=0123456789abcdefghijklmn";
  Client dead = server.get(request_of("/events?user=ann" + page));
  CHECK(dead.status() == 200);
  CHECK(dead.event()->at("connection_id") == "ann/0123456789abcdefghijklmn");
  Client other = server.get(request_of("/events?user=bob" + page));
  CHECK(other.status() == 200);
  CHECK(other.event()->at("type") == "connection");
  for (const std::string_view another : {"", "&pageId=short", "&pageId=0123456789ABCDEF",
                                         "&pageId=bob/0123456789abcdef", "&pageId=9876543210abcdefghijklmn"}) {
    INFO(another);
    CHECK(server.get(request_of("/events?user=ann" + std::string(another))).status() == 429);
  }
  Client back = server.get(request_of("/events?user=ann" + page));
  CHECK(back.status() == 200);
  CHECK(back.event()->at("type") == "connection");
  CHECK(dead.event()->at("type") == "disconnect");
  server.events.emit_event("n", 1);
  CHECK(back.event()->at("data") == 1);
  CHECK(other.event()->at("data") == 1);
  Client nobody = server.get(request_of("/events?x" + page));  // without an owner there is nothing to take over
  CHECK(nobody.status() == 200);
  CHECK(nobody.event()->at("connection_id").get<std::string>().size() == 36);
}

TEST_CASE("write_events with a request goes on where its client was, and needs the request no longer") {
  sse::Options settings = with_history(10);
  settings.max_connections = 1;
  sse::EventManager events(settings);
  Context context;
  auto [client, socket] = connect(context.io);
  events.emit_event("seen", 1);
  events.emit_event("missed", 2);
  sse::ConnectionOptions earliest;
  earliest.from_earliest = true;
  earliest.announce = false;
  const std::string id(events.add_connection(earliest).try_next()->id());
  const auto work = [&]() -> asio::awaitable<void> {
    asio::awaitable<void> written;
    {
      const sse::Request request = co_await sse::read_request(socket);
      written = sse::write_events(socket, events, request);
      CHECK(events.get_connection_count() == 1);
    }
    co_await std::move(written);
    co_await sse::write_events(socket, events, {}, {});
  };
  Task task(context.io, work());
  client.send(request_of("/jobs", id));
  CHECK(first_event(client).at("type") == "missed");
  events.disconnect_all();
  CHECK(client.event()->at("type") == "disconnect");
  CHECK(client.status() == 200);
  CHECK(client.event()->at("type") == "connection");
  events.emit_event("live", 3);
  CHECK(client.event()->at("type") == "live");
  events.disconnect_all();
  task.get();
}

TEST_CASE("nobody resumes into what admit keeps from them") {
  sse::ServeOptions options;
  options.topics_from_query = true;
  options.admit = [](const sse::Request&, sse::ConnectionOptions& connection) {
    connection.topics = {"public"};
    connection.filter = [](const sse::Event& event) { return event.type() != "secret"; };
  };
  Server server(options, with_history(10));
  sse::EmitOptions open, closed;
  open.topic = "public";
  closed.topic = "private";
  server.events.emit_event("theirs", 1, closed);
  server.events.emit_event("secret", 2, open);
  server.events.emit_event("ours", 3, open);
  Client client = server.get(request_of("/events?since=earliest&topic=private"));
  CHECK(first_event(client).at("type") == "ours");
  server.events.emit_event("secret", 4);
  server.events.emit_event("for-all", 5);
  CHECK(client.event()->at("type") == "for-all");
}

TEST_CASE("an id may be any text: it stays an id, and its client is told that it is none") {
  std::mutex mutex;
  std::string got;
  sse::ServeOptions options;
  options.admit = [&](const sse::Request&, sse::ConnectionOptions& connection) {
    const std::lock_guard lock(mutex);
    got = connection.last_event_id.value_or("nothing");
    if (!connection.connection_id.empty() || !connection.topics.empty()) throw sse::HttpError(500, "more than an id");
  };
  Server server(options, with_history(10));
  server.events.emit_event("kept", 0);
  const auto check = [&](const std::string& request, const std::string& expected) {
    Client client = server.get(request);
    const json notice = first_event(client);
    CHECK(notice.at("type") == "overflow");
    CHECK(notice.at("reset") == true);
    server.events.emit_event("live", 1);
    for (std::string type; type != "live";) type = client.event()->at("type");
    CHECK_FALSE(client.retry);
    const std::lock_guard lock(mutex);
    CHECK(got == expected);
  };
  const auto escaped = [](std::string_view bytes) {
    std::string text;
    for (const char c : bytes) {
      const auto byte = static_cast<unsigned char>(c);
      text.append("%").append(1, "0123456789abcdef"[byte >> 4]).append(1, "0123456789ABCDEF"[byte & 15]);
    }
    return text;
  };

  for (const auto* id : {"0-0", "1-1", "-1", "1-", "-", "1-2-3", "01-1", "1-1 ", "+1-1", "1e3-1", "0x1-1", "earliest",
                         "18446744073709551615-18446744073709551615", "18446744073709551616-1", "\xD9\xA1-\xD9\xA2"}) {
    check(request_of("/events?lastEventId=" + escaped(id)), id);
    if (!std::string_view(id).ends_with(' ')) check(request_of("/events", id), id);
  }
  for (const auto& id : {"\r\n\r\ndata: evil\n\n"s, "1-1\nretry: 1\n"s, "\0"s, "1-1\0"s, std::string(5'000, '\0')})
    check(request_of("/events?lastEventId=" + escaped(id)), id);
  check(request_of("/events", std::string(10'000, '9')), std::string(10'000, '9'));
  check(request_of("/events?since=" + std::string(10'000, '%')), std::string(10'000, '%'));

  std::mt19937 random(1);
  for (int round = 0; round < 100; ++round) {
    std::string bytes, decoded;
    for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(random()));
    sse::wire::append_utf8(decoded, bytes);
    check(request_of("/events?since=" + escaped(bytes)), decoded);
    for (char& c : bytes)
      if ((c >= 0 && c < ' ' && c != '\t') || c == 0x7F) c = '"';
    bytes.front() = bytes.back() = 'x';  // blanks at the ends are not the value's
    check(request_of("/events", bytes), bytes);
  }
}

}  // namespace
