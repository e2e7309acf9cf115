#include <sse/testing_log.hpp>

#include "client_support.hpp"

namespace {

using Notes = std::vector<std::string>;

std::string redirect_to(unsigned status, std::string_view location) {
  return "HTTP/1.1 " + std::to_string(status) + " Elsewhere\r\nLocation: " + std::string(location) +
         "\r\nContent-Length: 0\r\n\r\n";
}

TEST_CASE("a client asks as a browser does, and gives each message out as it comes") {
  Listener listener;
  sse::ClientOptions options = once();
  options.headers = {{"Authorization", "Bearer x"}, {"User-Agent", "me/1"}, {"X-Empty", ""}};
  options.last_event_id = "7-\xC3\xA4";
  Reading reading(listener.url("/a b?q=\xC3\xA4#fragment"), options);
  Client peer = listener.answer(stream_head);
  CHECK(listener.request.starts_with(
      "GET /a%20b?q=%C3%A4 HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(listener.port) + "\r\n"));
  for (const auto* line :
       {"Accept: text/event-stream", "Accept-Encoding: identity", "Cache-Control: no-store", "Connection: close",
        "Authorization: Bearer x", "User-Agent: me/1", "X-Empty: ", "Last-Event-ID: 7-\xC3\xA4"})
    CHECK(listener.asked(line));
  CHECK_FALSE(listener.asked("User-Agent: sse"));
  CHECK(listener.request.find("Content-Length") == std::string::npos);
  CHECK(reading.note() == "connected /a%20b?q=%C3%A4");
  peer.send("data: first\n\n");
  CHECK(reading.take() == "message first 7-\xC3\xA4");
  peer.send(": nothing\n\nevent: t\nid: 8\ndata: sec");
  peer.send("ond\n\n");
  CHECK(reading.take() == "t second 8");
  CHECK(reading.untold() == 0);
  peer.close();
  CHECK(reading.take() == "end");
  CHECK(reading.note() == "disconnected: The server has ended the stream");
}

TEST_CASE("a POST sends its body and its headers, once") {
  Listener listener;
  sse::ClientOptions options;  // `reconnect` is off for it by itself
  options.method = "POST";
  options.body = R"({"stream":true})";
  options.headers = {{"Content-Type", "application/json"}, {"Accept", "application/json, text/event-stream"}};
  Reading reading(listener.url(), options);
  Client peer = listener.accept();
  listener.request = peer.head();
  listener.request += peer.take_until("}").value();
  CHECK(listener.request.starts_with("POST /events HTTP/1.1\r\n"));
  CHECK(listener.asked("Content-Type: application/json"));
  CHECK(listener.asked("Accept: application/json, text/event-stream"));
  CHECK(listener.asked("Content-Length: 15"));
  CHECK(listener.request.ends_with("\r\n\r\n" + options.body));
  peer.send(stream_head + "data: token\n\ndata: [DONE]\n\n");
  CHECK(reading.take() == "message token");
  CHECK(reading.take() == "message [DONE]");
  peer.close();
  CHECK(reading.take() == "end");
}

TEST_CASE("an answer counts that comes before a long request has been read") {
  Listener listener;
  sse::ClientOptions options = once();
  options.method = "POST";
  options.body = std::string(20 << 20, 'x');
  Reading reading(listener.url(), options);
  Client peer = listener.answer("HTTP/1.1 413 Too Large\r\n\r\n");
  peer.end_sending();
  std::size_t size = 0;
  while (const auto bytes = peer.take_until(std::string(1 << 20, 'x'))) size += bytes->size();
  CHECK(size == options.body.size());
  CHECK(reading.take() == "status 413: The server answers with status 413");
}

TEST_CASE("redirects are followed as Fetch does, and credentials stay where they belong") {
  Listener listener, other;
  sse::ClientOptions options = once();
  options.method = "POST";
  options.body = "body";
  options.headers = {
      {"Authorization", "Bearer x"}, {"X-Api-Key", "x"}, {"Content-Type", "text/plain"}, {"Accept", "a/b"}};
  const auto expect = [&](unsigned status, bool posts) {
    INFO(status);
    Reading reading(listener.url("/a/b/c?d"), options);
    listener.answer(redirect_to(status, "../x/./y?z#f"));
    CHECK(listener.request.starts_with("POST /a/b/c?d HTTP/1.1\r\n"));
    Client peer = listener.answer(stream_head);
    CHECK(listener.request.starts_with((posts ? "POST" : "GET") + " /a/x/y?z HTTP/1.1\r\n"s));
    CHECK(listener.asked("Authorization: Bearer x"));
    CHECK(listener.asked("Content-Type: text/plain") == posts);
    CHECK(listener.asked("Content-Length: 4") == posts);
    if (posts) CHECK(peer.take_until("body") == "body");
    peer.close();
    CHECK(reading.take() == "end");
    CHECK(reading.note() == "connected /a/x/y?z");
  };
  for (const unsigned status : {301u, 302u, 303u}) expect(status, false);
  for (const unsigned status : {307u, 308u}) expect(status, true);

  // To another origin and back.
  Reading reading(listener.url(), options);
  listener.answer(redirect_to(308, other.url("/there")));
  other.answer(redirect_to(308, listener.url("/back")));
  CHECK(other.request.find("Bearer") == std::string::npos);
  CHECK(other.request.find("X-Api-Key") == std::string::npos);
  CHECK(other.asked("Content-Type: text/plain"));
  CHECK(other.asked("Accept: a/b"));
  CHECK(other.asked("Host: 127.0.0.1:" + std::to_string(other.port)));
  Client peer = listener.answer(stream_head + "data: x\n\n");
  CHECK(listener.request.starts_with("POST /back HTTP/1.1\r\n"));
  CHECK(listener.request.find("Bearer") == std::string::npos);
  CHECK(reading.take() == "message x");
}

TEST_CASE("a redirect that never ends is an error, and never leaves https") {
  Listener listener;
  sse::ClientOptions options = quick();
  options.max_redirects = 3;
  Reading reading(listener.url(), options);
  for (int n = 0; n < 4; ++n) listener.answer(redirect_to(302, "/events"));
  CHECK(reading.take() == "status 302: The server sent more than 3 redirects in a row");
  CHECK(reading.take() == "end");
  CHECK_FALSE(listener.waiting(0ms));

  options.connect = [](sse::Url) -> asio::awaitable<sse::AnyStream> {
    const auto executor = co_await asio::this_coro::executor;
    co_return Parts(executor, {redirect_to(302, "http://x/")});
  };
  Reading secure("https://x/", options);
  CHECK(secure.take() ==
        "status 302: The server redirects with status 302, which cannot be followed: a redirect must not leave https");
}

TEST_CASE("an end, a cut, a refusal and a wrong coding are each followed by another attempt, from the last id") {
  // A stream that has lasted for max_retry, here 1 ms, ends the back-off.
  const auto is_retry = [](const std::string& note, const std::string& why) {
    return note.starts_with("retrying after 0 ms: " + why) || note.starts_with("retrying after 1 ms: " + why);
  };
  Listener listener;
  Reading reading(listener.url());
  listener.answer(stream_head + "id: 1\ndata: a\n\nid: 2\n\nid: 3\ndata: not complete\n");
  CHECK(reading.take() == "message a 1");
  CHECK(reading.note() == "connected /events");
  CHECK(reading.note() == "disconnected: The server has ended the stream");
  CHECK(reading.note() == "retrying after 0 ms: The server has ended the stream");

  listener.answer("HTTP/1.1 503 Not Now\r\n\r\n");
  CHECK(listener.asked("Last-Event-ID: 2"));
  CHECK(reading.note() == "retrying after 1 ms: The server answers with status 503");

  Client peer = listener.answer(stream_head + "data: b\n\n");
  CHECK(listener.asked("Last-Event-ID: 2"));
  CHECK(reading.take() == "message b 2");
  peer.reset();
  CHECK(reading.note() == "connected /events");
  CHECK(reading.note() == "disconnected: The stream was cut: " + text_of(asio::error::connection_reset));
  CHECK(is_retry(reading.note(), "The stream was cut: " + text_of(asio::error::connection_reset)));

  const std::string chunked =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
  listener.answer(chunked + chunk("id\ndata: c\n\n") + "x\r\n");
  CHECK(reading.take() == "message c");
  CHECK(reading.note() == "connected /events");
  CHECK(reading.note().starts_with("disconnected: The size of a chunk"));
  CHECK(is_retry(reading.note(), "The size of a chunk"));

  for (const auto status : {408, 429, 500, 502, 504}) {
    listener.answer("HTTP/1.1 " + std::to_string(status) + " No\r\n\r\n");
    CHECK(listener.request.find("Last-Event-ID") == std::string::npos);
    CHECK(reading.note().ends_with("status " + std::to_string(status)));
  }
  listener.answer("");
  CHECK(reading.note().ends_with("ms: The server sent no answer: End of file"));
  listener.answer("HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(reading.take() == "end");
  CHECK_FALSE(listener.waiting(0ms));
}

TEST_CASE("an id that no server takes is not sent, the observer is told, and the stream goes on") {
  Listener listener;
  Mailbox not_sent;
  sse::ClientOptions options = quick();
  options.max_id_size = 100;
  options.observer.id_not_sent = [&](std::string_view id, std::string_view reason) {
    not_sent.put(std::string(id) + ": " + std::string(reason));
  };
  Reading reading(listener.url(), options);
  listener.answer(stream_head + "id: 1\ndata: a\n\n");
  CHECK(reading.take() == "message a 1");
  for (const std::string id : {"a\x0b", "\x1b[1m", "a\x7f"}) {
    listener.answer(stream_head + "id: " + id + "\ndata: b\n\n");
    CHECK(reading.take() == "message b " + id);
    listener.answer(stream_head + "id: 9\ndata: c\n\n");
    CHECK(listener.request.find("Last-Event-ID") == std::string::npos);
    CHECK(not_sent.take() == id + ": The id has a control character");
    CHECK(reading.take() == "message c 9");
  }
  const std::string full(100, 'x');
  listener.answer(stream_head + "id: " + full + "\ndata: d\n\nid: " + full + "y\ndata: e\n\n");
  CHECK(listener.asked("Last-Event-ID: 9"));
  CHECK(reading.take() == "message d " + full);
  CHECK(reading.take() == "message e " + full + "y");
  listener.answer(stream_head + "id: " + full + "\ndata: f\n\n");
  CHECK(listener.request.find("Last-Event-ID") == std::string::npos);
  CHECK(not_sent.take().ends_with("The id has 101 bytes, max_id_size is 100"));
  CHECK(reading.take() == "message f " + full);
  listener.answer(stream_head);
  CHECK(listener.asked("Last-Event-ID: " + full));
  CHECK(not_sent.size() == 0);
}

TEST_CASE("a status that does not pass ends a client that reconnects") {
  Listener listener;
  Reading reading(listener.url());
  listener.answer(stream_head + "data: a\n\n");
  CHECK(reading.take() == "message a");
  listener.answer("HTTP/1.1 410 Gone\r\n\r\n");
  CHECK(reading.take() == "status 410: The server answers with status 410");
  CHECK(reading.take() == "end");
}

TEST_CASE("nobody listens: an error without reconnect, another attempt with it, and an error after max_failures") {
  Listener listener;
  listener.close();
  Reading one(listener.url(), once());
  CHECK(one.take() == "error: Cannot connect to 127.0.0.1:" + std::to_string(listener.port) + ": " +
                          text_of(asio::error::connection_refused));
  CHECK(one.take() == "end");
  sse::ClientOptions options = quick();
  options.max_failures = 3;
  Reading many(listener.url(), options);
  for (int n = 0; n < 2; ++n) CHECK(many.note().starts_with("retrying after 1 ms: Cannot connect"));
  CHECK(many.take().ends_with(text_of(asio::error::connection_refused)));
  CHECK(many.take() == "end");
}

TEST_CASE("a stream without an event is a failure, one with an event is not") {
  Listener listener;
  sse::ClientOptions options = quick();
  options.max_retry = 1h;  // no stream here lasts long enough to be a good one for that
  options.max_failures = 2;
  Reading reading(listener.url(), options);
  listener.answer(stream_head + ": comment\n\n");
  listener.answer(stream_head + "data: x\n\n");
  listener.answer(stream_head + ": comment\n\n");
  listener.answer(stream_head + ": comment\n\n");
  CHECK(reading.take() == "message x");
  CHECK(reading.take() == "status 200: The server has ended the stream");
  CHECK(reading.take() == "end");
}

/// The waits before each of the attempts that get these answers, in ms; a wait ends when the client is destroyed.
std::vector<int> waits(sse::ClientOptions options, const std::vector<std::string>& answers) {
  std::vector<int> all;
  asio::io_context io;
  std::size_t next = 0;
  options.connect = [&](sse::Url) -> asio::awaitable<sse::AnyStream> {
    const auto executor = co_await asio::this_coro::executor;
    co_return Parts(executor, {answers.at(next++)});
  };
  std::optional<sse::Client> client;
  options.observer.retrying = [&](std::chrono::milliseconds wait, std::string_view) {
    all.push_back(static_cast<int>(wait.count()));
    if (next == answers.size()) client->close();
  };
  client.emplace("http://test/", options);
  const auto work = [&]() -> asio::awaitable<void> {
    while (co_await client->next()) {
    }
  };
  asio::co_spawn(io, work(), asio::detached);
  io.run_for(patience);
  CHECK(io.stopped());
  return all;
}

TEST_CASE("the wait is the server's or ours, doubles with each failure up to the cap, and has a part of chance") {
  sse::ClientOptions options;
  const auto within = [](int wait, int least) { return wait >= least && wait <= least * 3 / 2; };
  const std::string good = stream_head + "data: x\n\n", down = "HTTP/1.1 503 Not Now\r\n\r\n";
  options.retry = 20ms;
  options.min_retry = 30ms;
  CHECK(within(waits(options, {good}).at(0), 20));
  CHECK(within(waits(options, {stream_head + "retry: 0\ndata: x\n\n"}).at(0), 30));
  CHECK(within(waits(options, {stream_head + "retry: 30\ndata: x\n\n"}).at(0), 30));
  CHECK(within(waits(options, {"HTTP/1.1 503 Not Now\r\nRetry-After: 2\r\n\r\n"}).at(0), 2000));
  CHECK(within(waits(options, {"HTTP/1.1 503 Not Now\r\nRetry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n\r\n"}).at(0),
               100));
  CHECK(within(waits(options, {stream_head + "retry: 99999999999999999999\ndata: x\n\n"}).at(0), 60'000));
  CHECK(within(waits(options, {"HTTP/1.1 503 Not Now\r\nRetry-After: 4294967295\r\n\r\n"}).at(0), 60'000));

  options.max_retry = 350ms;
  const std::vector<int> all = waits(options, {down, down, down, down, good, down});
  REQUIRE(all.size() == 6);
  for (std::size_t i = 0; i < all.size(); ++i) {
    INFO(i);
    CHECK(within(all[i], std::vector{100, 200, 350, 350, 350, 350}[i]));  // a short stream ends no back-off
  }
  options.max_retry = std::chrono::milliseconds::max();
  CHECK(within(waits(options, {stream_head + "retry: 10\ndata: x\n\n"}).at(0), 30));
  options.retry = options.max_retry = 1h;
  const int first = waits(options, {good}).at(0);
  int other = first;
  for (int n = 0; n < 20 && other == first; ++n) other = waits(options, {good}).at(0);
  CHECK(other != first);
}

TEST_CASE("silence is a cut, and comments are no silence") {
  Listener listener;
  sse::ClientOptions options = quick();
  options.idle_timeout = 300ms;
  Reading reading(listener.url(), options);
  {
    Client peer = listener.answer(stream_head + "id: 1\ndata: a\n\n");
    CHECK(reading.take() == "message a 1");
    const auto begin = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - begin < 900ms) {
      CHECK(peer.send(":\n"));
      platform::pause(20ms);
    }
    peer.send("data: b\n\n");
    CHECK(reading.take() == "message b 1");
    CHECK_FALSE(listener.waiting(0ms));
    CHECK(reading.note() == "connected /events");
    CHECK(reading.note() == "disconnected: The server sent nothing for 300 ms: " + text_of(asio::error::timed_out));
    CHECK(peer.read_to_end().empty());  // the client has closed
  }
  listener.answer("HTTP/1.1 204 No\r\n\r\n");
  CHECK(listener.asked("Last-Event-ID: 1"));
  CHECK(reading.take() == "end");
}

TEST_CASE("a server that says its keep-alive interval may be silent for two of them") {
  Listener listener;
  Reading reading(listener.url());
  {
    Client peer = listener.answer(stream_head + ": keep-ali");
    peer.send("ve 500\n\nid: 1\ndata: a\n\n");
    CHECK(reading.take() == "message a 1");
    CHECK(reading.note() == "connected /events");
    CHECK(reading.note() == "disconnected: The server sent nothing for 1000 ms: " + text_of(asio::error::timed_out));
  }
  // The next attempt's server says none, so its client has its own time again.
  Client peer = listener.answer(stream_head + "data: b\n\n");
  CHECK(listener.asked("Last-Event-ID: 1"));
  CHECK(reading.take() == "message b 1");
}

TEST_CASE("a head that does not come, byte by byte or not at all, is a failed attempt") {
  Listener listener;
  sse::ClientOptions options = quick();
  options.head_timeout = 300ms;
  Reading reading(listener.url(), options);
  Client silent = listener.accept();
  CHECK(reading.note() ==
        "retrying after 1 ms: The server sent no answer within 300 ms: " + text_of(asio::error::timed_out));
  Client slow = listener.accept();
  slow.send("HTTP/1.1 200 OK\r\nX: ");
  while (slow.send("x")) platform::pause(20ms);
  CHECK(reading.note() ==
        "retrying after 1 ms: The server sent no answer within 300 ms: " + text_of(asio::error::timed_out));
}

TEST_CASE("a connect function that hangs is given up in time, and its connection with it") {
  Listener listener;
  sse::ClientOptions options = once();
  options.connect_timeout = 50ms;
  options.connect = [](sse::Url url) -> asio::awaitable<sse::AnyStream> {
    tcp::socket socket = co_await sse::connect_tcp(url);
    char byte = 0;
    co_await socket.async_read_some(asio::buffer(&byte, 1), asio::use_awaitable);
    co_return sse::AnyStream(std::move(socket));
  };
  Reading reading(listener.url(), options);
  Client peer = listener.accept();
  CHECK(reading.take() == "error: No connection within 50 ms: " + text_of(asio::error::timed_out));
  CHECK(peer.read_to_end().empty());
}

TEST_CASE("what a connect function throws: a system_error is a failed attempt, anything else is the end") {
  int attempts = 0;
  sse::ClientOptions options = quick();
  options.connect = [&](sse::Url) -> asio::awaitable<sse::AnyStream> {
    co_await asio::this_coro::executor;
    if (++attempts < 3) throw sse::system_error(asio::error::host_unreachable);
    throw std::logic_error("a bug");
  };
  Reading reading("http://x/", options);
  CHECK(reading.take() == "error: a bug");
  CHECK(reading.take() == "end");
  CHECK(attempts == 3);
  Reading secure("https://x/");
  CHECK(secure.take() == "error: sse: ClientOptions::connect is needed for https://x/");
}

TEST_CASE("every address of a name is tried") {
  Listener listener;  // on 127.0.0.1; localhost may be ::1 first
  Reading reading("http://LOCALHOST:" + std::to_string(listener.port) + "/events", once());
  listener.answer(stream_head + "data: x\n\n");
  CHECK(listener.asked("Host: localhost:" + std::to_string(listener.port)));
  CHECK(reading.take() == "message x");
}

TEST_CASE("options and URLs that can't be used are refused by name") {
  const auto refused = [](std::string_view url, const sse::ClientOptions& options) -> std::string {
    try {
      sse::Client client(url, options);
      return "";
    } catch (const sse::Error& error) {
      return error.what();
    }
  };
  const auto with = [](auto change) {
    sse::ClientOptions options;
    change(options);
    return options;
  };
  CHECK(refused("http://x", {}).empty());
  CHECK(refused("x", {}).find("\"x\"") != std::string::npos);
  const auto names = [&](std::string_view name, auto change) {
    INFO(name);
    CHECK(refused("http://x", with(change)).find(name) != std::string::npos);
  };
  names("method", [](auto& o) { o.method = "GET /"; });
  names("method", [](auto& o) { o.method = ""; });
  names("last_event_id", [](auto& o) { o.last_event_id = "1\r\nX: y"; });
  names("last_event_id", [](auto& o) { o.last_event_id = "1\0"s; });
  names("last_event_id", [](auto& o) { o.last_event_id = std::string(4097, 'x'); });
  names("retry", [](auto& o) { o.retry = -1ms; });
  names("min_retry", [](auto& o) { o.min_retry = -1ms; });
  names("connect", [](auto& o) { o.connect = nullptr; });
  names("a name", [](auto& o) { o.headers = {{"X Y", ""}}; });
  names("X-Y", [](auto& o) { o.headers = {{"X-Y", "a\nb"}}; });
  for (const auto* name :
       {"host", "Content-Length", "TRANSFER-ENCODING", "Connection", "last-event-id", "Accept-Encoding"})
    names(name, [&](auto& o) { o.headers = {{name, "x"}}; });
  CHECK_THROWS_AS(sse::Client("http://x", with([](auto& o) { o.max_message_size = 0; })), std::invalid_argument);
}

TEST_CASE("an observer that throws, or that closes the client, is no failure") {
  Listener listener;
  Context context;
  Mailbox said;
  std::optional<sse::Client> client;
  sse::ClientOptions options = quick();
  options.observer.connected = [](const sse::Url&) { throw std::runtime_error("x"); };
  options.observer.disconnected = [&](std::string_view) { client->close(); };
  client.emplace(listener.url(), options);
  const auto work = [&]() -> asio::awaitable<void> {
    for (bool over = false; !over;) said.put(co_await step(*client, over));
    client.reset();
  };
  Task task(context.io, work());
  listener.answer(stream_head + "data: x\n\n");
  CHECK(said.take() == "message x");
  CHECK(said.take() == "end");
  task.get();
  CHECK_FALSE(listener.waiting(20ms));
}

TEST_CASE("a client of this library's own server reads all that it emits, through a restart of its connection") {
  Server server;
  sse::ClientOptions options = quick();
  Reading reading("http://127.0.0.1:" + std::to_string(server.port) + "/events", options);
  const auto data = [&] {
    const std::string text = reading.take();
    return text.substr(text.find('{'), text.rfind('}') + 1 - text.find('{'));
  };
  for (int round = 0; round < 3; ++round) {
    CHECK(json::parse(data()).at("type") == "connection");
    for (int n = 0; n < 50; ++n) server.events.emit_event("n", n);
    for (int n = 0; n < 50; ++n) CHECK(json::parse(data()).at("data") == n);
    server.events.disconnect_all("round");
    CHECK(json::parse(data()).at("message") == "round");
  }
}

TEST_CASE("a client is told once that its place is of another start, also if no event follows") {
  sse::Options settings;
  settings.history_size = 10;
  Server server({}, settings);
  sse::ClientOptions options = quick();
  options.last_event_id = "1700000000123456789-41";
  Reading reading("http://127.0.0.1:" + std::to_string(server.port) + "/events", options);
  const auto type_and_id = [&] {
    const std::string text = reading.take();
    const std::size_t begin = text.find('{'), end = text.rfind('}') + 1;
    return json::parse(text.substr(begin, end - begin)).at("type").get<std::string>() + text.substr(end);
  };
  const std::string place = ' ' + server.events.last_id();
  CHECK(type_and_id() == "connection 1700000000123456789-41");
  CHECK(type_and_id() == "overflow" + place);
  for (int cut = 0; cut < 2; ++cut) {
    server.events.disconnect_all("cut");
    CHECK(type_and_id() == "disconnect" + place);
    CHECK(type_and_id() == "connection" + place);
  }
  server.events.emit_event("news", 1);
  CHECK(type_and_id() == "news " + server.events.last_id());
}

TEST_CASE("a snapshot's id of one node is a client's place at another, which has not read so far") {
  const auto log = std::make_shared<sse::testing::MemoryLog>(), slow = log->node();
  const auto with = [](std::shared_ptr<sse::EventLog> node) {
    sse::Options settings;
    settings.history_size = 2;
    settings.log = std::move(node);
    return settings;
  };
  Server a({}, with(log)), b({}, with(slow));
  const auto emit = [&](Server& node, int n) {
    node.events.emit_event("n", n);
    eventually("it is delivered", [&] { return node.events.last_id().ends_with("-" + std::to_string(n)); });
  };
  for (int n = 1; n <= 3; ++n) emit(a, n);
  eventually("the other node has all", [&] { return a.events.last_id() == b.events.last_id(); });
  const std::string first = a.events.last_id();
  slow->lag();
  emit(a, 4);
  emit(a, 5);

  const auto read_at_b = [&](const std::string& place) {
    sse::ClientOptions options = quick();
    options.last_event_id = place;
    return std::make_unique<Reading>("http://127.0.0.1:" + std::to_string(b.port) + "/events", options);
  };
  const auto taken = [](Reading& reading) {
    const std::string text = reading.take();
    const json event = json::parse(text.substr(text.find('{'), text.rfind('}') + 1 - text.find('{')));
    const std::string what = event.contains("data") ? event.at("data").dump() : event.at("type").get<std::string>();
    const std::string resumed = event.contains("resumed") ? event.at("resumed").dump() : "";
    return what + resumed + text.substr(text.rfind('}') + 1);
  };
  const std::string place = a.events.last_id();
  const auto reading = read_at_b(place);
  CHECK(taken(*reading) == "connectiontrue " + place);
  slow->catch_up();
  emit(b, 6);
  CHECK(taken(*reading) == "6 " + b.events.last_id());

  // The loss of what the nodes no longer have comes with the id after which the stream goes on.
  emit(b, 7);
  const auto late = read_at_b(first);
  CHECK(taken(*late) == "connectionfalse " + first);
  const std::string told = late->take();
  CHECK(told.find("\"dropped\":2,") != std::string::npos);
  CHECK(told.substr(told.rfind('}')) == "} " + place);
  CHECK(taken(*late).starts_with("6 "));
  CHECK(taken(*late).starts_with("7 "));
}

}  // namespace
