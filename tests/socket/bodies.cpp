// Bodies of requests, answers by errors and as JSON, cookies, and the check of Origin and Host.

#include "support.hpp"

namespace {

const std::string post = "POST /jobs HTTP/1.1\r\nHost: localhost\r\n";

/// The outcome of a request that the peer sends part by part: its body, or the status of the error.
struct Outcome {
  std::optional<std::string> body;
  unsigned status = 0;
  sse::error_code error;
  std::string answer;
};

Outcome ask(const std::vector<std::string>& parts, const sse::BodyLimits& limits = {}, bool ends = false) {
  Context context;
  auto [client, socket] = connect(context.io);
  Outcome outcome;
  const auto work = [&, &peer = socket]() -> asio::awaitable<void> {
    std::optional<sse::HttpError> failure;
    try {
      const sse::Request request = co_await sse::read_request(peer);
      outcome.body = co_await sse::read_body(peer, request, limits);
    } catch (const sse::HttpError& error) {
      failure = error;
      outcome.status = error.status();
    } catch (const sse::system_error& error) {
      outcome.error = error.code();
    }
    if (failure) co_await sse::write_response(peer, *failure);
    peer.shutdown(tcp::socket::shutdown_send);
  };
  Task task(context.io, work());
  for (const std::string& part : parts) client.send(part);
  if (ends) client.end_sending();
  outcome.answer = client.read_to_end();
  task.get();
  return outcome;
}

std::string head_of(std::size_t length) {
  return post + "Content-Length: " + std::to_string(length) + "\r\n\r\n";
}

TEST_CASE("a body is read by its length, wherever it is cut") {
  const std::string text = head_of(5) + "hello";
  for (std::size_t cut = 0; cut <= text.size(); ++cut)
    CHECK(ask({text.substr(0, cut), text.substr(cut)}).body == "hello");
  CHECK(ask({head_of(0)}).body == "");
  CHECK(ask({post + "\r\n"}).body == "");
  CHECK(ask({head_of(5) + "hello, and more"}).body == "hello");
}

TEST_CASE("a chunked body is read, wherever it is cut") {
  const std::string text = post + "Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nA: b\r\n\r\n";
  for (std::size_t cut = 0; cut <= text.size(); ++cut)
    CHECK(ask({text.substr(0, cut), text.substr(cut)}).body == "hello!");
  for (const char* bad : {"5\r\nhello!\r\n", "x\r\n", "-1\r\n", "5\nhello\r\n", "FFFFFFFFFFFFFFFFF\r\n"}) {
    INFO(bad);
    CHECK(ask({post + "Transfer-Encoding: chunked\r\n\r\n" + bad}).status == 400);
  }
}

TEST_CASE("a body past the limit gets 413, and one at the limit is read") {
  CHECK(ask({head_of(5) + "hello"}, 5).body == "hello");
  const Outcome declared = ask({head_of(6)}, 5);
  CHECK(declared.status == 413);
  CHECK(declared.answer.starts_with("HTTP/1.1 413 Content Too Large\r\n"));
  CHECK(declared.answer.ends_with("\r\n\r\nThe body is longer than 5 bytes\n"));
  const std::string chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
  CHECK(ask({chunked + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"}, 5).body == "abcde");
  CHECK(ask({chunked + "3\r\nabc\r\n3\r\ndef\r\n"}, 5).status == 413);
  CHECK(ask({chunked + "FFFFFFFFFFFFFFFF\r\nabcdef"}, 5).status == 413);
  CHECK(ask({chunked + "2\r\nab\r\n4\r\n"}, 5).status == 413);
}

TEST_CASE("a peer that expects a 100 gets it, unless its body is too long or has begun") {
  const auto expecting = [](std::size_t length, const std::string& what = "100-Continue") {
    return post + "Expect: " + what + "\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
  };
  Context context;
  auto [client, socket] = connect(context.io);
  std::string body;
  const auto work = [&, &peer = socket]() -> asio::awaitable<void> {
    const sse::Request request = co_await sse::read_request(peer);
    body = co_await sse::read_body(peer, request);
  };
  Task task(context.io, work());
  client.send(expecting(5));
  CHECK(client.head() == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("hello");
  task.get();
  CHECK(body == "hello");

  CHECK(ask({expecting(6)}, 5).answer.starts_with("HTTP/1.1 413 "));
  CHECK(ask({expecting(5) + "hello"}).answer.empty());
  CHECK(ask({expecting(0)}).answer.empty());
  CHECK(ask({expecting(5, "cake")}).status == 417);
}

TEST_CASE("a body that does not come is a 408, and one that is cut is the end of the file") {
  sse::BodyLimits limits;
  limits.timeout = 1ms;
  const Outcome late = ask({head_of(5) + "hel"}, limits);
  CHECK(late.status == 408);
  CHECK(late.answer.starts_with("HTTP/1.1 408 "));
  CHECK(ask({head_of(5) + "hel"}, {}, true).error == asio::error::eof);
}

TEST_CASE("an error is answered with its own content type, and JSON is one call") {
  Context context;
  const auto answer = [&](auto write) {
    auto [client, socket] = connect(context.io);
    Task task(context.io, write(socket));
    task.get();
    socket.close();
    return client.read_to_end();
  };
  const sse::HttpError error(429, R"({"error":1})", {{"Retry-After", "3"}});
  CHECK(answer([&](tcp::socket& socket) { return sse::write_response(socket, error, "application/json"); }) ==
        "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nContent-Length: 11\r\n"
        "Connection: close\r\nRetry-After: 3\r\nCache-Control: no-store\r\n\r\n{\"error\":1}");
  const std::string head = answer([&](tcp::socket& socket) { return sse::write_response(socket, error, "a/b", true); });
  CHECK(head.ends_with("\r\n\r\n"));
  const sse::HttpError typed(418, "{}", {{"content-type", "a/b"}});
  CHECK(
      answer([&](tcp::socket& socket) { return sse::write_response(socket, typed); }) ==
      "HTTP/1.1 418 \r\nContent-Length: 2\r\nConnection: close\r\ncontent-type: a/b\r\nCache-Control: no-store\r\n\r\n"
      "{}");
  CHECK(answer([&](tcp::socket& socket) {
          return sse::write_response(socket, 200, sse::json_response({{"ok", true}}));
        }) ==
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\nConnection: close\r\n\r\n"
        "{\"ok\":true}");
  CHECK_THROWS_AS(sse::json_response(json::parse("{", nullptr, false)), sse::Error);
}

TEST_CASE("cookies of a request are found by their names") {
  sse::Request request("GET", "/");
  CHECK_FALSE(request.cookie("a"));
  request.headers = {{"cookie", "a=1; b = x=y ;c=\"q\";; d"}, {"Cookie", "e=5;a=2; f="}};
  CHECK(request.cookie("a") == "1");
  CHECK(request.cookie("b") == "x=y");
  CHECK(request.cookie("c") == "\"q\"");
  CHECK(request.cookie("e") == "5");
  CHECK(request.cookie("f") == "");
  CHECK_FALSE(request.cookie("d"));
  CHECK_FALSE(request.cookie("A"));
}

TEST_CASE("a foreign origin gets 403, and a foreign host 421") {
  const auto status = [](sse::Headers headers, const std::vector<std::string>& hosts) {
    sse::Request request("POST", "/mcp");
    request.headers = std::move(headers);
    try {
      sse::check_origin(request, {"https://a.example"}, hosts);
    } catch (const sse::HttpError& error) {
      // So that a cache in front does not keep a foreign page's refusal for everybody.
      CHECK(error.headers() == (error.status() == 403 ? sse::Headers{{"Vary", "Origin"}} : sse::Headers{}));
      return error.status();
    }
    return 200u;
  };
  const std::vector<std::string> local{"localhost", "127.0.0.1:8080", "[::1]"};
  CHECK(status({}, {}) == 200);
  CHECK(status({{"origin", "https://a.example"}}, {}) == 200);
  for (const char* foreign : {"https://b.example", "null", "", "https://a.example:444", "https://a.example, x"})
    CHECK(status({{"Origin", foreign}}, {}) == 403);
  CHECK(status({{"Origin", "https://a.example"}, {"Origin", "https://b.example"}}, {}) == 403);
  for (const char* host : {"localhost", "LOCALHOST:1", "127.0.0.1:8080", "[::1]", "[::1]:99"})
    CHECK(status({{"Host", host}}, local) == 200);
  for (const char* host : {"127.0.0.1", "127.0.0.1:80", "localhost.evil", "evil", "", "[::2]:99"})
    CHECK(status({{"Host", host}}, local) == 421);
  CHECK(status({}, local) == 421);
}

}  // namespace
