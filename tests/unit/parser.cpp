#include <algorithm>
#include <random>
#include <sstream>
#include <stdexcept>
#include <type_traits>

#include "parser_support.hpp"
#include "support.hpp"

namespace sse_test {
namespace {

using namespace std::string_literals;

const std::error_code too_long = sse::ParserError::message_too_long;

std::vector<std::size_t> random_cuts(std::mt19937& random, std::size_t size) {
  std::vector<std::size_t> cuts(random() % 8);
  for (std::size_t& cut : cuts) cut = random() % (size + 1);
  std::sort(cuts.begin(), cuts.end());
  return cuts;
}

std::string random_stream(std::mt19937& random, std::size_t parts) {
  static const std::string pieces[] = {
      "data", "data:", "data: ", "event:",   "event", "id:",          "id",       "retry:",       ":",
      " ",    "\n",    "\r",     "\r\n",     "\n\n",  "\r\r",         "\r\n\r\n", "\xEF\xBB\xBF", "\xEF\xBB",
      "\xEF", "\0"s,   "12",     "99999999", "abc",   "\xE2\x82\xAC", "\xE2\x82", "\xF0\x9F",     "\x80",
      "\xFF", "x:",    "datax:"};
  std::string bytes;
  while (parts-- > 0) {
    if (random() % 6 == 0)
      bytes += static_cast<char>(random());
    else
      bytes += pieces[random() % std::size(pieces)];
  }
  return bytes;
}

TEST_CASE("an error of the parser says its name") {
  CHECK(sse::to_string(sse::ParserError::message_too_long) == "message_too_long");
  std::ostringstream out;
  out << sse::ParserError::message_too_long;
  CHECK(out.str() == "message_too_long");
}

TEST_CASE("whatever bytes come, however they are cut, a stream reads as the standard's steps say") {
  for (unsigned seed = 1; seed <= 6000; ++seed) {
    std::mt19937 random(seed);
    const std::string bytes = random_stream(random, random() % 60);
    const std::vector<std::size_t> cuts = random_cuts(random, bytes.size());
    const Reading expected = Reference::read(bytes), reading = read_cut(bytes, cuts);
    if (reading == expected) continue;
    UNSCOPED_INFO("seed " << seed << ": " << printed(bytes));
    for (const std::size_t cut : cuts) UNSCOPED_INFO("cut at " << cut);
    CHECK(printed(reading) == printed(expected));
    break;
  }
}

TEST_CASE("short lines take time in proportion to the bytes, whatever ends them") {
  for (const std::string line : {"\r", "\n", "\r\n", "x\r", ":\r"}) {  // in quadratic time: many minutes
    std::string bytes;
    while (bytes.size() < (4 << 20)) bytes += line;
    Parser parser;
    std::size_t messages = 0;
    REQUIRE_FALSE(parser.feed("data\n" + bytes + "\ndata\r\r", [&](Message&&) { ++messages; }));
    CHECK(messages >= 1);
  }
}

TEST_CASE("what the event manager writes is read as it was written") {
  sse::Options options;
  options.named_events = true;
  EventManager manager(options);
  std::mt19937 random(4);
  std::string bytes;
  std::vector<std::string> types, bodies;
  EventStream stream = add_quiet(manager);
  for (int round = 0; round < 500; ++round) {
    const std::string type = 'e' + random_stream(random, random() % 6), text = random_stream(random, random() % 20);
    manager.emit_event(type, json{{text, text}});
    const Event event = stream.try_next().value();
    bytes += event.frame();
    if (random() % 4 == 0) sse::wire::append_comment(bytes, text);
    std::string line = Reference::decode(type);
    for (char& c : line)
      if (c == '\r' || c == '\n' || c == '\0') c = ' ';
    types.push_back(line);
    bodies.emplace_back(event.json());
    REQUIRE(json::parse(event.json())["data"] == json{{Reference::decode(text), Reference::decode(text)}});
  }
  const Reading reading = read_cut(bytes, random_cuts(random, bytes.size()));
  REQUIRE(reading.messages.size() == types.size());
  for (std::size_t i = 0; i < types.size(); ++i) REQUIRE(reading.messages[i] == message(bodies[i], "", types[i]));
}

TEST_CASE("a parser's own errors have a name and a text") {
  CHECK(too_long.message().find("max_message_size") != std::string::npos);
  CHECK(too_long.category() == sse::parser_category());
  CHECK(too_long.category().name() == "sse.parser"s);
  CHECK(std::error_code(0, sse::parser_category()).message() != too_long.message());
  try {
    Parser parser(0);
    FAIL("a limit of 0 was taken");
  } catch (const std::invalid_argument& error) {
    CHECK(error.what() == "sse::Parser: max_message_size must be at least 1, is 0"s);
  }
}

/// A stream's messages under a limit, and how often it was passed; the same for every cut.
struct Limited {
  Reading reading;
  bool too_long = false;
};

Limited read_limited(std::size_t limit, const std::string& bytes) {
  std::optional<Limited> result;
  const auto read = [&](std::size_t step, std::size_t first) {
    Parser parser(limit);
    Limited limited;
    for (std::size_t at = 0, size = first; at < bytes.size(); at += size, size = step) {
      const std::error_code error = feed(parser, std::string_view(bytes).substr(at, size), limited.reading.messages);
      if (error) REQUIRE(error == too_long);
      limited.too_long = limited.too_long || error;
    }
    limited.reading.last_event_id = parser.last_event_id();
    limited.reading.retry = parser.retry();
    INFO("limit " << limit << ", " << first << " bytes and then " << step << " at a time: " << printed(bytes));
    if (!result) result = limited;
    REQUIRE(printed(limited.reading) == printed(result->reading));
    REQUIRE(limited.too_long == result->too_long);
  };
  read(std::string::npos, bytes.size());
  read(1, 1);
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) read(bytes.size(), cut);
  return *result;
}

TEST_CASE("the limit counts a message's own data, type and id, decoded, and nothing else") {
  const std::string with_everything = "id:12\nevent:345\ndata: 67\ndata:90\nx:" + std::string(100, 'x') +
                                      "\n:" + std::string(100, 'x') + "\nretry:" + std::string(100, '0') + "\n\n";
  const std::pair<std::string, std::size_t> exact[] = {
      {"data:1234567890\n\n", 10},
      {"data: 1234567890\r\n\r\n", 10},
      {"data\ndata:\ndata\n\n", 2},
      {"event:1234567890\ndata\n\n", 10},
      {"id:1234567890\ndata\n\n", 10},
      {"event:12345678\nevent:12\ndata:12\n\n", 8},
      {"data:\xFF\xFF\n\n", 6},
      {"data:\xE2\x82\n\n", 3},
      {"data:\xE2\x82"
       "a\n\n",
       4},
      {"data:\xE2\x82\xAC\n\n", 3},
      {with_everything, 10},
  };
  for (const auto& [bytes, size] : exact) {
    const Limited fits = read_limited(size, bytes);
    CHECK_FALSE(fits.too_long);
    CHECK(fits.reading == Reference::read(bytes));
    const Limited over = read_limited(size - 1, bytes);
    CHECK(over.too_long);
    CHECK(over.reading.messages.empty());
  }
  const Limited inherited = read_limited(10, "id:12\n\nid:1234567890\n\ndata:1234567890\n\nid\n\ndata:1234567890\n\n");
  CHECK_FALSE(inherited.too_long);
  CHECK(inherited.reading.messages == std::vector{message("1234567890", "1234567890"), message("1234567890")});
  CHECK(read_limited(2, "data:\xF0\x9F\x98").too_long);
}

TEST_CASE("a message past the limit is skipped to its end as if it had never been there") {
  const std::string before = "id:1\ndata:a\n\n", after = "data:b\n\nid:4\ndata:c\n\n", filler(20, 'x');
  const std::string skipped[] = {
      "id:2\ndata:" + filler + "\n\n",    "data:" + filler + "\nid:3\ndata:d\nevent:e\n\n",
      "data:" + filler + "\r\rid:2\n",  // the id belongs to the next message, which is too long as well
      "event:" + filler + "\ndata:d\n\n", "id:" + filler + "\ndata:d\n\n",
      "id:2\nevent:" + filler + "\n\n",   "event:e\nid:2\ndata:d\ndata:" + filler + "\ndata:d\n\n",
      "data:" + filler + "\nretry:5\n\n", "retry:5\ndata:" + filler + "\n\n",
  };
  for (const std::string& bytes : skipped) {
    const bool two = bytes.ends_with("id:2\n");
    const Limited limited = read_limited(16, before + bytes + (two ? "data:" + filler + "\n\n" : "") + after);
    CHECK(limited.too_long);
    const std::vector<Message> left{message("a", "1"), message("b", "1"), message("c", "4")};
    CHECK(printed({limited.reading.messages, "", {}}) == printed({left, "", {}}));
    CHECK(limited.reading.last_event_id == "4");
    CHECK(limited.reading.retry.has_value() == (bytes.find("retry") != bytes.npos));
  }
  CHECK(read_limited(16, before + skipped[0]).reading.last_event_id == "1");
}

TEST_CASE("each feed tells of the messages that were too long in it, once") {
  Parser parser(4);
  std::vector<Message> messages;
  CHECK_FALSE(feed(parser, "data:1234", messages));
  CHECK(feed(parser, "5", messages) == too_long);
  CHECK_FALSE(feed(parser, "678\ndata:9\nid:1\n", messages));
  CHECK_FALSE(feed(parser, "\ndata:1\n\n", messages));
  CHECK(feed(parser, "data:12345\n\ndata:2\n\ndata:12345\n\ndata:3\n\n", messages) == too_long);
  CHECK_FALSE(feed(parser, "", messages));
  CHECK(messages == std::vector{message("1"), message("2"), message("3")});
}

TEST_CASE("under a limit, random bytes are read the same however they are cut, and no message is longer") {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    const std::size_t limit = random() % 12 + 1;
    INFO("seed " << seed);
    for (const auto& [type, data, id] : read_limited(limit, random_stream(random, random() % 30)).reading.messages)
      REQUIRE((type == "message" ? 0 : type.size()) + data.size() <= limit);
  }
}

