#include "support.hpp"

namespace {

using namespace http2_test;

/// An answer without what belongs to a protocol's connection.
struct Answered {
  int status;
  std::map<std::string, std::string> fields;
  std::string body;
  bool operator==(const Answered&) const = default;
};

Answered over_http1(const Server& server, const std::string& method, const std::string& path, const Fields& fields) {
  std::string text = method + ' ' + path + " HTTP/1.1\r\nHost: localhost\r\n";
  for (const auto& [name, value] : fields) text += name + ": " + value + "\r\n";
  Client client = server.get(text + "\r\n");
  Answered answer{client.status(), {}, ""};
  Client again = server.get(text + "\r\n");
  std::string head = again.head();
  for (std::size_t at = head.find("\r\n") + 2; head.compare(at, 2, "\r\n") != 0; at = head.find("\r\n", at) + 2) {
    const std::size_t colon = head.find(':', at);
    std::string name = head.substr(at, colon - at);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    if (name != "connection") answer.fields[name] = head.substr(colon + 2, head.find('\r', colon) - colon - 2);
  }
  answer.body = answer.fields["content-type"] == "text/event-stream" ? "" : again.read_to_end();
  return answer;
}

Answered over_http2(const Server& server, const std::string& method, const std::string& path, const Fields& more) {
  Peer peer(server);
  Fields fields = get(path);
  fields[0].second = method;
  for (auto [name, value] : more) {
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    fields.emplace_back(name, value);
  }
  const std::uint32_t id = peer.request(fields);
  peer.read_until([&] { return !peer.stream(id).fields.empty(); });
  Answered answer{peer.stream(id).status(), {}, ""};
  for (const auto& [name, value] : peer.stream(id).fields)
    if (name != ":status") answer.fields[name] = value;
  if (answer.fields["content-type"] != "text/event-stream") answer.body = peer.response(id).body;
  return answer;
}

TEST_CASE("a request gets the same answer over HTTP/1.1 and HTTP/2") {
  sse::Options settings;
  settings.max_connections_per_key = 1;
  sse::ServeOptions options = http2_options();
  options.metrics_path = "/metrics";
  options.script = "export const x = 1;";
  options.allowed_origins = {"https://good"};
  options.stream.headers = {{"X-Mine", "1"}};
  options.stream.refusal_retry = 0ms;
  options.admit = [](const sse::Request& request, sse::ConnectionOptions& connection) {
    const std::string* const as = request.header("As");
    if (!as) return;
    if (*as == "none") throw sse::HttpError(204, "no more");
    if (*as == "unknown") throw sse::HttpError(401, "who is it", {{"WWW-Authenticate", "Bearer"}});
    if (*as == "fails") throw std::runtime_error("secret");
    connection.limit_key = *as;
  };
  Server server(options, settings);
  sse::ConnectionOptions taken;
  taken.limit_key = "busy";
  const sse::EventStream busy = server.events.add_connection(std::move(taken));

  struct Row {
    std::string method, path;
    Fields fields;
    int status;
  };
  const std::vector<Row> rows{
      {"GET", "/events", {}, 200},
      {"GET", "/events?topic=a", {{"Origin", "https://good"}}, 200},
      {"GET", "/events", {{"Origin", "https://bad"}}, 403},
      {"HEAD", "/events", {}, 200},
      {"GET", "/nowhere", {}, 404},
      {"HEAD", "/nowhere", {}, 404},
      {"POST", "/events", {}, 405},
      {"BREW", "/events", {}, 501},
      {"GET", "/events", {{"As", "none"}}, 204},
      {"GET", "/events", {{"As", "unknown"}}, 401},
      {"GET", "/events", {{"As", "fails"}}, 500},
      {"GET", "/events", {{"As", "busy"}}, 429},
      {"GET", "/events", {{"Content-Length", "65537"}}, 413},
      {"GET", "/events", {{"X", std::string(20'000, 'x')}}, 431},
      {"GET", "/" + std::string(20'000, 'x'), {}, 414},
      {"GET", "/sse.js", {}, 200},
      {"HEAD", "/sse.js", {}, 200},
      {"OPTIONS", "/events", {{"Origin", "https://good"}, {"Access-Control-Request-Method", "GET"}}, 204},
      {"OPTIONS", "/events", {}, 405},
  };
  for (const Row& row : rows) {
    INFO(row.method + ' ' + row.path.substr(0, 30) + ' ' +
         (row.fields.empty() ? "" : row.fields[0].second.substr(0, 30)));
    const Answered one = over_http1(server, row.method, row.path, row.fields);
    const bool no_end = row.status == 413;  // the body that was announced does not come
    const Answered other = no_end ? one : over_http2(server, row.method, row.path, row.fields);
    CHECK(one.status == row.status);
    CHECK(other.status == row.status);
    CHECK(other.fields == one.fields);
    CHECK(other.body == one.body);
    CHECK(other == one);
  }
  CHECK(over_http2(server, "GET", "/metrics", {}).body.find("sse_connections") != std::string::npos);

  SECTION("a body that is too long is refused before it has come, and the connection lives") {
    Peer peer(server);
    const Stream& refused = peer.ask(get("/events", {{"content-length", "65537"}}), 4);
    CHECK(refused.status() == 413);
    CHECK(peer.lives());
  }
}

TEST_CASE("no header of HTTP/1.1's connections reaches HTTP/2") {
  sse::ServeOptions options = http2_options();
  options.stream.headers = {{"Connection", "keep-alive"},
                            {"Keep-Alive", "5"},
                            {"Transfer-Encoding", "chunked"},
                            {"Upgrade", "h3"},
                            {"Proxy-Connection", "x"},
                            {"X-Mine", " a\r\nb "},
                            {"Bad Name", "1"}};
  const Server server(options);
  Peer peer(server);
  const std::uint32_t id = peer.open();
  for (const char* name : {"connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-connection", "bad name"})
    CHECK(peer.stream(id).field(name).empty());
  CHECK(peer.stream(id).field("x-mine") == "a  b");
}

TEST_CASE("a hundred streams of one connection get each event once, and one ends alone") {
  Server server(http2_options());
  Peer peer(server);
  std::vector<std::uint32_t> ids;
  std::string connection_id;
  for (int i = 0; i < 100; ++i) ids.push_back(peer.request(get()));
  for (const std::uint32_t id : ids) connection_id = peer.event(id)->at("connection_id");
  for (int i = 0; i < 3; ++i) server.events.emit_event("n", i);
  for (const std::uint32_t id : ids)
    for (int i = 0; i < 3; ++i) REQUIRE(peer.event(id)->at("data") == i);

  CHECK(server.events.disconnect(connection_id, "enough"));
  CHECK(peer.event(ids.back())->at("message") == "enough");
  CHECK(peer.response(ids.back()).ended);
  peer.send(rst_stream, 0, ids.front(), number(8));
  CHECK(server.log.removed(2).back() == "The peer has reset the stream");
  server.events.emit_event("n", 9);
  for (std::size_t i = 1; i + 1 < ids.size(); ++i) REQUIRE(peer.event(ids[i])->at("data") == 9);
  peer.socket().close();
  server.log.removed(100);
}

TEST_CASE("the preface is told from HTTP/1.1 in whatever pieces it comes") {
  sse::ServeOptions options = http2_options();
  options.limits.timeout = 500ms;
  const Server server(options);
  Peer peer(Client::to(server.port));
  const std::string start =
      std::string(preface) + frame(settings, 0, 0) + frame(headers, 5, 1, packed(get("/nowhere")));
  for (const char c : start) peer.send(std::string_view(&c, 1));
  CHECK(peer.response(1).status() == 404);
  CHECK(server.get("P").status() == 408);
  CHECK(server.get("PRI * HT").status() == 408);
  CHECK(server.get("PROPFIND /events HTTP/1.1\r\nHost: x\r\n\r\n").status() == 405);
  CHECK(Server().get(start).status() == 505);              // without http2
  CHECK_FALSE(server.get(preface).read_to_end().empty());  // no frame comes
}

TEST_CASE("an idle connection ends, one with a stream stays") {
  sse::Http2Options limits;
  limits.idle_timeout = 300ms;
  Server server(http2_options(limits));
  Peer stays(server), idle(server);
  const std::uint32_t id = stays.open();
  CHECK(idle.lives());
  idle.read_to_end();
  CHECK(idle.goaway_code == 0u);
  server.events.emit_event("n", 1);
  CHECK(stays.event(id)->at("data") == 1);
}

TEST_CASE("a malformed request ends its stream alone") {
  const Server server(http2_options());
  Peer peer(server);
  const std::uint32_t id = peer.open();
  const Fields two_paths = get("/events", {{":path", "/other"}});
  for (const Fields& fields :
       {get("/events", {{"Upper", "x"}}), get("/events", {{"te", "gzip"}}), two_paths,
        get("/events", {{"connection", "close"}}), Fields{{":method", "GET"}, {":scheme", "http"}}}) {
    const Stream& refused = peer.ask(fields);
    CHECK(refused.reset == NGHTTP2_PROTOCOL_ERROR);
    CHECK(refused.fields.empty());
  }
  CHECK(peer.ask(get("/events", {{"host", "elsewhere"}})).status() == 400);
  CHECK(peer.ask({{":method", "CONNECT"}, {":authority", "localhost:1"}}).status() == 405);
  CHECK(peer.lives());
  CHECK_FALSE(peer.stream(id).over());
}

TEST_CASE("streams past the limit are refused, and their sisters live") {
  sse::Http2Options limits;
  limits.max_streams = 3;
  Server server(http2_options(limits));
  Peer peer(server);
  std::vector<std::uint32_t> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(peer.open());
  for (int i = 0; i < 20; ++i) CHECK(peer.ask(get()).reset == NGHTTP2_REFUSED_STREAM);
  peer.send(rst_stream, 0, ids[0], number(8));
  server.wait_for_count(2);
  CHECK_NOTHROW(peer.open());
  server.events.emit_event("n", 1);
  CHECK(peer.event(ids[1])->at("data") == 1);
}

/// Events received and told as lost, until the last one.
std::size_t count_to(Peer& peer, std::uint32_t id, int last) {
  std::size_t count = 0;
  for (;;) {
    const auto event = peer.event(id);
    if (!event) throw std::runtime_error("the stream is over");
    if (event->at("type") == "overflow") count += event->at("dropped").get<std::size_t>();
    if (event->at("type") != "n") continue;
    ++count;
    if (event->at("data").at("n") == last) return count;
  }
}

TEST_CASE("a closed window keeps its stream's events in its queue, and its sisters lose nothing") {
  sse::Options settings;
  settings.max_queue_size = 50;
  Server server(http2_options(), settings);
  Peer peer(server);
  peer.gives_windows_back = false;
  const std::uint32_t slow = peer.open(), fast = peer.open();
  peer.send(window_update, 0, 0, number(1 << 28));
  peer.send(window_update, 0, fast, number(1 << 28));
  peer.sync();
  constexpr int last = 2'000;
  std::size_t of_fast = 0;
  for (int i = 1; i <= last; ++i) {
    server.events.emit_event("n", {{"n", i}, {"text", std::string(200, 'x')}});
    const auto event = peer.event(fast);
    of_fast += event->at("data").at("n") == i;
  }
  CHECK(of_fast == last);
  peer.sync();
  CHECK(peer.stream(slow).body.size() <= 65'535);
  peer.send(window_update, 0, slow, number(1 << 20));
  CHECK(count_to(peer, slow, last) == last);
}

TEST_CASE("window arithmetic: initial sizes 0 and 1, and changes of them") {
  Server server(http2_options());
  Peer peer(server, setting(4, 0));
  peer.gives_windows_back = false;
  const std::uint32_t id = peer.request(get());
  peer.sync();
  CHECK(peer.stream(id).status() == 200);
  CHECK(peer.stream(id).body.empty());
  peer.send(settings, 0, 0, setting(4, 1));
  peer.read_until([&] { return peer.stream(id).body.size() == 1; });
  peer.send(settings, 0, 0, setting(4, 500));
  CHECK(peer.event(id)->at("type") == "connection");
  peer.send(settings, 0, 0, setting(4, 0));  // the stream's window is negative now
  peer.sync();
  server.events.emit_event("n", 1);
  peer.send(window_update, 0, id, number(100));
  peer.sync();
  const std::size_t before = peer.stream(id).body.size();
  peer.send(window_update, 0, id, number(1'000));
  CHECK(peer.event(id)->at("data") == 1);
  CHECK(peer.stream(id).body.size() > before);

  const std::uint32_t other = peer.request(get());
  peer.send(window_update, 0, other, number(0x7FFFFFFF));
  peer.send(window_update, 0, other, number(0x7FFFFFFF));
  CHECK(peer.response(other).reset == NGHTTP2_FLOW_CONTROL_ERROR);
  peer.send(settings, 0, 0, setting(4, 65'535));
  CHECK(peer.lives());
  peer.send(window_update, 0, 0, number(0x7FFFFFFF));
  peer.send(window_update, 0, 0, number(0x7FFFFFFF));
  peer.read_to_end();
  CHECK(peer.goaway_code == NGHTTP2_FLOW_CONTROL_ERROR);
}

TEST_CASE("a stream whose window stays closed is reset after send_timeout, alone") {
  sse::ServeOptions options = http2_options();
  options.stream.send_timeout = 500ms;
  Server server(options);
  Peer peer(server, setting(4, 300));
  peer.gives_windows_back = false;
  const std::uint32_t stuck = peer.open(), good = peer.open();
  peer.send(window_update, 0, good, number(1 << 20));
  for (int i = 0; i < 3; ++i) server.events.emit_event("n", i);
  CHECK(peer.response(stuck).reset == NGHTTP2_CANCEL);
  CHECK(server.log.removed(1).back() == "Sending timed out after 500 ms");
  for (int i = 0; i < 3; ++i) CHECK(peer.event(good)->at("data") == i);
  CHECK_FALSE(peer.stream(good).over());
}

TEST_CASE("a connection whose socket takes nothing ends after send_timeout") {
  sse::ServeOptions options = http2_options();
  options.stream.send_timeout = 500ms;
  sse::Options settings;
  settings.max_queue_size = 100'000;
  Server server(options, settings);
  Peer peer(server, setting(4, 1 << 30), 4'096);
  peer.send(window_update, 0, 0, number(1 << 30));
  peer.open();
  peer.sync();
  for (int i = 0; i < 200; ++i) server.events.emit_event("n", std::string(100'000, 'x'));
  CHECK(server.log.removed(1).back() == "Sending timed out after 500 ms");
}

TEST_CASE("no stream starves another, whatever priority it asks for") {
  sse::Options settings;
  settings.max_queue_size = 10'000;
  Server server(http2_options(), settings);
  Peer peer(server, setting(4, 1 << 20));
  peer.gives_windows_back = false;
  std::vector<std::uint32_t> ids;
  for (const char* wish : {"u=0", "u=7", "u=3, i", "u=4"})
    ids.push_back(peer.request(get("/events", {{"priority", wish}})));
  for (const std::uint32_t id : ids) peer.event(id);
  for (int i = 0; i < 1'000; ++i) server.events.emit_event("n", std::string(200, 'x'));
  std::size_t most = 0, least = 0;
  for (int i = 0; i < 40; ++i) {  // the connection's window opens a little at a time
    peer.send(window_update, 0, 0, number(4'096));
    peer.sync();
  }
  most = least = peer.stream(ids[0]).body.size();
  for (const std::uint32_t id : ids) {
    most = std::max(most, peer.stream(id).body.size());
    least = std::min(least, peer.stream(id).body.size());
  }
  CHECK(most - least <= 2 * 16'384);
}

TEST_CASE("a fast reader that gives back its windows is not cut") {
  sse::Options settings;
  settings.max_queue_size = 100'000;
  Server server(http2_options(), settings);
  Peer peer(server);
  const std::uint32_t id = peer.open();
  for (int i = 1; i <= 6'000; ++i) {  // two WINDOW_UPDATE for each DATA frame
    server.events.emit_event("n", {{"n", i}});
    REQUIRE(peer.event(id)->at("data").at("n") == i);
  }
}

TEST_CASE("a flood of frames that bring nothing ends its connection") {
  Server server(http2_options());
  Peer other(server);
  const std::uint32_t id = other.open();
  const std::string big_number = number(1);
  std::uint32_t next = 3;
  const auto overflow = [](std::uint32_t stream) { return frame(window_update, 0, stream, number(0x7FFFFFFF)); };
  struct Flood {
    const char* name;
    std::function<std::string()> frame;
  };
  const std::vector<Flood> floods{
      {"PING", [] { return frame(ping, 0, 0, "12345678"); }},
      {"SETTINGS", [] { return frame(settings, 0, 0); }},
      {"PRIORITY", [] { return frame(priority, 0, 3, number(0) + "a"); }},
      {"PRIORITY_UPDATE", [] { return frame(priority_update, 0, 0, number(1) + "u=1"); }},
      {"an unknown frame", [] { return frame(99, 0, 0, "x"); }},
      {"WINDOW_UPDATE", [&] { return frame(window_update, 0, 0, big_number); }},
      {"empty DATA", [] { return frame(data, 0, 1); }},
      {"rapid reset",
       [&] {
         const std::uint32_t stream = next += 2;
         return frame(headers, 5, stream, packed(get())) + frame(rst_stream, 0, stream, number(8));
       }},
      {"resets by this side",
       [&] {
         const std::uint32_t stream = next += 2;
         return frame(headers, 5, stream, packed(get())) + overflow(stream) + overflow(stream);
       }},
      {"malformed requests",
       [&] {
         return frame(headers, 5, next += 2, packed(get("/events", {{"Upper", "x"}})));
       }},
  };
  for (const Flood& flood : floods) {
    for (const bool reads : {true, false}) {
      INFO(flood.name << (reads ? ", answers read" : ", answers unread"));
      next = 3;
      Peer peer(server);
      peer.request(get(), 4);  // the stream 1, whose body may come
      peer.sync();
      std::string bytes;
      for (int i = 0; i < 200; ++i) bytes += flood.frame();
      for (int i = 0; i < 50 && peer.send(bytes); ++i) {
        bytes.clear();
        for (int j = 0; j < 200; ++j) bytes += flood.frame();
      }
      if (!reads) continue;
      try {
        peer.read_to_end();
      } catch (const std::exception&) {  // its socket was reset
      }
      CHECK(peer.goaway_code.value_or(NGHTTP2_ENHANCE_YOUR_CALM) == NGHTTP2_ENHANCE_YOUR_CALM);
    }
  }
  server.wait_for_count(1);
  server.events.emit_event("n", 1);
  CHECK(other.event(id)->at("data") == 1);
}

TEST_CASE("fields past the limits are refused, and bombs end the connection") {
  sse::ServeOptions options = http2_options();
  options.limits.timeout = 500ms;
  const Server server(options);
  {
    Peer peer(server);
    Fields many = get();
    for (int i = 0; i < 300; ++i) many.emplace_back("a", "b");
    CHECK(peer.ask(many).status() == 431);
    CHECK(peer.lives());
  }
  {  // 4,000 bytes in the table, each a byte on the wire
    Peer peer(server);
    std::string bomb = packed(get());
    bomb += '\x40' + packed("x", std::string(4'000, 'x')).substr(1);
    for (int i = 0; i < 1'000; ++i) bomb += '\xBE';
    peer.send(headers, 5, 1, bomb);
    peer.read_to_end();
    CHECK(peer.goaway_code == NGHTTP2_ENHANCE_YOUR_CALM);
  }
  {  // an endless block
    Peer peer(server);
    peer.send(headers, 1, 1, packed(get()));
    for (int i = 0; i < 100 && peer.send(continuation, 0, 1, packed("a", std::string(10'000, 'x'))); ++i) {
    }
    try {
      peer.read_to_end();
    } catch (const std::exception&) {
    }
  }
  {  // a block that stops
    Peer peer(server);
    peer.sync();
    peer.send(headers, 1, 1, packed(get()));
    peer.read_to_end();
    CHECK(peer.goaway_code == NGHTTP2_ENHANCE_YOUR_CALM);
  }
  {  // bad Huffman
    Peer peer(server);
    peer.send(headers, 5, 1, "\x82\x86\x84\x41\x83\xFF\xFF\xFF");
    peer.read_to_end();
    CHECK(peer.goaway_code == NGHTTP2_COMPRESSION_ERROR);
  }
}

TEST_CASE("serve that is cancelled ends each stream with disconnect, and then the connection") {
  sse::ServeOptions options = http2_options();
  options.grace = 20s;
  options.spread = 600ms;
  Server server(options);
  Peer peer(server), idle(server);
  idle.sync();
  std::vector<std::uint32_t> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(peer.open());
  server.events.emit_event("last", 1);
  server.task.cancel();
  peer.read_until([&] { return peer.goaways == 1; });
  CHECK(peer.goaway_last == 0x7FFFFFFFu);
  CHECK(peer.ask(get()).reset == NGHTTP2_REFUSED_STREAM);
  for (const std::uint32_t id : ids) {
    CHECK(peer.event(id)->at("type") == "last");
    CHECK(peer.event(id)->at("type") == "disconnect");
    CHECK(peer.response(id).ended);
  }
  peer.read_to_end();
  idle.read_to_end();
  CHECK(peer.goaways == 2);
  CHECK(peer.goaway_code == 0u);
  CHECK(idle.goaway_code == 0u);
  peer.socket().close();
  idle.socket().close();
  CHECK_NOTHROW(server.task.get());
}

TEST_CASE("grace and a second cancellation cut HTTP/2 connections, too") {
  sse::ServeOptions options = http2_options();
  options.grace = 300ms;
  options.admit = [](const sse::Request&, sse::ConnectionOptions& connection) { connection.let_finish = true; };
  Server server(options);
  Peer peer(server);
  peer.open();
  server.task.cancel();
  CHECK_NOTHROW(server.task.get());
  CHECK(server.log.removed(1).back() == "Cut by the service");
}

TEST_CASE("expires_at, topics, Last-Event-ID and cookies work over HTTP/2") {
  sse::Options settings;
  settings.history_size = 10;
  sse::ServeOptions options = http2_options();
  options.topics_from_query = true;
  std::mutex mutex;
  std::string cookie;
  options.admit = [&](const sse::Request& request, sse::ConnectionOptions& connection) {
    const std::lock_guard lock(mutex);
    cookie = request.cookie("b").value_or("");
    if (request.header("soon")) connection.expires_at = std::chrono::system_clock::now() + 100ms;
  };
  Server server(options, settings);
  Peer peer(server);
  const std::uint32_t first = peer.request(get("/events?topic=a", {{"cookie", "a=1"}, {"cookie", "b=2"}}));
  CHECK(peer.event(first)->at("type") == "connection");
  const std::string begin = server.events.last_id();
  for (const char* topic : {"a", "b", "a"}) {
    sse::EmitOptions on_topic;
    on_topic.topic = topic;
    server.events.emit_event("of", topic, on_topic);
  }
  for (const std::string topic : {"a", "a"}) CHECK(peer.event(first)->at("data") == topic);
  const std::uint32_t again = peer.request(get("/events?topic=b", {{"last-event-id", begin}, {"cookie", "b=2"}}));
  CHECK(peer.event(again)->at("resumed") == true);
  CHECK(peer.event(again)->at("data") == "b");
  {
    const std::lock_guard lock(mutex);
    CHECK(cookie == "2");
  }
  CHECK(peer.ask(get("/events", {{"soon", "1"}})).body.find("disconnect") != std::string::npos);
}

}  // namespace
