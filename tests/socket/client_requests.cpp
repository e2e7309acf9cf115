#include "client_support.hpp"

namespace {

/// One request and its answer of each attempt, without a socket: what the client sends, and how it ends.
struct Attempts {
  explicit Attempts(sse::ClientOptions settings) : options(std::move(settings)) {
    options.connect = [this](sse::Url url) -> asio::awaitable<sse::AnyStream> {
      const auto executor = co_await asio::this_coro::executor;
      connected_to.push_back(url.authority());
      co_return Parts(executor, {answers.at(connected_to.size() - 1)}, &requests);
    };
  }
  /// All that the client says, joined with `|`. `use(client)` runs before each step.
  std::string run(std::vector<std::string> all, const std::string& url = "http://test/") {
    answers = std::move(all);
    asio::io_context io;
    std::string said;
    const auto work = [&]() -> asio::awaitable<void> {
      sse::Client client(url, options);
      for (bool over = false; !over;) {
        const std::string one = co_await step(client, over);
        said += (said.empty() ? "" : "|") + one;
      }
    };
    asio::co_spawn(io, work(), asio::detached);
    io.run_for(patience);
    CHECK(io.stopped());
    return said;
  }
  /// The values of a header in each of the requests; "-": it has none.
  std::string sent(const std::string& name) const {
    std::string all;
    for (std::string rest = requests; !rest.empty();) {
      const std::string request = rest.substr(0, rest.find("\r\n\r\n") + 4);
      rest.erase(0, request.size());
      const std::size_t at = request.find("\r\n" + name + ": ");
      const std::size_t begin = at + name.size() + 4;
      const std::string value = at == request.npos ? "-" : request.substr(begin, request.find("\r\n", begin) - begin);
      all += (all.empty() ? "" : "|") + value;
    }
    return all;
  }

