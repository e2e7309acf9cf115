// sse::Client with a decoder, against servers that compress well and badly.

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <sse/client.hpp>
#include <sse/gzip.hpp>
#include <sse/http.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../socket/support.hpp"
#include "sse/detail/gzip/gzip_decoder.hpp"
#include "support.hpp"

namespace {

/// One gzip member with this text.
std::string gzip_of(std::string_view text) {
  z_stream stream{};
  if (deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY) != Z_OK) throw std::bad_alloc();
  std::string out(deflateBound(&stream, static_cast<uLong>(text.size())) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = deflate(&stream, Z_FINISH);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) throw std::runtime_error("deflate");
  return out;
}

std::string decoded(std::string_view bytes, std::size_t at_once, bool* complete = nullptr) {
  sse::detail::GzipDecoder decoder;
  std::string all;
  while (!bytes.empty()) {
    decoder.feed(bytes.substr(0, at_once));
    bytes.remove_prefix(std::min(at_once, bytes.size()));
    for (std::string_view text = decoder.decode(); !text.empty(); text = decoder.decode()) {
      if (text.size() > 16 * 1024) throw std::runtime_error("too much at a time");
      all.append(text);
    }
  }
  if (complete) *complete = decoder.complete();
  return all;
}

sse::ClientOptions with_decoder() {
  sse::ClientOptions options;
  options.decoder = sse::gunzip();
  options.min_retry = options.retry = 1ms;
  return options;
}

/// The data of the client's next messages.
asio::awaitable<void> read(sse::Client& client, std::size_t count, std::vector<std::string>& messages) {
  for (; count > 0; --count) {
    const std::optional<sse::Message> message = co_await client.next();
    if (!message) co_return;
    messages.push_back(message->data);
  }
}

/// The messages that a client reads from servers with these bodies, one a connection, and the head of each request.
struct Answered {
  std::vector<std::string> messages, requests;
};
Answered answer(const std::vector<std::string>& bodies, std::size_t count, std::string_view coding = "gzip") {
  std::optional<sse::Client> client;  // destroyed behind the threads that run it
  Context context;
  tcp::acceptor acceptor = listen(context.io);
  client.emplace("http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()) + "/", with_decoder());
  Answered answered;
  Task task(context.io, read(*client, count, answered.messages));
  for (const std::string& body : bodies) {
    tcp::socket socket = acceptor.accept();
    std::string request;
    asio::read_until(socket, asio::dynamic_buffer(request), "\r\n\r\n");
    answered.requests.push_back(request);
    const std::string head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: " + std::string(coding) +
        "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    asio::write(socket, std::vector{asio::buffer(head), asio::buffer(body)});
  }
  task.get();
  return answered;
}

}  // namespace

TEST_CASE("a decoder gives the text of its members, however the bytes come") {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "data: " + std::to_string(i) + "\n\n";
  const std::string members = gzip_of(text) + gzip_of("") + gzip_of("more");
  for (const std::size_t at_once : {std::size_t{1}, std::size_t{7}, std::size_t{4096}, members.size()}) {
    bool complete = false;
    CHECK(decoded(members, at_once, &complete) == text + "more");
    CHECK(complete);
    decoded(members.substr(0, members.size() - 1), at_once, &complete);
    CHECK_FALSE(complete);
  }
  std::string bad = members;
  bad[gzip_of(text).size() - 6] ^= 1;  // the CRC
  CHECK_THROWS_AS(decoded(bad, 100), sse::Error);
  CHECK_THROWS_AS(decoded(members + "garbage", 100), sse::Error);
  CHECK_THROWS_AS(decoded("data: 1\n\n", 100), sse::Error);
}

TEST_CASE("a decoder gives the text of a bomb in pieces") {
  const std::string bomb = gzip_of(std::string(32 << 20, 'x'));
  REQUIRE(bomb.size() < 64 * 1024);
  CHECK(decoded(bomb, bomb.size()).size() == std::size_t{32} << 20);
}

TEST_CASE("endless empty blocks are read over") {
  const std::string start = gzip_of("").substr(0, 10);
  std::string blocks = start;
  for (int i = 0; i < 50'000; ++i) blocks += std::string("\0\0\0\xff\xff", 5);
  CHECK(decoded(blocks, 4096).empty());
}

TEST_CASE("a client with a decoder reads a compressed stream of this library's server") {
  sse::Options settings;
  settings.compression = sse::gzip();
  settings.history_size = 1'000;
  settings.max_queue_size = 1'000;
  Server server({}, settings);
  sse::Client client("http://127.0.0.1:" + std::to_string(server.port) + "/events", with_decoder());
  Context context;
  std::vector<std::string> messages;
  {
    Task task(context.io, read(client, 1, messages));
    task.get();
  }
  for (int i = 0; i < 500; ++i) server.events.emit_event("step", i);
  {
    Task task(context.io, read(client, 500, messages));
    task.get();
  }
  REQUIRE(messages.size() == 501);
  CHECK(json::parse(messages.back()).at("data") == 499);
  CHECK(server.events.stats().compression.groups > 0);
}

TEST_CASE("a client takes a broken compressed stream for a cut, and comes back with its id") {
  const std::string good = gzip_of("id: 1\ndata: one\n\n");
  std::string bad = good;
  bad[bad.size() - 5] ^= 1;
  const auto [messages, requests] = answer({bad, good.substr(0, good.size() - 3), good + "garbage", good}, 4);
  CHECK(messages == std::vector<std::string>(4, "one"));
  CHECK(requests[0].find("\r\nAccept-Encoding: gzip\r\n") != std::string::npos);
  CHECK(requests[0].find("Last-Event-ID") == std::string::npos);
  CHECK(requests[1].find("\r\nLast-Event-ID: 1\r\n") != std::string::npos);
}

TEST_CASE("a client with a decoder refuses another coding, and one without it any") {
  CHECK_THROWS_AS(answer({gzip_of("data: 1\n\n")}, 1, "br"), sse::BadResponse);
  CHECK_THROWS_AS(answer({gzip_of("data: 1\n\n")}, 1, "gzip, br"), sse::BadResponse);
  CHECK(answer({"data: 1\n\n"}, 1, "identity").messages.size() == 1);
  CHECK(answer({gzip_of("data: 1\n\n")}, 1, "x-gzip").messages.size() == 1);
}
