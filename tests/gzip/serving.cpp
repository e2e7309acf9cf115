// Compressed streams over loopback: each client inflates what it gets, piece by piece.

#include <array>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstddef>
#include <future>
#include <memory>
#include <optional>
#include <set>
#include <sse/gzip.hpp>
#include <sse/http.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "../socket/support.hpp"
#include "support.hpp"

namespace {

/// A client that accepts gzip, and inflates what it gets as soon as it gets it.
class GzipClient {
 public:
  explicit GzipClient(unsigned short port, std::string_view headers = "Accept-Encoding: gzip\r\n", int buffer = 0)
      : GzipClient(port, "GET /events HTTP/1.1\r\nHost: localhost\r\n" + std::string(headers) + "\r\n", buffer, 0) {}
  GzipClient(unsigned short port, const std::string& request, int buffer, int) : socket_(io_) {
    socket_.open(tcp::v4());
    if (buffer != 0) socket_.set_option(asio::socket_base::receive_buffer_size(buffer));
    socket_.connect({asio::ip::address_v4::loopback(), port});
    asio::write(socket_, asio::buffer(request));
  }

  /// Reads the head of the response.
  const std::string& head() {
    while (head_.empty() && read_some()) {
    }
    return head_;
  }
  bool has(std::string_view line) { return head().find("\r\n" + std::string(line) + "\r\n") != std::string::npos; }
  /// The next block of the stream, with its empty line. Nullopt: the stream has ended.
  std::optional<std::string> block() {
    for (;;) {
      if (const std::size_t end = text().find("\n\n", taken_); end != std::string::npos) {
        const std::size_t begin = std::exchange(taken_, end + 2);
        return text().substr(begin, taken_ - begin);
      }
      if (!read_some()) return std::nullopt;
    }
  }
  /// Reads blocks until one contains the text, and returns it.
  std::string block_with(std::string_view part) {
    for (;;) {
      const auto one = block();
      if (!one) throw std::runtime_error("the stream has ended before " + std::string(part));
      if (one->find(part) != std::string::npos) return *one;
    }
  }
  /// All text until the end, which must be an orderly one.
  std::string read_to_end() {
    while (read_some()) {
    }
    if (compressed_ && !inflater_.ended) throw std::runtime_error("the stream has no trailer");
    return text().substr(std::exchange(taken_, text().size()));
  }
  bool is_compressed() {
    head();
    return compressed_;
  }
  std::size_t raw_bytes = 0;  ///< Of the body.

 private:
  const std::string& text() const { return compressed_ ? inflater_.text : plain_; }
  bool read_some() {
    std::array<char, 16384> bytes;
    sse::error_code error;
    std::string_view got(bytes.data(), socket_.read_some(asio::buffer(bytes), error));
    if (error == asio::error::eof) return false;
    if (error) throw sse::system_error(error);
    if (head_.empty()) {
      started_.append(got);
      const std::size_t end = started_.find("\r\n\r\n");
      if (end == std::string::npos) return true;
      head_ = started_.substr(0, end + 4);
      compressed_ = head_.find("\r\nContent-Encoding: gzip\r\n") != std::string::npos;
      got = std::string_view(started_).substr(end + 4);
    }
    raw_bytes += got.size();
    if (compressed_)
      inflater_.feed(got);
    else
      plain_.append(got);
    return true;
  }

  asio::io_context io_;
  tcp::socket socket_;
  std::string started_, head_, plain_;
  Inflater inflater_;
  std::size_t taken_ = 0;
  bool compressed_ = false;
};

sse::Options with_gzip(std::size_t history = 0) {
  sse::Options options;
  options.compression = sse::gzip();
  options.history_size = history;
  options.max_queue_size = 10'000;
  return options;
}

}  // namespace

