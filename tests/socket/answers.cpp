// One request, one stream: answer_events and its EventSender.

#include <sse/answer_events.hpp>

#include "support.hpp"

#include <asio/experimental/awaitable_operators.hpp>  // after sse, which prepares Asio

namespace answers {
namespace {

using Work = asio::awaitable<void>;

sse::Request post(unsigned minor_version = 1, std::string_view method = "POST") {
  sse::Request request(method, "/answers");
  request.minor_version = minor_version;
  return request;
}

/// Decodes a chunked body. Nullopt: it was cut.
std::optional<std::string> decoded(std::string_view text) {
  std::string body;
  for (;;) {
    const std::size_t line = text.find("\r\n");
    if (line == text.npos) return std::nullopt;
    const std::size_t size = std::stoul(std::string(text.substr(0, line)), nullptr, 16);
    if (text.size() < line + size + 4) return std::nullopt;
    body.append(text.substr(line + 2, size));
    if (text.substr(line + 2 + size, 2) != "\r\n") throw std::runtime_error("this is no chunk");
    text.remove_prefix(line + size + 4);
    if (size > 0) continue;
    if (!text.empty()) throw std::runtime_error("there is more after the last chunk");
    return body;
  }
}

/// A socket with its client, and an answer between them.
class Answer {
 public:
  template <class Producer>
  explicit Answer(Producer producer, sse::AnswerOptions options = {}, sse::Request request = post(),
                  int receive_buffer = 0)
      : pair(connect(context.io, receive_buffer)) {
    task.emplace(context.io, run(std::move(producer), std::move(options), std::move(request)));
  }

  /// All that the client gets, once the answer has ended and its socket is closed.
  std::string text() {
    task->get();
    pair.second.close();
    return client.read_to_end();
  }
  std::optional<std::string> body() {
    const std::string all = text();
    const std::size_t begin = all.find("\r\n\r\n") + 4;
    head = all.substr(0, begin);
    return decoded(std::string_view(all).substr(begin));
  }

  Context context;
  std::pair<Client, tcp::socket> pair;
  Client& client = pair.first;
  std::string head;
  std::optional<sse::AnswerEnd> end;
  std::optional<Task> task;

 private:
  template <class Producer>
  Work run(Producer producer, sse::AnswerOptions options, sse::Request request) {
    end = co_await sse::answer_events(pair.second, request, std::move(producer), std::move(options));
  }
};

/// Tells when its coroutine's frame is gone, and by which code.
struct Gone {
  std::promise<void> promise;
  std::future<void> future = promise.get_future();

  void wait() {
    if (future.wait_for(patience) != std::future_status::ready) give_up("the producer's end");
  }
};
class TellsEnd {
 public:
  explicit TellsEnd(Gone& gone) : gone_(gone) {}
  ~TellsEnd() { gone_.promise.set_value(); }

