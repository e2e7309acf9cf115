// Handlers of `serve` (ServeOptions::handle) over HTTP/2: the same functions, on one connection with the streams.

#include <sse/answer_events.hpp>

#include "support.hpp"

#if defined(SSE_LOCAL_SOCKETS)

namespace {

using namespace http2_test;
using sse::HandledRequest;
using Work = asio::awaitable<void>;

Fields post(const std::string& path, Fields more = {}) {
  Fields fields = get(path, std::move(more));
  fields[0].second = "POST";
  return fields;
}
/// Sends the body of an open request in frames of DATA, as far as the peer's window admits without a word of its own.
void send_body(Peer& peer, std::uint32_t id, const std::string& body) {
  for (std::size_t at = 0; at < body.size(); at += 8000) peer.send(data, 0, id, body.substr(at, 8000));
  peer.send(data, 1, id);
}

Work echo(HandledRequest& handled) {
  const std::string body = co_await sse::read_body(handled.stream, handled.request, 100'000);
  co_await handled.respond(200, body + '\n');
}
bool comes(std::promise<void>& promise) {
  return promise.get_future().wait_for(patience) == std::future_status::ready;
}

TEST_CASE("handlers answer over HTTP/2, beside streams of the same connection") {
  sse::ServeOptions options = http2_options();
  options.handle("POST", "/echo", echo)
      .handle("GET", "/path/*",
              [](HandledRequest& handled) -> Work { co_await handled.respond(200, handled.request.path); })
      .handle("GET", "/none", [](HandledRequest& handled) -> Work { co_await handled.respond(204); })
      .handle("GET", "/busy", [](HandledRequest&) -> Work {
        throw sse::HttpError(409, "busy", {{"Retry-After", "1"}});
        co_return;
      });
  Server server(options);
  Peer peer(server);
  const std::uint32_t stream = peer.open();

  const Stream& got = peer.ask(get("/path/7"));
  CHECK(got.status() == 200);
  CHECK(got.body == "/path/7");
  CHECK(got.field("content-type") == "text/plain; charset=utf-8");
  CHECK(got.field("content-length") == "7");
  CHECK(got.field("connection").empty());
  CHECK(got.ended);

  Fields head = get("/path/7");
  head[0].second = "HEAD";
  const Stream& of_head = peer.ask(head);
  CHECK(of_head.field("content-length") == "7");
  CHECK(of_head.body.empty());
  CHECK(peer.ask(get("/none")).status() == 204);
  const Stream& busy = peer.ask(get("/busy"));
  CHECK(busy.status() == 409);
  CHECK(busy.field("retry-after") == "1");
  CHECK(busy.body == "busy\n");
  CHECK(peer.ask(post("/path/7")).status() == 405);

  server.events.emit_event("after", {});
  CHECK(peer.event(stream)->at("type") == "after");
}

TEST_CASE("a handler reads a body of HTTP/2, with a length and without one") {
  sse::ServeOptions options = http2_options();
  options.handle("POST", "/echo", echo);
  const Server server(options);
  Peer peer(server);
  CHECK(peer.ask(post("/echo")).body == "\n");

  const std::string body(60'000, 'b');
  for (const Fields& length : {Fields{}, Fields{{"content-length", "60000"}}}) {
    const std::uint32_t id = peer.request(post("/echo", length), 4);
    send_body(peer, id, body);
    CHECK(peer.response(id).body == body + '\n');
  }
  // Its window is given back as the handler reads: more than 64 KiB come through.
  const std::uint32_t id = peer.request(post("/echo"), 4);
  std::string more(60'000, 'c');
  for (std::size_t at = 0; at < more.size(); at += 8000) peer.send(data, 0, id, more.substr(at, 8000));
  peer.read_until([&] { return peer.stream(id).window >= 60'000; });
  send_body(peer, id, std::string(30'000, 'd'));
  CHECK(peer.response(id).body == more + std::string(30'000, 'd') + '\n');

  const std::uint32_t expects = peer.request(post("/echo", {{"expect", "100-continue"}, {"content-length", "2"}}), 4);
  peer.read_until([&] { return !peer.stream(expects).fields.empty(); });
  CHECK(peer.stream(expects).status() == 100);
  peer.stream(expects).fields.clear();
  send_body(peer, expects, "ok");
  CHECK(peer.response(expects).body == "ok\n");
  CHECK(peer.stream(expects).status() == 200);

  CHECK(peer.ask(post("/echo", {{"content-length", "100001"}}), 4).status() == 413);
  CHECK(peer.lives());
}

TEST_CASE("answer_events goes over HTTP/2: a slow reader slows its producer, and loses nothing") {
  constexpr int count = 5000;
  std::atomic<int> sent = 0;
  sse::ServeOptions options = http2_options();
  options.handle("GET", "/answer", [&](HandledRequest& handled) -> Work {
    sse::AnswerOptions answer;
    answer.stream = handled.options;
    co_await sse::answer_events(
        handled.stream, handled.request,
        [&](sse::EventSender& out) -> Work {
          const std::string padding(200, '.');
          for (int n = 0; n < count; ++n, ++sent) co_await out.send_message(std::to_string(n) + padding);
        },
        answer);
  });
  const Server server(options);
  Peer peer(server);
  peer.gives_windows_back = false;
  const std::uint32_t id = peer.request(get("/answer"));
  peer.read_until([&] { return peer.stream(id).body.size() >= 65'535; });
  peer.sync();
  CHECK(sent < 2 * 65'535 / 200);
  CHECK(peer.stream(id).field("content-type") == "text/event-stream");

  peer.gives_windows_back = true;
  const std::string back = number(65'535);
  peer.send(frame(window_update, 0, 0, back) + frame(window_update, 0, id, back));
  const Stream& whole = peer.response(id);
  CHECK(whole.ended);
  std::size_t at = 0;
  for (int n = 0; n < count && at != whole.body.npos; ++n) at = whole.body.find("data: " + std::to_string(n) + '.', at);
  CHECK(at != whole.body.npos);
}

TEST_CASE("a peer that resets a handler's stream cancels its producer, and its sisters live") {
  std::promise<void> began, gone;
  sse::ServeOptions options = http2_options();
  options.handle("GET", "/answer", [&](HandledRequest& handled) -> Work {
    sse::AnswerOptions answer;
    answer.head_delay = 0ms;
    co_await sse::answer_events(
        handled.stream, handled.request,
        [&](sse::EventSender&) -> Work {
          const KeptAtEnd silent{gone};
          began.set_value();
          co_await forever();
        },
        answer);
  });
  const Server server(options);
  Peer peer(server);
  const std::uint32_t stream = peer.open(), id = peer.request(get("/answer"));
  peer.read_until([&] { return !peer.stream(id).fields.empty(); });
  REQUIRE(comes(began));
  peer.send(rst_stream, 0, id, number(NGHTTP2_CANCEL));
  CHECK(comes(gone));
  CHECK_FALSE(peer.stream(stream).over());
  CHECK(peer.lives());
}

TEST_CASE("an answer that fails in its middle resets its stream") {
  sse::ServeOptions options = http2_options();
  options.handle("GET", "/answer", [&](HandledRequest& handled) -> Work {
    sse::AnswerOptions answer;
    answer.failure_form = sse::FailureForm::cut;
    co_await sse::answer_events(
        handled.stream, handled.request,
        [&](sse::EventSender& out) -> Work {
          co_await out.send_message("one");
          co_await out.flush();
          throw std::runtime_error("no more");
        },
        answer);
  });
  const Server server(options);
  Peer peer(server);
  const Stream& answer = peer.ask(get("/answer"));
  CHECK(answer.body.ends_with("data: one\n\n"));
  CHECK(answer.reset == NGHTTP2_INTERNAL_ERROR);
  CHECK(peer.lives());
}

TEST_CASE("max_handled holds over HTTP/2, and serve that is cancelled lets handlers finish for its grace") {
  std::promise<void> began, gone;
  sse::ServeOptions options = http2_options();
  options.max_handled = 1;
  options.grace = 300ms;
  options.handle("GET", "/wait", [&](HandledRequest&) -> Work {
    const KeptAtEnd end{gone};
    began.set_value();
    co_await forever();
  });
  options.handle("GET", "/path/*",
                 [](HandledRequest& handled) -> Work { co_await handled.respond(200, handled.request.path); });
  Server server(options);
  Peer peer(server);
  for (int i = 0; i < 3; ++i) {
    const Stream& got = peer.ask(get("/path/" + std::to_string(i)));
    CHECK((got.status() == 200 || got.status() == 503));  // the one before may be ending still
  }
  std::uint32_t id = 0;
  do {
    id = peer.request(get("/wait"));
    peer.sync();
  } while (peer.stream(id).over());
  REQUIRE(comes(began));
  CHECK(peer.ask(get("/path/9")).status() == 503);
  server.task.cancel();
  CHECK(comes(gone));
  CHECK_NOTHROW(server.task.get());
}

}  // namespace

#endif