  sse::ClientOptions options;
  std::vector<std::string> answers, connected_to;
  std::string requests;
};

const std::string gone = "HTTP/1.1 204 No Content\r\n\r\n", down = "HTTP/1.1 503 Not Now\r\n\r\n";

std::string redirect_to(std::string_view location, std::string_view headers = {}) {
  return "HTTP/1.1 307 Elsewhere\r\nLocation: " + std::string(location) + "\r\n" + std::string(headers) +
         "Content-Length: 0\r\n\r\n";
}

TEST_CASE("headers are made anew for each attempt, and stay at the URL's own origin") {
  sse::ClientOptions options = quick();
  options.headers = {{"Authorization", "old"}, {"X-Key", "kept"}};
  int made = 0;
  options.make_headers = [&]() -> asio::awaitable<sse::Headers> {
    asio::steady_timer timer(co_await asio::this_coro::executor, 1ms);
    co_await timer.async_wait(asio::use_awaitable);
    co_return sse::Headers{{"authorization", "token " + std::to_string(++made)}};
  };
  Attempts attempts(options);
  CHECK(attempts.run({stream_head + "data: a\n\n", down, redirect_to("/again"), redirect_to("http://other/"), gone}) ==
        "message a|end");
  CHECK(attempts.sent("authorization") == "token 1|token 2|token 3|token 3|-");
  CHECK(attempts.sent("Authorization") == "-|-|-|-|-");
  CHECK(attempts.sent("X-Key") == "kept|kept|kept|kept|-");
}

TEST_CASE("headers that cannot be made: a system_error is a failed attempt, anything else is the end") {
  sse::ClientOptions options = quick();
  int made = 0;
  options.make_headers = [&]() -> asio::awaitable<sse::Headers> {
    if (++made == 1) throw sse::system_error(asio::error::host_unreachable);
    if (made == 2) co_return sse::Headers{};
    co_return sse::Headers{{"Host", "x"}};
  };
  Attempts attempts(options);
  CHECK(attempts.run({down, gone}) == "error: sse: ClientOptions::make_headers: Host is set by the client|end");
  CHECK(made == 3);
  options.make_headers = []() -> asio::awaitable<sse::Headers> {
    co_await asio::this_coro::executor;
    throw std::logic_error("no token");
  };
  CHECK(Attempts(options).run({}) == "error: no token|end");
  options = once();
  options.connect_timeout = 30ms;
  options.make_headers = []() -> asio::awaitable<sse::Headers> {
    asio::steady_timer timer(co_await asio::this_coro::executor, 1h);
    co_await timer.async_wait(asio::use_awaitable);
    co_return sse::Headers{};
  };
  CHECK(Attempts(options).run({}) == "error: No connection within 30 ms: " + text_of(asio::error::timed_out) + "|end");
}

TEST_CASE("an error has the answer's headers and the beginning of its body") {
  const auto refused = [](const std::string& answer, std::size_t max_size = 100) {
    sse::ClientOptions options = once();
    options.method = "POST";
    options.max_error_body_size = max_size;
    std::string text;
    options.connect = [answer](sse::Url) -> asio::awaitable<sse::AnyStream> {
      co_return Parts(co_await asio::this_coro::executor, bytes_of(answer));
    };
    asio::io_context io;
    const auto work = [&]() -> asio::awaitable<void> {
      sse::Client client("http://test/", options);
      try {
        co_await client.next();
      } catch (const sse::BadResponse& bad) {
        const auto after = bad.retry_after();
        text = std::to_string(bad.status()) + ' ' + std::to_string(bad.headers().size()) + ' ' + bad.body() + ' ' +
               (after ? std::to_string(after->count()) : "-");
      }
    };
    asio::co_spawn(io, work(), asio::detached);
    io.run_for(patience);
    return text;
  };
  const std::string head = "HTTP/1.1 429 Slowly\r\nRetry-After: 7\r\n", why = R"({"error":"slowly"})";
  CHECK(refused(head + "Content-Length: 18\r\n\r\n" + why + "more") == "429 2 " + why + " 7000");
  CHECK(refused(head + "Transfer-Encoding: chunked\r\n\r\n" + chunk(why) + "0\r\n\r\n") == "429 2 " + why + " 7000");
  CHECK(refused(head + "\r\n" + why) == "429 1 " + why + " 7000");
  CHECK(refused(head + "\r\n" + why, 5) == "429 1 " + why.substr(0, 5) + " 7000");
  CHECK(refused(head + "\r\n" + why, 0) == "429 1  7000");
  CHECK(refused(head + "Transfer-Encoding: chunked\r\n\r\n" + chunk(why) + "x\r\n") == "429 2 " + why + " 7000");
  CHECK(refused(head + "Content-Length: x\r\n\r\n" + why) == "429 2  7000");
  CHECK(refused("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>") == "200 1 <p> -");
  CHECK(refused("HTTP/1.1 302 Found\r\nX: y\r\n\r\n") == "302 1  -");
}

TEST_CASE("an error's body that does not come keeps nobody waiting") {
  Listener listener;
  Reading reading(listener.url(), once());
  const auto begin = std::chrono::steady_clock::now();
  Client peer = listener.answer("HTTP/1.1 404 Not Found\r\nContent-Length: 10\r\n\r\nabc");
  CHECK(reading.take() == "status 404: The server answers with status 404");
  CHECK(std::chrono::steady_clock::now() - begin < 10s);
}

TEST_CASE("an answer's cookies go back to their origin, and only there") {
  sse::ClientOptions options = quick();
  options.headers = {{"Cookie", "own=1"}};
  const std::vector<std::string> answers{
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nSet-Cookie: lb=a; Path=/\r\n\r\ndata: a\n\n",
      "HTTP/1.1 503 Not Now\r\nSet-Cookie: lb=b; Path=/\r\n\r\n",
      redirect_to("http://other/", "Set-Cookie: s=1; Path=/\r\n"),
      redirect_to("http://other/again", "Set-Cookie: theirs=1\r\n"),
      redirect_to("http://test/"),
      gone};
  Attempts attempts(options);
  CHECK(attempts.run(answers) == "message a|end");
  CHECK(attempts.sent("Cookie") == "own=1|own=1; lb=a|own=1; lb=b|-|theirs=1|lb=b; s=1");
  options.keep_cookies = false;
  Attempts without(options);
  CHECK(without.run(answers) == "message a|end");
  CHECK(without.sent("Cookie") == "own=1|own=1|own=1|-|-|-");
}

/// A client that is told to reconnect as soon as it `connects` or waits.
TEST_CASE("reconnect_now ends a wait and an attempt to connect, and leaves a stream alone") {
  Listener listener;
  Context context;
  Mailbox said, notes;
  std::optional<sse::Client> client;
  sse::ClientOptions options;
  options.retry = options.max_retry = 1h;
  options.connect_timeout = 0ms;
  options.observer.retrying = [&](std::chrono::milliseconds, std::string_view why) { notes.put(std::string(why)); };
  int attempts = 0;
  options.connect = [&](sse::Url url) -> asio::awaitable<sse::AnyStream> {
    if (++attempts == 1) {  // the network is not there, and nobody is told
      notes.put("connects");
      asio::steady_timer timer(co_await asio::this_coro::executor, 1h);
      co_await timer.async_wait(asio::use_awaitable);
    }
    co_return co_await sse::connect_plain(url);
  };
  const auto strand = asio::make_strand(context.io);
  client.emplace(listener.url(), options);
  const auto on_strand = [&](auto function) { asio::post(strand, function); };
  const auto work = [&]() -> asio::awaitable<void> {
    for (bool over = false; !over;) said.put(co_await step(*client, over));
  };
  client->reconnect_now();  // before the first step: nothing
  Task task(strand, work());
  CHECK(notes.take() == "connects");
  on_strand([&] { client->reconnect_now(); });
  {
    Client peer = listener.answer(stream_head + "data: a\n\n");
    CHECK(said.take() == "message a");
    on_strand([&] { client->reconnect_now(); });
    peer.send("data: b\n\n");
    CHECK(said.take() == "message b");
  }
  CHECK(notes.take() == "The server has ended the stream");
  on_strand([&] { client->reconnect_now(); });
  listener.answer(gone);
  CHECK(said.take() == "end");
  task.get();
  CHECK(attempts == 3);
}

TEST_CASE("a proxy carries the stream by CONNECT") {
  Listener listener;
  sse::ClientOptions options = once();
  options.headers = {{"Authorization", "secret"}};
  options.connect = sse::connect_through(sse::Proxy("user:pass@127.0.0.1:" + std::to_string(listener.port)));
  Reading reading("http://example.test/events?x", options);
  Client proxy = listener.answer("HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n");
  CHECK(listener.request ==
        "CONNECT example.test:80 HTTP/1.1\r\nHost: example.test:80\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n");
  const std::string request = proxy.head();
  CHECK(request.starts_with("GET /events?x HTTP/1.1\r\nHost: example.test\r\n"));
  CHECK(request.find("Authorization: secret\r\n") != request.npos);
  CHECK(request.find("Proxy") == request.npos);
  proxy.send(stream_head + "data: a\n\n");
  CHECK(reading.take() == "message a");
}

TEST_CASE("a proxy that does not connect is a failed attempt or an error") {
  Listener listener;
  sse::ClientOptions options = quick();
  const std::string place = "127.0.0.1:" + std::to_string(listener.port);
  options.connect = sse::connect_through(sse::Proxy(place));
  const std::string failure = "The proxy " + place + " does not connect to example.test:8080";
  Reading reading("http://example.test:8080/", options);
  listener.answer("HTTP/1.1 502 Bad Gateway\r\n\r\n");
  CHECK(reading.note() == "retrying after 1 ms: " + failure + ": status 502");
  listener.answer("");
  CHECK(reading.note() == "retrying after 1 ms: " + failure + ": End of file");
  listener.answer("HTTP/1.1 407 Who Are You\r\n\r\n");
  CHECK(reading.take() == "status 407: " + failure + ": status 407");
  const auto answer_once = [&](std::string_view answer) {
    Reading other("http://example.test:8080/", options);
    listener.answer(answer);
    return other.take();
  };
  CHECK(answer_once("SSH-2.0\r\n") ==
        "status 0: " + failure + ": The answer does not begin with a status line of HTTP/1.1");
  CHECK(answer_once("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n") ==
        "status 200: " + failure + ": it sent bytes behind its answer");
  CHECK(answer_once("HTTP/1.1 302 Found\r\nLocation: http://x/\r\n\r\n") == "status 302: " + failure + ": status 302");
}

TEST_CASE("the environment's proxy is used, and not for this machine's own servers") {
  Listener listener;
  const std::string place = "http://127.0.0.1:" + std::to_string(listener.port);
  platform::unset_variable("no_proxy");
  platform::unset_variable("NO_PROXY");
  platform::set_variable("http_proxy", place);
  {
    Reading reading("http://[2001:db8::1]:81/", once());
    listener.answer("HTTP/1.1 403 No\r\n\r\n");
    CHECK(listener.request.starts_with("CONNECT [2001:db8::1]:81 HTTP/1.1\r\n"));
    CHECK(reading.take().starts_with("status 403"));
  }
  Reading direct(listener.url(), once());
  listener.answer(gone);
  CHECK(listener.request.starts_with("GET /events"));
  CHECK(direct.take() == "end");
  platform::unset_variable("http_proxy");
}

}  // namespace
