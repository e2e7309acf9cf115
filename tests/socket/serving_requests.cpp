// What a request asks for, and how it is refused.

#include "support.hpp"

namespace {

using Values = std::vector<std::string>;

sse::Request with_query(std::string query) {
  sse::Request request;
  request.query = std::move(query);
  return request;
}

TEST_CASE("the values of a query are a form's, decoded") {
  const auto values = [](std::string query) { return with_query(std::move(query)).query_values("a"); };
  CHECK(values("a=1&b=2&a=3&aa=4&A=5") == Values{"1", "3"});
  CHECK(values("a=x+y&a=x%2By&a=%c3%A4&a=b%3Dc&a=b=c") == Values{"x y", "x+y", "\xC3\xA4", "b=c", "b=c"});
  CHECK(values("a=%0d%0A%00%7f") == Values{"\r\n\0\x7F"s});
  CHECK(values("%61=1&a&a=&&=&a=2") == Values{"1", "", "", "2"});
  CHECK(values("a=%&a=%4&a=%4g&a=%g4&a=%-1&a=%%34&a=% 1&a=%4") ==
        Values{"%", "%4", "%4g", "%g4", "%-1", "%4", "% 1", "%4"});
  CHECK(values("a=%FF&a=x%C3&a=%ED%A0%80&a=%C0%80") ==
        Values{"\uFFFD", "x\uFFFD", "\uFFFD\uFFFD\uFFFD", "\uFFFD\uFFFD"});
  CHECK(values("") == Values{});
  CHECK(values("&&&") == Values{});
  CHECK(with_query("=1&x=2&=3").query_values("") == Values{"1", "3"});
  CHECK(with_query("x+y=1&x%20y=2").query_values("x y") == Values{"1", "2"});
  CHECK(with_query("a=&a=2").query_value("a") == "");
  CHECK(with_query("a=1&a=2").query_value("a") == "1");
  CHECK_FALSE(with_query("b=1").query_value("a"));
}

TEST_CASE("a response whose status has no body has none") {
  sse::EventManager events;
  Context context;
  auto [client, socket] = connect(context.io);
  const auto work = [&]() -> asio::awaitable<void> {
    for (const unsigned status : {204, 205, 304}) co_await sse::write_response(socket, status, "a body");
    socket.close();
  };
  Task task(context.io, work());
  CHECK(client.read_to_end() ==
        "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
        "HTTP/1.1 205 \r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        "HTTP/1.1 304 \r\nConnection: close\r\n\r\n");
  task.get();
}

}  // namespace