TEST_CASE("a new connection discards what is incomplete and keeps the id and the retry time") {
  const std::string beginnings[] = {"id:2\n",
                                    "data:x\n",
                                    "data:x\nevent:y\nid:2\n",
                                    "da",
                                    "data:",
                                    "data: ",
                                    "data:x\xE2",
                                    "id:2",
                                    "event:y",
                                    "\r",
                                    "x",
                                    ":",
                                    "retry:7",
                                    "data:x\r",
                                    "\xEF\xBB",
                                    "data",
                                    "12345678",
                                    "retry:x",
                                    "event:toolong",
                                    "data:toolong\nx",
                                    "data:toolong\n"};
  for (const std::string& beginning : beginnings) {
    INFO(printed(beginning));
    Parser parser(6);
    std::vector<Message> messages;
    REQUIRE_FALSE(feed(parser, "retry:5\nid:1\ndata:a\n\n", messages));
    feed(parser, beginning, messages);
    parser.reset();
    CHECK(parser.last_event_id() == "1");
    CHECK(parser.retry() == std::chrono::milliseconds(5));
    REQUIRE_FALSE(feed(parser,
                       "\xEF\xBB\xBF"
                       "data: b\n\nretry:\n",
                       messages));
    CHECK(messages == std::vector{message("a", "1"), message("b", "1")});
    CHECK(parser.retry() == std::chrono::milliseconds(5));
  }
}

