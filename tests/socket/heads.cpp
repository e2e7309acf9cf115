#include <array>
#include <random>

#include "../parts.hpp"
#include "support.hpp"

namespace {

const std::string get = "GET /events HTTP/1.1\r\n";
const std::string host = "Host: localhost\r\n";
const std::string end = "\r\n";

/// The result of `read_request` for a head: the request, or the status of its HttpError (0: the end came first).
struct HeadResult {
  std::optional<sse::Request> request;
  unsigned status = 0;
};

HeadResult read(std::vector<std::string> parts, const sse::RequestLimits& limits = {}) {
  asio::io_context io;
  sse_test::Parts stream(io.get_executor(), std::move(parts));
  HeadResult outcome;
  const auto work = [&]() -> asio::awaitable<void> {
    try {
      outcome.request = co_await sse::read_request(stream, limits);
    } catch (const sse::HttpError& error) {
      outcome.status = std::string_view(error.what()).empty() ? 1 : error.status();
    } catch (const sse::system_error&) {
    }
  };
  asio::co_spawn(io, work, asio::detached);
  io.run();
  return outcome;
}

std::vector<std::string> bytes_of(const std::string& text) {
  std::vector<std::string> bytes;
  for (const char c : text) bytes.emplace_back(1, c);
  return bytes;
}

struct BadHead {
  std::string what, bytes;
  unsigned status;
};

const std::vector<BadHead>& bad_heads() {
  static const std::string lots(20'000, 'a');
  static const auto fields = [](int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += "X: a\r\n";
    return text;
  };
  static const std::vector<BadHead> heads = {
      {"a bare CR in a value", get + host + "X: a\rb\r\n" + end, 400},
      {"a bare CR for a line end", get + host + "X: a\rY: b\r\n" + end, 400},
      {"a bare CR in the request line", "GET /events\r HTTP/1.1\r\n" + host + end, 400},
      {"two CRs", get + host + "X: a\r\r\n" + end, 400},
      {"a bare LF for a line end", get + "Host: localhost\nX: a\r\n" + end, 400},
      {"a bare LF after the request line", "GET /events HTTP/1.1\n" + host + end, 400},
      {"bare LFs alone", "GET /events HTTP/1.1\nHost: localhost\n\n", 400},
      {"a bare LF for the empty line", get + host + "\n", 400},
      {"a bare LF before the request line", "\n" + get + host + end, 400},
      {"NUL in a value", get + host + "X: a\0b\r\n"s + end, 400},
      {"NUL in a name", get + host + "X\0: a\r\n"s + end, 400},
      {"NUL in the target", "GET /events\0 HTTP/1.1\r\n"s + host + end, 400},
      {"a control character in a value", get + host + "X: a\x01" + "b\r\n" + end, 400},
      {"DEL in a value", get + host + "X: a\x7F" + "b\r\n" + end, 400},
      {"a control character in the target", "GET /\x02 HTTP/1.1\r\n" + host + end, 400},
      {"obs-fold", get + host + "X: a\r\n b\r\n" + end, 400},
      {"obs-fold with a tab", get + host + "X: a\r\n\tb\r\n" + end, 400},
      {"obs-fold after the request line", get + " X: a\r\n" + host + end, 400},
      {"a line of white space", get + host + " \r\n" + end, 400},
      {"a space before the colon", get + host + "X : a\r\n" + end, 400},
      {"a tab before the colon", get + "Host\t: localhost\r\n" + end, 400},
      {"an empty name", get + host + ": a\r\n" + end, 400},
      {"a line without a colon", get + host + "nonsense\r\n" + end, 400},
      {"a name that is no token", get + host + "X(Y): a\r\n" + end, 400},
      {"a name in Latin-1", get + host + "X\xE4: a\r\n" + end, 400},
      {"no Host", get + end, 400},
      {"two Hosts", get + host + host + end, 400},
      {"two Hosts that differ in case", get + "Host: a\r\nhOST: b\r\n" + end, 400},
      {"a Host with a space", get + "Host: a b\r\n" + end, 400},
      {"a Host with a path", get + "Host: a/b\r\n" + end, 400},
      {"a Host with a user", get + "Host: a@b\r\n" + end, 400},
      {"a list of Hosts", get + "Host: a, b\r\n" + end, 400},
      {"a port with a letter", get + "Host: x:12a\r\n" + end, 400},
      {"a port past 65535", get + "Host: x:65536\r\n" + end, 400},
      {"a negative port", get + "Host: x:-1\r\n" + end, 400},
      {"two ports", get + "Host: x:1:2\r\n" + end, 400},
      {"an IPv6 address without brackets", get + "Host: ::1\r\n" + end, 400},
      {"an IPv6 address without an end", get + "Host: [::1\r\n" + end, 400},
      {"something after an IPv6 address", get + "Host: [::1]x\r\n" + end, 400},
      {"empty brackets", get + "Host: []\r\n" + end, 400},
      {"a user in an absolute target", "GET http://user@localhost/events HTTP/1.1\r\n" + host + end, 400},
      {"a bad port in an absolute target", "GET http://localhost:x/events HTTP/1.1\r\n" + host + end, 400},
      {"a bad Host beside an absolute target", "GET http://localhost/events HTTP/1.1\r\nHost: a b\r\n" + end, 400},
      {"an absolute target of a port alone", "GET http://:80/events HTTP/1.1\r\n" + host + end, 400},
      {"a CONNECT to a path", "CONNECT /events HTTP/1.1\r\n" + host + end, 400},
      {"an unknown method", "BREW /events HTTP/1.1\r\n" + host + end, 501},
      {"a method in lower case", "get /events HTTP/1.1\r\n" + host + end, 501},
      {"a method of 9,000 bytes", std::string(9'000, 'G') + " /events HTTP/1.1\r\n" + host + end, 414},
      {"an absolute target but no Host", "GET http://localhost/events HTTP/1.1\r\n" + end, 400},
      {"two Hosts in HTTP/1.0", "GET /events HTTP/1.0\r\n" + host + host + end, 400},
      {"Content-Length with Transfer-Encoding",
       get + host + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n" + end, 400},
      {"Transfer-Encoding with Content-Length",
       get + host + "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n" + end, 400},
      {"two Content-Lengths", get + host + "Content-Length: 3\r\nContent-Length: 4\r\n" + end, 400},
      {"two Content-Lengths that agree", get + host + "Content-Length: 3\r\ncontent-length: 3\r\n" + end, 400},
      {"a list of Content-Lengths", get + host + "Content-Length: 3, 3\r\n" + end, 400},
      {"Content-Length +5", get + host + "Content-Length: +5\r\n" + end, 400},
      {"Content-Length -5", get + host + "Content-Length: -5\r\n" + end, 400},
      {"Content-Length 0x5", get + host + "Content-Length: 0x5\r\n" + end, 400},
      {"Content-Length with a space inside", get + host + "Content-Length: 1 0\r\n" + end, 400},
      {"an empty Content-Length", get + host + "Content-Length:\r\n" + end, 400},
      {"a Content-Length past 64 bits", get + host + "Content-Length: 99999999999999999999\r\n" + end, 413},
      {"an unknown transfer coding", get + host + "Transfer-Encoding: nonsense\r\n" + end, 501},
      {"an unknown transfer coding, then chunked", get + host + "Transfer-Encoding: nonsense, chunked\r\n" + end, 501},
      {"chunked not last", get + host + "Transfer-Encoding: chunked, gzip\r\n" + end, 400},
      {"Transfer-Encoding in HTTP/1.0", "GET /events HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n" + end,
       400},
      {"HTTP/2.0", "GET /events HTTP/2.0\r\n" + host + end, 505},
      {"HTTP/0.9 by name", "GET /events HTTP/0.9\r\n" + host + end, 505},
      {"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"HTTP/1.10", "GET /events HTTP/1.10\r\n" + host + end, 400},
      {"HTTP/1.", "GET /events HTTP/1.\r\n" + host + end, 400},
      {"HTTP in lower case", "GET /events http/1.1\r\n" + host + end, 400},
      {"another protocol", "GET /events RTSP/1.0\r\n" + host + end, 400},
      {"no version", "GET /events\r\n" + host + end, 400},
      {"two spaces after the method", "GET  /events HTTP/1.1\r\n" + host + end, 400},
      {"two spaces after the target", "GET /events  HTTP/1.1\r\n" + host + end, 400},
      {"a space after the version", "GET /events HTTP/1.1 \r\n" + host + end, 400},
      {"a space in the target", "GET /events /x HTTP/1.1\r\n" + host + end, 400},
      {"tabs instead of spaces", "GET\t/events\tHTTP/1.1\r\n" + host + end, 400},
      {"no target", "GET HTTP/1.1\r\n" + host + end, 400},
      {"a target that is no path", "GET events HTTP/1.1\r\n" + host + end, 400},
      {"an absolute target without a host", "GET http:///events HTTP/1.1\r\n" + host + end, 400},
      {"bytes past ASCII in the target", "GET /\xC3\xA4 HTTP/1.1\r\n" + host + end, 400},
      {"a fragment", "GET /events#x HTTP/1.1\r\n" + host + end, 400},
      {"a method that is no token", "G@T /events HTTP/1.1\r\n" + host + end, 400},
      {"an empty method", " /events HTTP/1.1\r\n" + host + end, 400},
      {"a target that is too long", "GET /" + lots + " HTTP/1.1\r\n" + host + end, 414},
      {"a target without an end", "GET /" + lots, 414},
      {"a field that is too long", get + host + "X: " + lots + end + end, 431},
      {"a field without an end", get + host + "X: " + lots, 431},
      {"too many fields", get + host + fields(100) + end, 431},
      {"a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03"s + std::string(500, '\x7F'), 400},
  };
  return heads;
}

TEST_CASE("a request head is read, whatever parts it comes in") {
  const std::string bytes =
      "\r\nPOST /a/b?c=d&e?f HTTP/1.1\r\nHost: x:80\r\nContent-Type: \t text/plain \t\r\nEmpty:\r\n"
      "X: \xE4\r\nX: second\r\nContent-Length: 18446744073709551615\r\n\r\n{\"body\":1}\r\n\n\0GET"s;
  const std::size_t head_size = bytes.find('{');
  const auto check = [&](const HeadResult& outcome, std::string_view rest) {
    REQUIRE(outcome.request);
    const sse::Request& request = *outcome.request;
    CHECK(request.method == "POST");
    CHECK(request.target == "/a/b?c=d&e?f");
    CHECK(request.path == "/a/b");
    CHECK(request.query == "c=d&e?f");
    CHECK(request.minor_version == 1);
    CHECK(request.headers.size() == 6);
    REQUIRE(request.header("cOnTeNt-TyPe"));
    CHECK(*request.header("cOnTeNt-TyPe") == "text/plain");
    CHECK(request.header("empty")->empty());
    CHECK(*request.header("x") == "\xE4");
    CHECK(request.header("y") == nullptr);
    CHECK(request.content_length == 18446744073709551615u);
    CHECK_FALSE(request.chunked);
    CHECK(request.rest == rest);
  };
  check(read({bytes}), bytes.substr(head_size));
  check(read(bytes_of(bytes)), "");
  for (std::size_t i = 1; i < bytes.size(); ++i) {
    const std::string first = bytes.substr(0, i);
    check(read({first, bytes.substr(i)}), i < head_size ? bytes.substr(head_size) : first.substr(head_size));
  }
}

TEST_CASE("odd request heads that are right") {
  const auto path = [](const std::string& bytes) {
    const HeadResult outcome = read({bytes});
    return outcome.request ? outcome.request->path + '|' + outcome.request->query : std::to_string(outcome.status);
  };
  CHECK(path("GET http://localhost/events?x HTTP/1.1\r\n" + host + end) == "/events|x");
  CHECK(path("GET http://localhost HTTP/1.1\r\n" + host + end) == "/|");
  CHECK(path("GET http://localhost?x HTTP/1.1\r\n" + host + end) == "/|x");
  CHECK(path("GET //events? HTTP/1.1\r\n" + host + end) == "//events|");
  CHECK(path("OPTIONS * HTTP/1.1\r\n" + host + end) == "*|");
  CHECK(path("CONNECT localhost:80 HTTP/1.1\r\n" + host + end) == "localhost:80|");
  CHECK(path("GET /events HTTP/1.0\r\n" + end) == "/events|");
  CHECK(path(get + "Host:\r\n" + end) == "/events|");
  CHECK(path(get + "Host: [::1]:8080\r\n" + end) == "/events|");
  CHECK(path(get + "Host: x:\r\n" + end) == "/events|");
  CHECK(path(get + "Host: x_y-z.%41:65535\r\n" + end) == "/events|");
  for (const auto* method : {"PROPFIND", "QUERY", "M-SEARCH"})
    CHECK(path(method + " /events HTTP/1.1\r\n"s + host + end) == "/events|");
  CHECK(path("\r\n\r\n" + get + host + end) == "/events|");
  CHECK(read({"GET / HTTP/1.0\r\n\r\n"}).request->minor_version == 0);
  CHECK(read({get + host + "Transfer-Encoding: Chunked\r\n" + end}).request->chunked);
  CHECK(read({get + host + end + get + host + end}).request->rest == get + host + end);
  CHECK(read({get + host + end}).request->content_length == std::nullopt);
}

TEST_CASE("the authority of an absolute target takes the place of the Host header") {
  const auto host_of = [](const std::string& bytes) {
    const HeadResult outcome = read({bytes});
    return outcome.request && outcome.request->header("Host") ? *outcome.request->header("Host")
                                                              : std::to_string(outcome.status);
  };
  const std::string other = "Host: other.example\r\n";
  CHECK(host_of("GET http://a.example:81/events HTTP/1.1\r\n" + other + end) == "a.example:81");
  CHECK(host_of("GET http://[::1]?x HTTP/1.1\r\nhOST: x\r\n" + end) == "[::1]");
  CHECK(host_of("GET http://a.example/events HTTP/1.0\r\n" + end) == "a.example");
  CHECK(host_of("GET /events?http://a.example/ HTTP/1.1\r\n" + other + end) == "other.example");
  CHECK(host_of("OPTIONS * HTTP/1.1\r\n" + other + end) == "other.example");
}

TEST_CASE("methods that nobody has registered are read where they are wanted") {
  sse::RequestLimits limits;
  limits.any_method = true;
  CHECK(read({"BREW /events HTTP/1.1\r\n" + host + end}, limits).request->method == "BREW");
  CHECK(read({"B(W /events HTTP/1.1\r\n" + host + end}, limits).status == 400);
}

TEST_CASE("a head may have exactly its limits, and nothing past them") {
  sse::RequestLimits limits;
  limits.max_headers = 2;
  CHECK(read({get + host + "X: a\r\n" + end}, limits).request);
  CHECK(read({get + host + "X: a\r\nX: a\r\n" + end}, limits).status == 431);
  limits.max_head_size = (get + host + end).size();
  CHECK(read({get + host + end + "more"}, limits).request);
  limits.max_head_size -= 1;
  CHECK(read({get + host + end}, limits).status == 431);
  limits.max_head_size = get.size() - 1;
  CHECK(read({get + host + end}, limits).status == 414);
  CHECK(read({std::string(100, '\r')}, limits).status == 400);
  std::string empty_lines;
  while (empty_lines.size() < 100) empty_lines += "\r\n";
  CHECK(read({empty_lines}, limits).status == 414);
}

TEST_CASE("a head that is wrong or ambiguous is refused with the status that says why") {
  REQUIRE(bad_heads().size() >= 60);
  for (const auto& [what, bytes, status] : bad_heads()) {
    INFO(what);
    CHECK(read({bytes}).status == status);
    CHECK(read(bytes_of(bytes)).status == status);
    if (bytes.size() < 100)
      for (std::size_t i = 1; i < bytes.size(); ++i)
        CHECK(read({bytes.substr(0, i), bytes.substr(i)}).status == status);
  }
}

TEST_CASE("the end in the middle of a head is an end, not an answer") {
  const std::string bytes = get + host + end;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const HeadResult outcome = read({bytes.substr(0, i)});
    CHECK_FALSE(outcome.request);
    CHECK(outcome.status == 0);
  }
}

TEST_CASE("over a socket every bad head gets its status and the end, and the next good request its stream") {
  const Server server;
  for (const auto& [what, bytes, status] : bad_heads()) {
    INFO(what);
    Client client = server.get(bytes);
    CHECK(client.status() == static_cast<int>(status));
    CHECK(client.read_to_end().size() > 0);
    CHECK_NOTHROW(server.stream());
  }
  server.wait_for_count(0);
}

TEST_CASE("a head that does not come in time gets 408 and the end") {
  sse::ServeOptions options;
  options.limits.timeout = 100ms;
  const Server server(options);
  Client silent = server.get("");
  Client half = server.get("GET /events HTTP/1.1\r\nHost: loc");
  CHECK(silent.status() == 408);
  CHECK(half.status() == 408);
  CHECK(half.read_to_end().ends_with("ms\n"));
  CHECK_NOTHROW(server.stream());
}

TEST_CASE("300 hostile clients and 1,000 requests of random bytes leave nothing behind") {
  sse::ServeOptions options;
  options.limits.timeout = 300ms;
  const Server server(options);
  const std::size_t before = open_descriptors();
  for (int round = 0; round < 30; ++round) {
    std::vector<Client> clients;
    for (const auto& bytes : {""s, "GET /ev"s, good_request, "\x16\x03\x01"s, "POST /events HTTP/1.1\r\n\r\n"s})
      for (int i = 0; i < 2; ++i) clients.push_back(server.get(bytes));
    for (std::size_t i = 0; i < clients.size(); i += 2) clients[i].reset();
  }
  std::mt19937 random(3);
  for (int round = 0; round < 1'000; ++round) {
    std::string bytes(random() % 200 + 1, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    if (round % 2) bytes.insert(0, get);
    Client client = server.get(bytes);
    client.end_sending();
    const std::string answer = client.read_to_end();
    if (!answer.empty()) CHECK((answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 5")));
  }
  CHECK_NOTHROW(server.stream());
  server.wait_for_count(0);
  eventually("every descriptor closed", [&] { return open_descriptors() <= before; });
}

}  // namespace
