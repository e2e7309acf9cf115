#include "client_support.hpp"

namespace {

const std::string typed = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
const std::string chunked_head = typed + "Transfer-Encoding: chunked\r\n\r\n";
const std::string events = "id: 1\ndata: a\n\nevent: t\ndata: b\ndata: c\n\n";
const std::string both = "message a 1|t b\nc 1";

std::string with_length(std::string_view body, std::size_t length) {
  return typed + "Content-Length: " + std::to_string(length) + "\r\n\r\n" + std::string(body);
}

TEST_CASE("every coding of a body is read, wherever it is cut") {
  const std::string cut = "status 200: The stream was cut in the middle of its body";
  const struct {
    std::string what, bytes, expected;
  } answers[] = {
      {"until the close", typed + "\r\n" + events, both + "|end"},
      {"a length", with_length(events, events.size()) + "data: more\n\n", both + "|end"},
      {"a length of 0", with_length("", 0), "end"},
      {"a length that is not reached", with_length(events, events.size() + 1), both + '|' + cut + "|end"},
      {"one chunk", chunked_head + chunk(events) + "0\r\n\r\ndata: more\n\n", both + "|end"},
      {"many chunks",
       chunked_head + chunk(events.substr(0, 3)) + chunk(events.substr(3, 20)) + chunk(events.substr(23)) + "0\r\n\r\n",
       both + "|end"},
      {"extensions and trailers",
       chunked_head + "0000000A ; x=\"y\";z\r\n" + events.substr(0, 10) + "\r\n1b;\r\n" + events.substr(10, 27) +
           "\r\n" + chunk(events.substr(37)) + "000;last\r\nTrailer: x\r\nAnother: y\r\n\r\n",
       both + "|end"},
      {"chunks without an end", chunked_head + chunk(events), both + '|' + cut + "|end"},
      {"a chunk that is cut", chunked_head + chunk(events) + "5\r\nda", both + '|' + cut + "|end"},
      {"trailers that are cut", chunked_head + chunk(events) + "0\r\nTrailer: x\r\n", both + '|' + cut + "|end"},
      {"interim answers",
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + typed + "\r\n" + events,
       both + "|end"},
      {"an event without its end", typed + "\r\n" + events + "data: x\n", both + "|end"},
      {"HTTP/1.0, no reason", "HTTP/1.0 200\r\nContent-Type: TEXT/Event-Stream ;charset=x\r\n\r\n" + events,
       both + "|end"},
      {"identity", typed + "Content-Encoding: identity\r\n\r\n" + events, both + "|end"},
  };
  for (const auto& [what, bytes, expected] : answers) {
    INFO(what);
    CHECK(read_parts({bytes}) == expected);
    CHECK(read_parts(bytes_of(bytes)) == expected);
    for (std::size_t i = 1; i < bytes.size(); ++i) {
      INFO(i);
      REQUIRE(read_parts({bytes.substr(0, i), bytes.substr(i)}) == expected);
    }
  }
}

TEST_CASE("an answer that stops at any byte of its head or body is a cut, and only a whole one is an end") {
  const std::string answer = chunked_head + chunk("data: a\n\n") + chunk("data: b\n\n") + "0\r\n\r\n";
  CHECK(read_parts({answer}) == "message a|message b|end");
  for (std::size_t size = 1; size < answer.size(); ++size) {
    INFO(size);
    const std::string said = read_parts({answer.substr(0, size)});
    if (size < chunked_head.size())
      REQUIRE(said.find("message") == said.npos);
    else
      REQUIRE(said.ends_with("status 200: The stream was cut in the middle of its body|end"));
    REQUIRE(said != "end");
  }
}

TEST_CASE("a body that is larger than any buffer is read whole") {
  std::string body, expected;
  for (int n = 0; n < 3000; ++n) {
    body += chunk("data: " + std::string(static_cast<std::size_t>(n), 'x') + "\n\n");
    expected += "message " + std::string(static_cast<std::size_t>(n), 'x') + '|';
  }
  CHECK(read_parts({chunked_head, body + "0\r\n\r\n"}) == expected + "end");
}

TEST_CASE("a broken body is an error after the messages before it, whatever its bytes promise") {
  const std::string lots(5000, '0');
  const struct {
    std::string what, bytes;
  } bodies[] = {
      {"no number", "x\r\n"},
      {"an empty size", "\r\n"},
      {"a sign", "+5\r\n"},
      {"a minus", "-5\r\n"},
      {"0x", "0x5\r\n"},
      {"a space before the size", " 5\r\n"},
      {"more than 64 bits", "10000000000000000\r\n"},
      {"a number and more", "5 5\r\n"},
      {"a bare LF", "5\ndata:\r\n"},
      {"LF alone", "\n"},
      {"CR in the line", "5;\rx\r\n"},
      {"CR CR LF", "5\r\r\n"},
      {"NUL in the line", "5;\0x\r\n"s},
      {"a size without an end", lots},
      {"an extension without an end", "5;" + lots},
      {"a chunk that is longer than its size", "1\r\nab\r\n"},
      {"a bare LF in the trailers", "0\r\nX: y\n\r\n"},
      {"a trailer without an end", "0\r\n" + lots},
      {"endless trailers", "0\r\n" +
                               [] {
                                 std::string lines;
                                 for (int n = 0; n < 5000; ++n) lines += "X: y\r\n";
                                 return lines;
                               }()},
  };
  for (const auto& [what, bytes] : bodies) {
    INFO(what);
    const std::string all = chunked_head + chunk(events) + bytes;
    for (const auto& parts : {std::vector{all}, bytes_of(all), std::vector{chunked_head, chunk(events), bytes}}) {
      const std::string said = read_parts(parts);
      CHECK(said.starts_with(both + "|status 200: "));
      CHECK(said.find("cut in the middle") == said.npos);
      CHECK(said.ends_with("|end"));
    }
  }
  // A size of 2^64 - 1 is one; its chunk is only never complete.
  CHECK(read_parts({chunked_head + "ffffffffffffffff\r\ndata: x\n\n"})
            .starts_with("message x|status 200: The stream was cut"));
}

TEST_CASE("an answer that is no stream of events is an error that says so") {
  const std::string lots(70'000, 'x');
  const struct {
    std::string bytes, expected;
  } answers[] = {
      {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "status 404: The server answers with status 404"},
      {"HTTP/1.1 401 Unauthorized\r\n\r\n", "status 401: "},
      {"HTTP/1.1 206 Partial\r\nContent-Type: text/event-stream\r\n\r\n", "status 206: "},
      {"HTTP/1.1 501 Not Implemented\r\n\r\n", "status 501: "},
      {"HTTP/1.1 503 Not Now\r\n\r\n", "status 503: "},
      {"HTTP/1.1 304 Not Modified\r\n\r\n", "status 304: "},
      {"HTTP/1.1 200 OK\r\n\r\n", "status 200: The server answers with Content-Type none"},
      {"HTTP/1.1 200 OK\r\nContent-Type:\r\n\r\n", "status 200: The server answers with Content-Type "},
      {"HTTP/1.1 200 OK\r\nContent-Type: text/event-streamx\r\n\r\n",
       "status 200: The server answers with Content-Type "},
      {"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream, text/html\r\n\r\n", "status 200: The server answers"},
      {"HTTP/1.1 200 OK\r\nContent-Type: text/html;text/event-stream\r\n\r\n", "status 200: The server answers"},
      {typed + "Content-Type: text/html\r\n\r\n", "status 200: The header Content-Type must not be repeated"},
      {typed + "Content-Encoding: gzip\r\n\r\n", "status 200: The server answers with Content-Encoding gzip"},
      {typed + "Transfer-Encoding: gzip, chunked\r\n\r\n", "status 200: Only the transfer coding chunked"},
      {typed + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", "status 200: Content-Length and Transfer-"},
      {typed + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
       "status 200: The header Content-Length must not be repeated"},
      {typed + "Content-Length: -1\r\n\r\n", "status 200: Content-Length must be a decimal number"},
      {typed + "Content-Length: 99999999999999999999\r\n\r\n", "status 200: Content-Length must be less than 2^64"},
      {"HTTP/1.1 101 Switching Protocols\r\n\r\n" + typed + "\r\n", "status 101: "},
      {"HTTP/2 200\r\n\r\n", "status 0: The answer does not begin with a status line"},
      {"ICY 200 OK\r\n\r\n", "status 0: "},
      {"HTTP/1.1 2000 OK\r\n\r\n", "status 0: "},
      {"HTTP/1.1 20 OK\r\n\r\n", "status 0: "},
      {"HTTP/1.1 600 OK\r\n\r\n", "status 0: "},
      {"HTTP/1.1 099 OK\r\n\r\n", "status 0: "},
      {"HTTP/1.1  200 OK\r\n\r\n", "status 0: "},
      {"SSH-2.0-OpenSSH_9.2\r\n", "status 0: "},
      {"\x15\x03\x01\x00\x02\x02\x46"s, "status 0: "},
      {"HTTP/1.1 200 OK\nContent-Type: text/event-stream\n\n", "status 0: A line must end with CR LF"},
      {"HTTP/1.1 200 OK\r\nContent-Type : text/event-stream\r\n\r\n", "status 200: A header line must be"},
      {typed + " folded\r\n\r\n", "status 200: A header line must not begin"},
      {typed + "X: a\0b\r\n\r\n"s, "status 200: The head must not contain control"},
      {typed + "X: " + lots, "status 200: The head is longer than 65536 bytes"},
      {lots, "status 0: The head is longer than 65536 bytes"},
      {"HTTP/1.1 302 Found\r\n\r\n",
       "status 302: The server redirects with status 302, which cannot be followed: it has no"},
      {"HTTP/1.1 302 Found\r\nLocation: ftp://x/\r\n\r\n", "status 302: The server redirects"},
      {"HTTP/1.1 302 Found\r\nLocation: http://\r\n\r\n", "status 302: The server redirects"},
      {"HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\n\r\n", "status 302: The server redirects"},
  };
  for (const auto& [bytes, expected] : answers) {
    INFO(bytes.substr(0, 300));
    for (const auto& parts : {std::vector{bytes}, bytes_of(bytes.substr(0, 2000))}) {
      if (parts.size() == 2000) continue;
      const std::string said = read_parts(parts);
      CHECK(said.starts_with(expected));
      CHECK(said.ends_with("|end"));
    }
  }
  std::string interim;
  for (int n = 0; n < 100; ++n) interim += "HTTP/1.1 100 Continue\r\n\r\n";
  CHECK(read_parts({interim + stream_head}).starts_with("status 100: "));
  std::string many = typed;
  for (int n = 0; n < 200; ++n) many += "X: y\r\n";
  CHECK(read_parts({many + "\r\n"}).starts_with("status 200: The head has more than 200 headers"));
  CHECK(read_parts({"HTTP/1.1 200 OK\r\nConte"}) == "error: The server sent no answer: End of file|end");
  CHECK(read_parts({}) == "error: The server sent no answer: End of file|end");
  CHECK(read_parts({"HTTP/1.1 204 No Content\r\n\r\n"}) == "end");
}

TEST_CASE("a message past the limit is an error in its place, and the next ones come") {
  sse::ClientOptions options = once();
  options.max_message_size = 10;
  const std::string said = read_parts({typed + "\r\ndata: a\n\n", "data: 12345678901\n\n", "data: b\n\n"}, options);
  const std::string skipped = "|error: sse: a message is longer than max_message_size and was skipped";
  CHECK(said == "message a" + skipped + "|message b|end");
  const std::string text =
      typed + "\r\ndata: a\n\ndata: 12345678901\n\ndata: b\n\ndata: 12345678901\n\ndata: 12345678901\n\n";
  for (const auto& parts : {std::vector{text}, bytes_of(text)})
    CHECK(read_parts(parts, options) == "message a" + skipped + "|message b" + skipped + skipped + "|end");
}

}  // namespace