TEST_CASE("a client that accepts gzip gets each event as it comes, and the end with its CRC") {
  Server server({}, with_gzip());
  GzipClient client(server.port);
  CHECK(client.has("Content-Encoding: gzip"));
  CHECK(client.has("Vary: Accept-Encoding"));
  const std::string connected = client.block_with("\"connection\"");
  for (int i = 0; i < 300; ++i) {
    server.events.emit_event("price", {{"symbol", "EUR/USD"}, {"n", i}});
    client.block_with("\"n\":" + std::to_string(i) + ",");
  }
  CHECK(client.raw_bytes < 12'000);
  const sse::Stats stats = server.events.stats();
  CHECK(stats.compression.on);
  CHECK(stats.compression.events == 300);
  CHECK(stats.compression.sent_packed == 300);
  server.events.disconnect_all("enough");
  CHECK(client.read_to_end().find("enough") != std::string::npos);
}

TEST_CASE("the bytes that were written are those that went out") {
  Server server({}, with_gzip());
  GzipClient client(server.port);
  client.block_with("\"connection\"");
  for (int i = 0; i < 100; ++i) server.events.emit_event("price", i);
  server.events.disconnect_all("enough");
  client.read_to_end();
  server.wait_for_count(0);
  CHECK(server.events.stats().written_bytes == client.raw_bytes + client.head().size());
}

TEST_CASE("only a client that accepts gzip gets it, and only for a stream of all events") {
  sse::ServeOptions options;
  options.topics_from_query = true;
  options.admit = [](const sse::Request& request, sse::ConnectionOptions& connection) {
    if (request.query_value("plain")) connection.compress = false;
    if (request.query_value("filter")) connection.filter = [](const sse::Event&) { return true; };
    if (request.query_value("newest")) connection.overflow_policy = sse::OverflowPolicy::keep_newest;
  };
  Server server(options, with_gzip());
  const auto stream = [&](const std::string& query, const std::string& headers) {
    GzipClient client(server.port, "GET /events" + query + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n", 0, 0);
    INFO(query << headers);
    CHECK(client.has("Vary: Accept-Encoding"));
    client.block_with("\"connection\"");
    return client.is_compressed();
  };
  CHECK(stream("", "Accept-Encoding: gzip, deflate, br, zstd\r\n"));
  CHECK(stream("", "Accept-Encoding: br\r\nAccept-Encoding: x-gzip;q=0.5\r\n"));
  CHECK_FALSE(stream("", ""));
  CHECK_FALSE(stream("", "Accept-Encoding: br\r\n"));
  CHECK_FALSE(stream("", "Accept-Encoding: gzip;q=0\r\n"));
  CHECK_FALSE(stream("", "Accept-Encoding: *;q=0\r\n"));
  CHECK_FALSE(stream("", "Accept-Encoding: gzip\r\nAccept-Encoding: gzip;q=0\r\n"));
  for (const std::string query : {"?plain=1", "?filter=1", "?newest=1", "?topic=a"})
    CHECK_FALSE(stream(query, "Accept-Encoding: gzip\r\n"));
  Server without;
  GzipClient client(without.port);
  CHECK_FALSE(client.is_compressed());
  CHECK_FALSE(client.has("Vary: Accept-Encoding"));
}

TEST_CASE("HEAD gets the headers of the stream, and a refusal goes out as it is") {
  sse::Options settings = with_gzip();
  settings.max_connections = 1;
  Server server({}, settings);
  GzipClient head(server.port, "HEAD /events HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n", 0, 0);
  CHECK(head.has("Content-Encoding: gzip"));
  GzipClient old(server.port, "GET /events HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n", 0, 0);
  old.block_with("\"connection\"");
  CHECK(old.is_compressed());
  GzipClient refused(server.port);
  CHECK(refused.head().starts_with("HTTP/1.1 503"));
  CHECK_FALSE(refused.is_compressed());
  CHECK(refused.has("Vary: Accept-Encoding"));
  GzipClient source(server.port,
                    "GET /events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nSec-Fetch-Mode: cors\r\n"
                    "Accept-Encoding: gzip\r\n\r\n",
                    0, 0);
  CHECK_FALSE(source.is_compressed());
  CHECK(source.head().find("Content-Encoding") == std::string::npos);
}

TEST_CASE("a stream with a coding of its own is left alone") {
  sse::ServeOptions options;
  options.stream.headers = {{"Content-Encoding", "identity"}, {"Vary", "Cookie"}};
  Server server(options, with_gzip());
  GzipClient client(server.port);
  client.block_with("\"connection\"");
  CHECK(client.has("Content-Encoding: identity"));
  CHECK(client.has("Vary: Cookie"));
  CHECK(client.has("Vary: Accept-Encoding"));
  CHECK_FALSE(client.is_compressed());
}

TEST_CASE("a compressed stream has the events of a plain one, in the same order, from two emitters on two threads") {
  Server server({}, with_gzip(), 2);
  Client plain = server.stream();
  std::vector<std::unique_ptr<GzipClient>> clients;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(std::make_unique<GzipClient>(server.port));
    clients.back()->block_with("\"connection\"");
  }
  std::vector<std::future<std::string>> read;
  for (auto& client : clients)
    read.push_back(std::async(std::launch::async, [&client] { return client->read_to_end(); }));
  auto wanted = std::async(std::launch::async, [&plain] { return plain.read_to_end(); });
  std::vector<std::thread> emitters;
  for (int emitter = 0; emitter < 2; ++emitter)
    emitters.emplace_back([&, emitter] {
      for (int i = 0; i < 3'000; ++i) {
        sse::EmitOptions options;
        if (i % 5 == 0) options.topic = "a topic";
        options.transient = i % 7 == 0;
        const std::size_t size = i % 500 == 499 ? 70'000 : static_cast<std::size_t>(i % 100);
        server.events.emit_event("step", {{"emitter", emitter}, {"n", i}, {"text", std::string(size, 'x')}}, options);
      }
    });
  for (auto& emitter : emitters) emitter.join();
  server.events.disconnect_all("done");
  const std::string text = wanted.get();
  CHECK(text.size() > 6'000 * 80);
  for (auto& one : read) CHECK(one.get() == text);
  const sse::CompressionStats stats = server.events.stats().compression;
  CHECK(stats.groups <= stats.events);
}

TEST_CASE("compressed streams that are written together go apart for what is for one of them alone") {
  constexpr std::size_t count = 12;
  Server server({}, with_gzip());
  std::vector<std::unique_ptr<GzipClient>> clients;
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < count; ++i) {
    clients.push_back(std::make_unique<GzipClient>(server.port));
    const std::string block = clients.back()->block_with("\"connection\"");
    ids.push_back(json::parse(block.substr(block.find('{'))).at("connection_id"));
    if (i % 2 == 0) server.events.send_event(ids.back(), "private", "before the others");  // so that the CRCs differ
  }
  int n = 0;
  const auto emit = [&] { server.events.emit_event("step", {{"n", ++n}, {"text", std::string(200, 'x')}}); };
  for (int i = 0; i < 60; ++i) {
    emit();
    for (const auto& client : clients) client->block_with("\"n\":" + std::to_string(n) + ",");
  }
  const auto packed = server.events.stats().compression.sent_packed;
  for (std::size_t alone = 0; alone < count; ++alone) {
    emit();
    server.events.send_event(ids[alone], "private", n);
    emit();
    for (std::size_t i = 0; i < count; ++i) {
      CHECK(clients[i]->block().value().find("\"n\":" + std::to_string(n - 1) + ",") != std::string::npos);
      if (i == alone) CHECK(clients[i]->block().value().find("\"private\"") != std::string::npos);
      CHECK(clients[i]->block().value().find("\"n\":" + std::to_string(n) + ",") != std::string::npos);
    }
  }
  CHECK(server.events.stats().compression.sent_packed > packed);
  for (std::size_t i = 0; i < count; i += 3) server.events.disconnect(ids[i], "one of them");
  emit();
  server.events.disconnect_all("done");
  for (std::size_t i = 0; i < count; ++i) {
    const std::string text = clients[i]->read_to_end();
    CHECK((text.find("\"step\"") != std::string::npos) == (i % 3 != 0));
  }
}

TEST_CASE("a returning client gets its replay, also over events that are not in the chain") {
  Server server({}, with_gzip(10'000));
  std::string id;
  {
    Client plain = server.stream();
    id = plain.last_event_id;
  }
  const auto emit = [&](int count, bool transient = false) {
    for (; count > 0; --count) {
      sse::EmitOptions options;
      options.transient = transient;
      server.events.emit_event("step", {{"count", count}}, options);
    }
  };
  emit(50);  // nobody compresses yet
  GzipClient first(server.port);
  first.block_with("\"connection\"");
  emit(100);
  emit(3, true);
  emit(100);
  const std::string with_id = "Last-Event-ID: " + id + "\r\n";
  GzipClient again(server.port, "Accept-Encoding: gzip\r\n" + with_id);
  again.block_with("\"connection\"");
  Client plain = server.get("GET /events HTTP/1.1\r\nHost: x\r\n" + with_id + "\r\n");
  plain.head();
  while (plain.event()->at("type") != "connection") {
  }
  server.wait_for_count(3);
  emit(100);
  server.events.disconnect_all("done");
  const std::string text = plain.read_to_end();
  CHECK(again.read_to_end() == text);
  CHECK(std::count(text.begin(), text.end(), '\n') > 350 * 3);
  first.read_to_end();
}

TEST_CASE("a replay of short events has more pieces than one call of the system takes") {
  Server server({}, with_gzip(1'000));
  Client plain = server.stream();
  const std::string id = plain.last_event_id;
  for (int i = 0; i < 1'000; ++i) server.events.emit_message("s", std::to_string(i));
  const std::string with_id = "Last-Event-ID: " + id + "\r\n";
  GzipClient client(server.port, "Accept-Encoding: gzip\r\n" + with_id);
  const std::string connected = client.block_with("\"connection\"");
  for (int i = 0; i < 1'000; ++i) CHECK(client.block().value().ends_with("\ndata: " + std::to_string(i) + "\n\n"));
  server.events.disconnect_all("done");
  client.read_to_end();
}

/// A request for the events of these topics: "a" or "a&topic=b".
std::string of_topics(const std::string& topics) {
  return "GET /events?topic=" + topics + " HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n";
}

sse::ServeOptions with_topics() {
  sse::ServeOptions options;
  options.topics_from_query = true;
  return options;
}

TEST_CASE("connections with the same topics are compressed together") {
  Server server(with_topics(), with_gzip());
  GzipClient lone(server.port, of_topics("a"), 0, 0);
  lone.block_with("\"connection\"");
  CHECK_FALSE(lone.is_compressed());  // nobody had the topic before it
  GzipClient other(server.port, of_topics("b"), 0, 0);
  other.block_with("\"connection\"");
  CHECK_FALSE(other.is_compressed());
  std::vector<std::unique_ptr<GzipClient>> clients;
  for (const std::string topics : {"a", "a", "a&topic=b", "b&topic=a&topic=b"}) {
    clients.push_back(std::make_unique<GzipClient>(server.port, of_topics(topics), 0, 0));
    clients.back()->block_with("\"connection\"");
    CHECK(clients.back()->is_compressed());
  }
  for (int i = 0; i < 300; ++i) {
    const auto name = [&] { return "\"n\":" + std::to_string(i) + ","; };
    sse::EmitOptions options;
    options.topic = i % 3 == 0 ? "a" : i % 3 == 1 ? "b" : "";
    server.events.emit_event("step", {{"text", "the same in each of them"}, {"n", i}}, options);
    if (options.topic != "b")
      for (GzipClient* const client : {&lone, clients[0].get(), clients[1].get()}) client->block_with(name());
    if (options.topic != "a") other.block_with(name());
    for (std::size_t k = 2; k < 4; ++k) clients[k]->block_with(name());
  }
  for (const auto& client : clients) CHECK(client->raw_bytes * 3 < lone.raw_bytes);
  CHECK(server.events.stats().compression.sent_packed > 900);
  server.events.disconnect_all("done");
  const std::string text = lone.read_to_end();
  for (const auto& client : clients) CHECK(client->read_to_end() == text);
}

TEST_CASE("an event of some topics changes no byte that readers of others get") {
  std::string streams[2];
  for (std::size_t secret = 0; secret < 2; ++secret) {
    sse::Options options = with_gzip();
    options.clock = [] { return std::chrono::system_clock::time_point(); };
    Server server(with_topics(), options);
    std::vector<std::unique_ptr<GzipClient>> clients;
    for (const std::string topics : {"a", "b", "a", "a", "b", "b", "a&topic=b", "a&topic=b"}) {
      clients.push_back(std::make_unique<GzipClient>(server.port, of_topics(topics), 0, 0));
      clients.back()->block_with("\"connection\"");
    }
    GzipClient all(server.port);
    all.block_with("\"connection\"");
    GzipClient& reader = *clients[2];
    for (int i = 0; i < 100; ++i) {
      sse::EmitOptions of_a, of_b;
      of_a.topic = "a", of_b.topic = "b";
      server.events.emit_event("step", {{"password", secret ? "correct horse" : "battery staple"}}, of_b);
      server.events.emit_event("step", {{"guess", "correct horse"}, {"n", i}}, of_a);
      reader.block_with("\"n\":" + std::to_string(i) + "}");
      streams[secret] += std::to_string(reader.raw_bytes) + " ";
    }
    CHECK(server.events.stats().compression.sent_packed > 0);
  }
  CHECK(streams[0] == streams[1]);
}

TEST_CASE("topics may change while a connection follows") {
  Server server(with_topics(), with_gzip());
  GzipClient lone(server.port, of_topics("a"), 0, 0);
  lone.block_with("\"connection\"");
  GzipClient first(server.port, of_topics("a"), 0, 0), second(server.port, of_topics("a"), 0, 0);
  const std::string connected = first.block_with("\"connection\"");
  second.block_with("\"connection\"");
  const std::string id = json::parse(connected.substr(connected.find('{'))).at("connection_id");
  int n = 0;
  const auto emit = [&](const std::string& topic, std::vector<GzipClient*> readers) {
    for (int i = 0; i < 60; ++i) {
      sse::EmitOptions options;
      options.topic = topic;
      server.events.emit_event("step", {{"n", ++n}}, options);
      for (GzipClient* const reader : readers) reader->block_with("\"n\":" + std::to_string(n) + "}");
    }
  };
  emit("a", {&lone, &first, &second});
  CHECK(server.events.subscribe(id, "b"));
  emit("b", {&first});
  emit("a", {&lone, &first, &second});
  CHECK(server.events.unsubscribe(id, "a"));
  emit("b", {&first});
  emit("a", {&lone, &second});
  emit("", {&lone, &first, &second});
  CHECK(server.events.subscribe(id, "a"));
  CHECK(server.events.unsubscribe(id, "b"));
  emit("a", {&lone, &first, &second});
  server.events.disconnect_all("done");
  first.read_to_end();
  second.read_to_end();
}

TEST_CASE("past the most compressors further topics go plain, and they are free again behind their last reader") {
  sse::GzipOptions few;
  few.max_compressors = 2;
  sse::Options options = with_gzip();
  options.compression = sse::gzip(few);
  Server server(with_topics(), options);
  const auto compressed = [&](GzipClient& client) {
    client.block_with("\"connection\"");
    return client.is_compressed();
  };
  GzipClient a(server.port, of_topics("a"), 0, 0), b(server.port, of_topics("b"), 0, 0);
  CHECK_FALSE(compressed(a));
  CHECK_FALSE(compressed(b));
  {
    GzipClient more(server.port, of_topics("a"), 0, 0), plain(server.port, of_topics("b"), 0, 0);
    CHECK(compressed(more));
    CHECK_FALSE(compressed(plain));
  }
  server.wait_for_count(2);
  GzipClient more(server.port, of_topics("b"), 0, 0), plain(server.port, of_topics("a"), 0, 0);
  CHECK(compressed(more));
  CHECK_FALSE(compressed(plain));
  CHECK_THROWS_AS(([&] {
                    few.max_compressors = 0;
                    sse::gzip(few);
                  }()),
                  sse::Error);
}

TEST_CASE("an event that a filter keeps a copy of, and so has no id, is compressed with its id") {
  Server server({}, with_gzip(100));
  std::vector<sse::Event> kept;
  sse::ConnectionOptions options;
  options.filter = [&](const sse::Event& event) {
    kept.push_back(event);
    return true;
  };
  const sse::EventStream filtered = server.events.add_connection(options);
  GzipClient client(server.port);
  client.block_with("\"connection\"");
  for (int i = 0; i < 200; ++i) {
    server.events.emit_event("step", i);
    CHECK(client.block_with("\"step\"").starts_with("id: "));
  }
  CHECK(kept.size() == 200);
  CHECK(client.raw_bytes < 200 * 60);
  CHECK(server.events.stats().compression.sent_packed == 200);
}

TEST_CASE("a keep-alive of a compressed stream has five bytes") {
  sse::ServeOptions options;
  options.stream.keep_alive = 1ms;
  Server server(options, with_gzip());
  GzipClient client(server.port);
  client.block_with("\"connection\"");
  const std::size_t before = client.raw_bytes;
  eventually("2 keep-alives",
             [&] { return server.events.stats().written_bytes >= before + client.head().size() + 10; });
  server.events.emit_event("step", 1);
  client.block_with("\"step\"");
  server.events.disconnect_all("done");
  CHECK(client.read_to_end().find(": keep-alive") == std::string::npos);
}

TEST_CASE("a client that never read is told what it has lost, and its stream is whole") {
  sse::Options settings = with_gzip();
  settings.max_queue_size = 50;
  Server server({}, settings);
  GzipClient slow(server.port, "Accept-Encoding: gzip\r\n", 4096), fast(server.port);
  slow.block_with("\"connection\"");
  fast.block_with("\"connection\"");
  std::string noise;  // that does not compress
  unsigned state = 1;
  int n = 0;
  while (server.events.stats().lost[sse::LossReason::queue_full] < 200) {
    noise.clear();
    for (int i = 0; i < 2'000; ++i)
      noise.push_back(static_cast<char>('!' + 1 + (state = state * 1664525 + 1013904223) / 65536 % 80));
    server.events.emit_message("noise", std::to_string(++n) + " " + noise);
    fast.block_with("data: " + std::to_string(n) + " ");
  }
  server.events.send_event(server.events.get_connection_info().connection_ids[0], "alone", 1);
  server.events.disconnect_all("done");
  const std::string text = slow.read_to_end();
  CHECK(text.find("\"overflow\"") != std::string::npos);
  CHECK(text.find("done") != std::string::npos);
  fast.read_to_end();
}

TEST_CASE("every orderly end of a compressed stream has its trailer") {
  SECTION("a cancelled serve, over a time") {
    sse::ServeOptions options;
    options.spread = 50ms;
    Server server(options, with_gzip());
    GzipClient client(server.port);
    client.block_with("\"connection\"");
    server.events.emit_event("step", 1);
    server.task.cancel();
    CHECK(client.read_to_end().find("\"step\"") != std::string::npos);
  }
  SECTION("an expiry") {
    sse::ServeOptions options;
    options.admit = [](const sse::Request&, sse::ConnectionOptions& connection) {
      connection.expires_at = std::chrono::system_clock::now() + 50ms;
    };
    Server server(options, with_gzip());
    GzipClient client(server.port);
    CHECK(client.read_to_end().find("time is up") != std::string::npos);
  }
  SECTION("the manager is destroyed first") {
    Context context;
    auto events = std::make_unique<sse::EventManager>(with_gzip());
    tcp::acceptor acceptor = listen(context.io);
    GzipClient client(acceptor.local_endpoint().port());
    tcp::socket socket = acceptor.accept();
    Task task(context.io, [](tcp::socket& peer, sse::EventManager& manager) -> asio::awaitable<void> {
      const sse::Request request = co_await sse::read_request(peer);
      co_await sse::write_events(peer, manager, request);
      peer.shutdown(tcp::socket::shutdown_send);
    }(socket, *events));
    client.block_with("\"connection\"");
    CHECK(client.is_compressed());
    events->emit_event("step", 1);
    events.reset();
    CHECK(client.read_to_end().find("\"step\"") != std::string::npos);
    task.get();
  }
}