 private:
  Gone& gone_;
};

TEST_CASE("an answer is what was sent, with a head, in chunks, and an end") {
  Answer answer([](sse::EventSender& out) -> Work {
    co_await out.send_message("a token");
    co_await out.send_message("two\r\nlines\n");
    const json value{{"n", 1}};
    co_await out.send_json(value);
    out.set_id("7\n");
    co_await out.send_event("ty\npe", "\xFF");
    co_await out.send_json("done", "x");
    co_await out.send_comment("ping\n");
    co_await out.send_retry(3s);
    co_await out.send_message("");
  });
  CHECK(answer.body() ==
        "data: a token\n\ndata: two\ndata: lines\ndata: \n\ndata: {\"n\":1}\n\nid: 7 \nevent: ty pe\ndata: "
        "\xEF\xBF\xBD\n\n"
        "event: done\ndata: \"x\"\n\n: ping \n\nretry: 3000\n\ndata: \n\n");
  CHECK(answer.head ==
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache, no-transform\r\n"
        "X-Accel-Buffering: no\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n");
  CHECK(answer.end == sse::AnswerEnd::complete);
}

TEST_CASE("an answer without events is a head and an end, with the reconnection time where it is asked for") {
  const auto nothing = [](sse::EventSender&) -> Work { co_return; };
  CHECK(Answer(nothing).body() == "");
  sse::AnswerOptions options;
  options.stream.retry = 5s;
  options.stream.allow_origin = "https://a.example";
  Answer asked(nothing, options);
  CHECK(asked.body() == "retry: 5000\n\n");
  CHECK(asked.head.find("Access-Control-Allow-Origin: https://a.example\r\n") != std::string::npos);
}

TEST_CASE("a client of HTTP/1.0 gets no chunks, and a HEAD the head alone") {
  Answer old([](sse::EventSender& out) -> Work { co_await out.send_message("x"); }, {}, post(0));
  const std::string text = old.text();
  CHECK(text.ends_with("Connection: close\r\n\r\ndata: x\n\n"));
  bool called = false;
  Answer head(
      [&](sse::EventSender&) -> Work {
        called = true;
        co_return;
      },
      {}, post(1, "HEAD"));
  CHECK(head.text().ends_with("Transfer-Encoding: chunked\r\n\r\n"));
  CHECK_FALSE(called);
  CHECK(head.end == sse::AnswerEnd::complete);
}

TEST_CASE("events that are ready together go out in one chunk") {
  Answer answer([](sse::EventSender& out) -> Work {
    for (int i = 0; i < 100; ++i) co_await out.send_message("token");
    co_await out.flush();
    co_await out.send_message("later");
  });
  const std::string text = answer.text();
  const std::string_view chunks = std::string_view(text).substr(text.find("\r\n\r\n") + 4);
  CHECK(chunks.starts_with("514\r\ndata: token\n\n"));  // 100 frames of 13 bytes
  CHECK(chunks.substr(5 + 1300) == "\r\nd\r\ndata: later\n\n\r\n0\r\n\r\n");
}

TEST_CASE("an event of a producer that goes on thinking is sent at once") {
  Answer answer([](sse::EventSender& out) -> Work {
    co_await out.send_message("first");
    co_await forever();
  });
  answer.client.head();
  CHECK(answer.client.take_until("\n\n\r\n") == "d\r\ndata: first\n\n\r\n");
  answer.client.close();
  answer.task->get();
  CHECK(answer.end == sse::AnswerEnd::peer_gone);
}

TEST_CASE("10,000 tokens in a burst arrive all, over a plain and over a narrow stream") {
  const auto burst = [](sse::EventSender& out) -> Work {
    for (int i = 0; i < 10'000; ++i) co_await out.send_message(std::to_string(i));
  };
  std::string all;
  for (int i = 0; i < 10'000; ++i) all += "data: " + std::to_string(i) + "\n\n";
  CHECK(Answer(burst).body() == all);

  Context context;
  auto [client, socket] = connect(context.io);
  Narrow narrow(socket);
  const auto work = [&]() -> Work { co_await sse::answer_events(narrow, post(), burst); };
  Task task(context.io, work());
  client.head();
  std::string body = *client.take_until("\r\n0\r\n\r\n");
  task.get();
  CHECK(decoded(body) == all);
}

TEST_CASE("a slow reader slows the source, and no event is lost") {
  using namespace asio::experimental::awaitable_operators;
  constexpr int count = 2'000;
  const std::string large(10'000, 'x');
  std::promise<int> waits;  // the events sent when a send has waited for a while, or all
  Answer answer(
      [&](sse::EventSender& out) -> Work {
        asio::steady_timer timer(co_await asio::this_coro::executor);
        int sent = 0;
        for (bool waited = false; !waited && sent < count; sent += waited ? 0 : 1) {
          timer.expires_after(50ms);
          waited = (co_await (out.send_message(large) || timer.async_wait(asio::use_awaitable))).index() == 1;
        }
        waits.set_value(sent);  // the cancelled event is not sent
        for (; sent < count; ++sent) co_await out.send_message(large);
      },
      {}, post(), 4096);
  CHECK(waits.get_future().get() < count / 2);  // at most what the systems' buffers hold
  const std::string frame = "data: " + large + "\n\n";
  std::string all;
  for (int i = 0; i < count; ++i) all += frame;
  answer.client.head();
  CHECK(decoded(*answer.client.take_until("\r\n0\r\n\r\n")) == all);
}

TEST_CASE("a peer that goes ends a silent producer, whether it closes, resets or closes its sending side") {
  for (int way = 0; way < 3; ++way) {
    Gone gone;
    Answer answer([&](sse::EventSender&) -> Work {
      const TellsEnd tells(gone);
      co_await forever();
    });
    if (way == 0) answer.client.close();
    if (way == 1) answer.client.reset();
    if (way == 2) answer.client.end_sending();
    gone.wait();
    answer.task->get();
    CHECK(answer.end == sse::AnswerEnd::peer_gone);
  }
}

TEST_CASE("a producer waits for the peer's end itself, and is told where it is not to be cancelled") {
  sse::AnswerOptions options;
  bool closed = false, threw = false;
  const auto producer = [&](sse::EventSender& out) -> Work {
    co_await out.send_message("x");
    co_await out.closed();
    closed = out.is_closed();
    try {
      co_await out.send_message("y");
    } catch (const sse::system_error& error) {
      threw = error.code() == asio::error::operation_aborted;
    }
  };
  for (const bool cancel : {true, false}) {
    closed = threw = false;
    options.cancel_producer = cancel;
    Answer answer(producer, options);
    answer.client.take_until("data: x\n\n");
    answer.client.close();
    answer.task->get();
    CHECK(closed);
    CHECK(threw);
    CHECK(answer.end == sse::AnswerEnd::peer_gone);
  }
}

TEST_CASE("waiting for the end stands beside a wait for the source") {
  using namespace asio::experimental::awaitable_operators;
  bool ended = false;
  Answer answer([&](sse::EventSender& out) -> Work {
    co_await out.send_message("x");
    co_await (forever() || out.closed());
    ended = true;
  });
  answer.client.take_until("data: x\n\n");
  answer.client.close();
  answer.task->get();
  CHECK(answer.end == sse::AnswerEnd::peer_gone);
}

TEST_CASE("a failure before the first event is a status") {
  std::string seen;
  sse::AnswerOptions options;
  options.stream.headers = {{"Vary", "Origin"}};
  options.on_failure = [&](std::exception_ptr failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      seen = error.what();
    }
    throw 1;
  };
  Answer refused(
      [](sse::EventSender&) -> Work {
        throw sse::HttpError(429, "slow down", {{"Retry-After", "1"}});
        co_return;
      },
      options);
  CHECK(refused.text() ==
        "HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 10\r\n"
        "Connection: close\r\nRetry-After: 1\r\nVary: Origin\r\nCache-Control: no-store\r\n\r\nslow down\n");
  CHECK(refused.end == sse::AnswerEnd::failed);
  CHECK(seen == "slow down");
  Answer broken(
      [](sse::EventSender&) -> Work {
        throw std::runtime_error("secret");
        co_return;
      },
      options);
  const std::string text = broken.text();
  CHECK(text.starts_with("HTTP/1.1 500 Internal Server Error\r\n"));
  CHECK(text.find("secret") == std::string::npos);
  CHECK(seen == "secret");
  options.stream.allow_origin = "https://a.example";  // its page may read the failure, and when to come back
  Answer readable(
      [](sse::EventSender&) -> Work {
        throw sse::HttpError(429, "slow down", {{"Retry-After", "1"}});
        co_return;
      },
      options);
  CHECK(readable.text().find("\r\nRetry-After: 1\r\nVary: Origin\r\nAccess-Control-Allow-Origin: https://a.example\r\n"
                             "Access-Control-Expose-Headers: Retry-After\r\n") != std::string::npos);
  Answer odd([](sse::EventSender&) -> Work {
    throw 7;
    co_return;
  });
  CHECK(odd.text().starts_with("HTTP/1.1 500 "));
}

TEST_CASE("a failure after the first event is an event, or a cut, as asked") {
  const auto fail = [](sse::EventSender& out) -> Work {
    co_await out.send_message("x");
    throw sse::HttpError(502, "the \"model\" is gone");
  };
  Answer told(fail);
  CHECK(told.body() == "data: x\n\nevent: error\ndata: {\"error\":{\"message\":\"the \\\"model\\\" is gone\"}}\n\n");
  CHECK(told.end == sse::AnswerEnd::failed);

  sse::AnswerOptions options;
  options.error_type = "";
  options.error_data = [](std::exception_ptr) { return "a\nb"s; };
  CHECK(Answer(fail, options).body() == "data: x\n\ndata: a\ndata: b\n\n");

  options.error_data = [](std::exception_ptr) -> std::string { throw 1; };
  CHECK_FALSE(Answer(fail, options).body());

  options.failure_form = sse::FailureForm::cut;
  Answer cut(fail, options);
  CHECK(cut.text().ends_with("\r\n\r\n9\r\ndata: x\n\n\r\n"));
  CHECK(cut.end == sse::AnswerEnd::failed);
}

TEST_CASE("a comment is sent while the producer is silent, before its first event too") {
  sse::AnswerOptions options;
  options.stream.keep_alive = 1ms;
  options.head_delay = 1ms;
  Answer answer(
      [](sse::EventSender& out) -> Work {
        co_await forever();
        co_await out.send_message("never");
      },
      options);
  CHECK(answer.client.status() == 200);
  for (int i = 0; i < 3; ++i) CHECK(answer.client.take_until("\n\n\r\n") == "e\r\n: keep-alive\n\n\r\n");
  answer.task->cancel();
  CHECK(answer.task->error() == asio::error::operation_aborted);
}

TEST_CASE("the head is sent at once where that is asked for, and a failure is an event then") {
  sse::AnswerOptions options;
  options.head_delay = 0ms;
  std::promise<void> go;
  Answer answer(
      [&](sse::EventSender&) -> Work {
        asio::steady_timer timer(co_await asio::this_coro::executor);
        while (go.get_future().wait_for(0s) != std::future_status::ready) break;
        throw sse::HttpError(503, "no");
      },
      options);
  CHECK(answer.client.status() == 200);
  CHECK(answer.client.take_until("\r\n0\r\n\r\n")->find("event: error\n") != std::string::npos);
}

TEST_CASE("while the head waits, the peer gets interim responses where that is asked for, and then a status") {
  sse::AnswerOptions options;
  options.stream.keep_alive = 1ms;
  options.interim_responses = true;
  asio::steady_timer* wait = nullptr;
  std::promise<void> ready;
  Answer answer(
      [&](sse::EventSender&) -> Work {
        asio::steady_timer timer(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
        wait = &timer;
        sse::error_code ignored;
        ready.set_value();
        co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        throw sse::HttpError(401, "who are you?");
      },
      options);
  for (int i = 0; i < 2; ++i) CHECK(answer.client.head() == "HTTP/1.1 102 Processing\r\n\r\n");
  ready.get_future().wait();
  answer.task->post([&] { wait->cancel(); });
  std::string head;
  do head = answer.client.head();
  while (head.starts_with("HTTP/1.1 102 "));
  CHECK(head.starts_with("HTTP/1.1 401 "));
}

TEST_CASE("a peer that takes nothing is given up after the send time-out") {
  sse::AnswerOptions options;
  options.stream.send_timeout = 300ms;
  const std::string large(100'000, 'x');
  Answer answer(
      [&](sse::EventSender& out) -> Work {
        for (;;) co_await out.send_message(large);
      },
      options, post(), 4096);
  answer.task->get();
  CHECK(answer.end == sse::AnswerEnd::peer_gone);
}

TEST_CASE("a peer that sends more than 64 KiB after its request is given up") {
  Answer answer([](sse::EventSender&) -> Work { co_await forever(); });
  answer.client.send(std::string(100'000, 'x'));
  answer.task->get();
  CHECK(answer.end == sse::AnswerEnd::peer_gone);
}

TEST_CASE("a cancelled answer ends its producer and has no end") {
  Gone gone;
  Answer answer([&](sse::EventSender& out) -> Work {
    const TellsEnd tells(gone);
    co_await out.send_message("x");
    co_await forever();
  });
  answer.client.head();
  CHECK(answer.client.take_until("\n\n\r\n") == "9\r\ndata: x\n\n\r\n");
  answer.task->cancel();
  CHECK(answer.task->error() == asio::error::operation_aborted);
  gone.wait();
  answer.pair.second.close();
  CHECK(answer.client.read_to_end().empty());
}

TEST_CASE("an answer waits for a producer that outlives the connection") {
  asio::steady_timer* wait = nullptr;
  Answer answer([&](sse::EventSender& out) -> Work {
    co_await out.send_message("x");
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await out.closed();
    asio::steady_timer timer(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
    wait = &timer;
    asio::post(timer.get_executor(), [&] { wait->cancel(); });
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    sse::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    wait = nullptr;
  });
  answer.client.take_until("data: x\n\n");
  answer.client.reset();
  answer.task->get();
  CHECK(wait == nullptr);
  CHECK(answer.end == sse::AnswerEnd::peer_gone);
}

TEST_CASE("an answer over a context that is destroyed leaks nothing") {
  Gone gone;
  auto context = std::make_unique<Context>();
  std::optional<std::pair<Client, tcp::socket>> pair(connect(context->io));
  asio::co_spawn(
      context->io,
      [&, &socket = pair->second]() -> Work {
        co_await sse::answer_events(socket, post(), [&](sse::EventSender& out) -> Work {
          const TellsEnd tells(gone);
          co_await out.send_message("x");
          co_await forever();
        });
      },
      asio::detached);
  pair->first.take_until("data: x\n\n");
  context->join();
  pair->second.close();
  context.reset();
  gone.wait();
  pair.reset();
}

TEST_CASE("10,000 answers that are opened and dropped leave nothing") {
  Context context;
  std::atomic<int> running = 0, ended = 0;
  constexpr int count = 10'000;
  tcp::acceptor acceptor = listen(context.io);
  const auto port = acceptor.local_endpoint().port();
  const auto answer = [&](tcp::socket socket) -> Work {
    struct Counts {
      std::atomic<int>& running;
      explicit Counts(std::atomic<int>& all) : running(all) { ++running; }
      ~Counts() { --running; }
    };
    co_await sse::answer_events(socket, post(), [&](sse::EventSender& out) -> Work {
      const Counts counts(running);
      co_await out.send_message("x");
      co_await out.closed();
    });
  };
  const auto accept = [&]() -> Work {
    for (int i = 0; i < count; ++i) {
      tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
      asio::co_spawn(acceptor.get_executor(), answer(std::move(socket)), [&](std::exception_ptr) { ++ended; });
    }
  };
  const std::size_t before = open_descriptors();
  Task task(context.io, accept());
  for (int i = 0; i < count; ++i) {
    Client client = Client::to(port);
    if (i % 3 == 0) client.take_until("data: x\n\n");
    if (i % 3 == 1) client.reset();
  }
  task.get();
  eventually("the answers have ended", [&] { return ended == count; });
  CHECK(running == 0);
  CHECK(open_descriptors() == before);
}

}  // namespace
}  // namespace answers