TEST_CASE("an id to begin with is the id of the messages until the stream gives one") {
  Parser parser;
  CHECK(parser.last_event_id().empty());
  CHECK_FALSE(parser.retry().has_value());
  parser.last_event_id("7");
  std::vector<Message> messages;
  REQUIRE_FALSE(feed(parser, "data:a\n\nid:8\ndata:b\n\n", messages));
  CHECK(messages == std::vector{message("a", "7"), message("b", "8")});
  CHECK(parser.last_event_id() == "8");
}

TEST_CASE("what a callback throws comes out, and the parser goes on behind the bytes of that feed") {
  const std::string fed = "id:1\ndata:a\n\nid:2\ndata:b\n\nevent:e\nid:3\ndata:c\n\nid\n\nretry:9\ndata:d\xE2\x82";
  for (const std::string throws_at : {"a", "b", "c"}) {
    INFO(throws_at);
    Parser parser;
    std::vector<Message> messages;
    const auto throwing = [&](Message&& message) {
      const bool last = message.data == throws_at;
      messages.push_back(std::move(message));
      if (last) throw std::runtime_error("stop");
    };
    REQUIRE_THROWS_AS(parser.feed(fed, throwing), std::runtime_error);
    const std::string id = messages.back().last_event_id;
    CHECK(messages.back().data == throws_at);
    CHECK(parser.last_event_id() == id);
    CHECK(parser.retry() == std::chrono::milliseconds(9));
    messages.clear();
    REQUIRE_FALSE(feed(parser, "\xAC\n\nid:4\ndata:e\n\n", messages));
    CHECK(messages == std::vector{message("d\xE2\x82\xAC", id), message("e", "4")});
  }
}

TEST_CASE("a message that was thrown at is gone, taken or not") {
  Parser parser;
  REQUIRE_THROWS_AS(parser.feed("id:1\nevent:e\ndata:a\n\n", [](const Message&) { throw std::runtime_error("stop"); }),
                    std::runtime_error);
  std::vector<Message> messages;
  REQUIRE_FALSE(feed(parser, "\ndata:b\n\n", messages));
  CHECK(messages == std::vector{message("b", "1")});
}

TEST_CASE("a callback may take the message or leave it, and may ask the parser") {
  Parser parser;
  std::vector<std::string> ids;
  const auto looks = [&](const Message& message) {
    CHECK(message.last_event_id == parser.last_event_id());
    ids.push_back(message.last_event_id + message.data);
  };
  static_assert(std::is_same_v<decltype(parser.feed("", looks)), std::error_code>);
  REQUIRE_FALSE(parser.feed("id:1\ndata:a\n\ndata:b\n\n", looks));
  REQUIRE_FALSE(parser.feed("id:2\ndata:c\n\n", [&](Message message) { ids.push_back(std::move(message.data)); }));
  REQUIRE_FALSE(parser.feed("event:e\ndata:d\n\ndata:e\n\n", [&](Message&& message) {
    ids.push_back(std::move(message.type));
    ids.push_back(std::move(message.last_event_id));
  }));
  CHECK(ids == Words{"1a", "1b", "c", "e", "2", "message", "2"});
}

}  // namespace
}  // namespace sse_test
