// Handlers of `serve` for other paths and methods (ServeOptions::handle), beside the stream.

#include <sse/answer_events.hpp>

#include "support.hpp"

namespace handlers {
namespace {

using Work = asio::awaitable<void>;
using sse::HandledRequest;

std::string request_of(const std::string& line, const std::string& headers = "", const std::string& body = "") {
  const std::string length = body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return line + " HTTP/1.1\r\nHost: x\r\n" + length + headers + "\r\n" + body;
}

std::string ask(const Server& server, const std::string& line, const std::string& headers = "",
                const std::string& body = "") {
  return server.get(request_of(line, headers, body)).read_to_end();
}

bool holds(std::string_view text, std::string_view part) {
  return text.find(part) != text.npos;
}

Work echo(HandledRequest& handled) {
  const std::string body = co_await sse::read_body(handled.stream, handled.request, 1'000);
  co_await handled.respond(200, body + '\n');
}

Work say_path(HandledRequest& handled) {
  co_await handled.respond(200, handled.request.path);
}

void wait_for(std::promise<void>& promise, const std::string& what) {
  if (promise.get_future().wait_for(patience) != std::future_status::ready) give_up(what);
}

TEST_CASE("handlers answer other paths and methods beside the stream") {
  sse::ServeOptions options;
  options.handle("POST", "/events", echo).handle("GET", "/jobs/*", say_path).handle("DELETE", "/jobs/*", say_path);
  Server server(options);
  Client stream = server.stream();
  CHECK(ask(server, "POST /events", "", "a body") ==
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 7\r\nConnection: close\r\n\r\n"
        "a body\n");
  CHECK(ask(server, "POST /events", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n").ends_with("\r\n\r\nabc\n"));
  CHECK(ask(server, "POST /events", "", std::string(500'000, 'x')).starts_with("HTTP/1.1 413 "));
  CHECK(ask(server, "GET /jobs/7").ends_with("\r\n\r\n/jobs/7"));
  CHECK(ask(server, "DELETE /jobs/").ends_with("\r\n\r\n/jobs/"));
  const std::string head = ask(server, "HEAD /jobs/7");
  CHECK(holds(head, "Content-Length: 7\r\n"));
  CHECK(head.ends_with("\r\n\r\n"));
  CHECK(ask(server, "GET /jobs").starts_with("HTTP/1.1 404 "));
  const std::string wrong = ask(server, "PUT /jobs/7");
  CHECK(wrong.starts_with("HTTP/1.1 405 "));
  CHECK(holds(wrong, "\r\nAllow: GET, HEAD, DELETE\r\n"));
  CHECK(holds(ask(server, "PUT /events"), "\r\nAllow: GET, HEAD, POST\r\n"));
  CHECK(holds(server.get(request_of("GET /jobs/1") + request_of("GET /jobs/2")).read_to_end(), "\r\n\r\n/jobs/1"));
  server.events.emit_event("after", {});
  CHECK(stream.event()->at("type") == "after");
}

TEST_CASE("a handler that fails is a status before its first byte, and a cut after it") {
  std::vector<std::string> seen;
  sse::ServeOptions options;
  options.stream.allow_origin = "https://a.example";
  options.handler_failure = [&](const sse::Request& request, std::exception_ptr failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      seen.push_back(request.path + ": " + error.what());
    } catch (...) {
    }
    throw 1;
  };
  options.handle("GET", "/known", [](HandledRequest&) -> Work {
    throw sse::HttpError(409, "busy", {{"Retry-After", "1"}});
    co_return;
  });
  options.handle("GET", "/unknown", [](HandledRequest&) -> Work {
    throw std::runtime_error("secret");
    co_return;
  });
  options.handle("GET", "/nothing", [](HandledRequest&) -> Work { co_return; });
  options.handle("GET", "/late", [](HandledRequest& handled) -> Work {
    co_await asio::async_write(handled.stream, asio::buffer("HTTP/1.1 200 OK\r\n\r\nx", 20), asio::use_awaitable);
    throw std::runtime_error("late");
  });
  Server server(options);
  const std::string known = ask(server, "GET /known");
  CHECK(known.starts_with("HTTP/1.1 409 "));
  CHECK(holds(known, "\r\nRetry-After: 1\r\n"));
  CHECK(holds(known, "\r\nAccess-Control-Allow-Origin: https://a.example\r\n"));
  CHECK(known.ends_with("\r\n\r\nbusy\n"));
  const std::string unknown = ask(server, "GET /unknown");
  CHECK(unknown.starts_with("HTTP/1.1 500 "));
  CHECK_FALSE(holds(unknown, "secret"));
  CHECK(ask(server, "GET /nothing").starts_with("HTTP/1.1 500 "));
  CHECK(ask(server, "GET /late") == "HTTP/1.1 200 OK\r\n\r\nx");
  server.task.cancel();
  server.task.get();
  CHECK(seen == std::vector<std::string>{"/known: busy", "/unknown: secret",
                                         "/nothing: sse: a handler has returned without a response", "/late: late"});
}

TEST_CASE("a handled request passes the origins, admit and the preflight") {
  sse::ServeOptions options;
  options.allowed_origins = {"https://a.example"};
  options.admit = [](const sse::Request& request, sse::ConnectionOptions& connection) {
    if (!request.header("Authorization")) throw sse::HttpError(401, "who?");
    connection.limit_key = "ann";
  };
  options.handle("POST", "/jobs",
                 [](HandledRequest& handled) -> Work { co_await handled.respond(200, handled.connection.limit_key); });
  const Server server(options);
  CHECK(ask(server, "POST /jobs").starts_with("HTTP/1.1 401 "));
  const std::string good = ask(server, "POST /jobs", "Authorization: x\r\nOrigin: https://a.example\r\n");
  CHECK(good.ends_with("\r\n\r\nann"));
  CHECK(holds(good, "\r\nAccess-Control-Allow-Origin: https://a.example\r\nVary: Origin\r\n"));
  CHECK(ask(server, "POST /jobs", "Origin: https://evil.example\r\n").starts_with("HTTP/1.1 403 "));
  const std::string asked =
      ask(server, "OPTIONS /jobs", "Origin: https://a.example\r\nAccess-Control-Request-Method: POST\r\n");
  CHECK(asked.starts_with("HTTP/1.1 204 "));
  CHECK(holds(asked, "\r\nAccess-Control-Allow-Methods: POST\r\n"));
}

TEST_CASE("requests past max_handled get 503 until a handler has ended") {
  sse::ServeOptions options;
  options.max_handled = 1;
  std::promise<void> running, gone;
  options.handle("GET", "/slow", [&](HandledRequest& handled) -> Work {
    const KeptAtEnd at_end{gone};
    const auto wait = [&](sse::EventSender& out) -> Work {
      running.set_value();
      co_await out.closed();
    };
    co_await sse::answer_events(handled.stream, handled.request, wait);
  });
  options.handle("GET", "/quick", say_path);
  const Server server(options);
  Client slow = server.get(request_of("GET /slow"));
  wait_for(running, "the handler");
  CHECK(holds(ask(server, "GET /quick"), "\r\nRetry-After: 1\r\n"));
  slow.close();
  wait_for(gone, "the handler's end with its peer");
  eventually("room", [&] { return ask(server, "GET /quick").starts_with("HTTP/1.1 200 "); });
}

TEST_CASE("an answer of a handler is ended with a reason when serve stops, or finishes where that is asked for") {
  for (const bool let_finish : {false, true}) {
    sse::ServeOptions options;
    asio::steady_timer* source = nullptr;
    options.handle("POST", "/answers", [&](HandledRequest& handled) -> Work {
      sse::AnswerOptions answer;
      answer.let_finish = let_finish;
      asio::steady_timer timer(handled.stream.get_executor(), asio::steady_timer::time_point::max());
      source = &timer;
      const auto produce = [&](sse::EventSender& out) -> Work {
        co_await out.send_message("first");
        sse::error_code ignored;
        co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        co_await out.send_message("last");
      };
      co_await sse::answer_events(handled.stream, handled.request, produce, answer);
    });
    Server server(options);
    Client client = server.get(request_of("POST /answers"));
    client.take_until("data: first\n\n");
    server.task.cancel();
    eventually("serve accepts no more", [&] { return !Client::unconnected().connect(server.port); });
    if (let_finish) asio::post(server.context.io, [&] { source->cancel(); });
    const std::string rest = client.read_to_end();
    CHECK(rest.ends_with("\r\n0\r\n\r\n"));
    CHECK(holds(rest, let_finish ? "data: last\n\n" : "event: error\ndata: {\"error\":{\"message\":\"The server is"));
    client.close();
    server.task.get();
  }
}

TEST_CASE("another handler may finish when serve stops, and is cancelled after the grace") {
  for (const bool in_time : {false, true}) {
    sse::ServeOptions options;
    options.grace = in_time ? 20s : 0s;
    std::promise<void> running, gone;
    options.handle("GET", "/job", [&](HandledRequest& handled) -> Work {
      const KeptAtEnd at_end{gone};
      asio::steady_timer timer(handled.stream.get_executor(), asio::steady_timer::time_point::max());
      handled.stream.on_stopping([&] {
        if (in_time) timer.cancel();
      });
      running.set_value();
      sse::error_code error;
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
      if (in_time) co_await handled.respond(200, "done");
      co_await forever();
    });
    Server server(options);
    Client client = server.get(request_of("GET /job"));
    wait_for(running, "the handler");
    server.task.cancel();
    if (in_time) {
      CHECK(client.take_until("done"));
      server.task.cancel();  // a second time: at once
    }
    wait_for(gone, "the handler's end");
    client.read_to_end();
    server.task.get();
  }
}

TEST_CASE("a context that is destroyed with a handler in it leaks nothing") {
  std::promise<void> running, gone;
  sse::ServeOptions options;
  options.handle("GET", "/job", [&](HandledRequest&) -> Work {
    const KeptAtEnd at_end{gone};
    running.set_value();
    co_await forever();
  });
  std::optional<Client> client;
  {
    sse::EventManager events;
    Context context;
    tcp::acceptor acceptor = listen(context.io);
    const unsigned short port = acceptor.local_endpoint().port();
    asio::co_spawn(context.io, sse::serve(std::move(acceptor), events, options), asio::detached);
    client.emplace(Client::to(port));
    client->send(request_of("GET /job"));
    wait_for(running, "the handler");
    context.join();
  }
  wait_for(gone, "the handler's end");
}

}  // namespace
}  // namespace handlers
