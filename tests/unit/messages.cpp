#include <random>

#include "support.hpp"

namespace sse_test {
namespace {

#define FFFD "\xEF\xBF\xBD"

struct Received {
  std::string id, event, data;
  bool operator==(const Received&) const = default;
};

/// The message that a reader gets who takes the frame line by line (WHATWG HTML 9.2.6), and who takes nothing that
/// this library has no reason to write.
Received read_message(const Event& event) {
  std::string_view bytes = event.frame();
  REQUIRE_NOTHROW(json(std::string(bytes)).dump());  // throws for text that is not UTF-8
  REQUIRE(bytes.find_first_of(std::string_view("\r\0", 2)) == bytes.npos);
  Received message;
  std::string names;
  for (;;) {
    const std::size_t end = bytes.find('\n');
    REQUIRE(end != bytes.npos);
    const std::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(end + 1);
    if (line.empty()) break;
    const std::size_t colon = line.find(": ");
    REQUIRE(colon != line.npos);
    const std::string name(line.substr(0, colon)), value(line.substr(colon + 2));
    if (name == "data") {
      if (names.ends_with("data ")) message.data += '\n';
      message.data += value;
    } else {
      (name == "id" ? message.id : message.event) = value;
    }
    if (name != "data" || !names.ends_with("data ")) names += name + ' ';
  }
  REQUIRE(bytes.empty());
  REQUIRE((names == "data " || names == "event data " || names == "id data " || names == "id event data "));
  REQUIRE(message.id == event.id());
  REQUIRE(message.data == event.json());
  return message;
}

Received received(EventManager& manager, std::string_view type, std::string_view data) {
  EventStream stream = add_quiet(manager);
  manager.emit_message(type, data);
  return read_message(stream.try_next().value());
}

TEST_CASE("a message is its event field and its data, without an envelope") {
  EventManager manager;
  EventStream stream = add_quiet(manager, "id");
  CHECK(manager.emit_message("message", R"({"jsonrpc":"2.0","id":1})") == 1);
  CHECK(stream.try_next().value().frame() == "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":1}\n\n");
  CHECK(manager.send_message("id", "", "[DONE]"));
  const Event done = stream.try_next().value();
  CHECK(done.frame() == "data: [DONE]\n\n");
  CHECK(done.json() == "[DONE]");
  CHECK(done.type().empty());
  CHECK_FALSE(manager.send_message("nobody", "", "[DONE]"));
  manager.emit_message("a\r\nb", "x\ny");
  const Event lines = stream.try_next().value();
  CHECK(lines.frame() == "event: a  b\ndata: x\ndata: y\n\n");
  CHECK(lines.json() == "x\ny");
  CHECK(lines.type() == "a\r\nb");
}

TEST_CASE("each line of a message's data arrives as a line, however it ends, and nothing leaves its line") {
  const std::pair<std::string, std::string> round_trips[] = {
      {"", ""},
      {"a", "a"},
      {"a\nb", "a\nb"},
      {"a\rb", "a\nb"},
      {"a\r\nb", "a\nb"},
      {"a\n\rb", "a\n\nb"},
      {"a\n", "a\n"},
      {"a\r\n", "a\n"},
      {"a\r", "a\n"},
      {"\n", "\n"},
      {"\r\n\r\n", "\n\n"},
      {"\n\n\n", "\n\n\n"},
      {"\na", "\na"},
      {" a", " a"},
      {"  ", "  "},
      {"\t", "\t"},
      {":", ":"},
      {"data: x", "data: x"},
      {"x\n\nevent: evil\nid: 5\nretry: 1\n\n", "x\n\nevent: evil\nid: 5\nretry: 1\n\n"},
      {std::string("a\0b\n\0", 5), "a b\n "},
      {"\xEF\xBB\xBF{}", "\xEF\xBB\xBF{}"},
      {"a\xFF\xC2\nb\xE2\x82", "a" FFFD FFFD "\nb" FFFD},
      {"\xE2\x80\xA8\xC2\x85", "\xE2\x80\xA8\xC2\x85"},
      {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
  };
  EventManager manager, keeps(history_of(10));
  for (const auto& [data, read] : round_trips) {
    INFO("data: " << json(read).dump());
    CHECK(received(manager, "", data) == Received{"", "", read});
    CHECK(received(manager, "token", data) == Received{"", "token", read});
    const Received with_id = received(keeps, "token", data);
    CHECK(with_id == Received{with_id.id, "token", read});
    CHECK_FALSE(with_id.id.empty());
  }
}

TEST_CASE("random bytes break no message") {
  std::mt19937 random(5);
  EventManager manager(history_of(1));
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(random() % 16, ' ');
    for (char& c : bytes) c = random() % 2 == 0 ? "\r\n\0:ad \xE2"[random() % 8] : static_cast<char>(random());
    std::string expected, decoded;
    sse::wire::append_utf8(decoded, bytes);
    for (std::size_t i = 0; i < decoded.size(); ++i) {
      if (decoded[i] == '\r') {
        expected += '\n';
        if (decoded.substr(i + 1).starts_with('\n')) ++i;
      } else {
        expected += decoded[i] == '\0' ? ' ' : decoded[i];
      }
    }
    REQUIRE(received(manager, bytes, bytes).data == expected);
  }
}

TEST_CASE("a message takes its id, its topic and its place in the history like any event; one that is sent does not") {
  EventManager manager(history_of(10));
  const std::string before = id_of(manager, 0);
  sse::ConnectionOptions options;
  options.connection_id = "a";
  options.topics = {"a"};
  options.announce = false;
  EventStream stream = manager.add_connection(options);
  CHECK(manager.emit_message("token", "1\n2", on_topic("a")) == 1);
  CHECK(manager.emit_message("token", "for b", on_topic("b")) == 0);
  CHECK(manager.emit_message("tick", "tick\n", transient()) == 1);
  CHECK(manager.send_message("a", "sent", "\nsent"));
  CHECK(read_message(stream.try_next().value()) == Received{id_of(manager, 1), "token", "1\n2"});
  CHECK(read_message(stream.try_next().value()) == Received{"", "tick", "tick\n"});
  CHECK(read_message(stream.try_next().value()) == Received{"", "sent", "\nsent"});
  CHECK_FALSE(stream.try_next());
  options.last_event_id = before;
  EventStream replay = manager.add_connection(options);
  CHECK(read_message(replay.try_next().value()) == Received{id_of(manager, 1), "token", "1\n2"});
  CHECK_FALSE(replay.try_next());
}

TEST_CASE("a filter sees a message whole, and may keep it") {
  EventManager manager(history_of(10));
  Event kept;
  sse::ConnectionOptions options;
  options.announce = false;
  options.filter = [&](const Event& event) {
    kept = event;
    return event.json() == "1\n2" && event.type() == "token";
  };
  EventStream stream = manager.add_connection(options);
  CHECK(manager.emit_message("token", "1\r2") == 1);
  CHECK(read_message(stream.try_next().value()) == Received{id_of(manager, 1), "token", "1\n2"});
  CHECK(read_message(kept) == Received{"", "token", "1\n2"});
}

TEST_CASE("a message may have max_event_size bytes of data and not one more") {
  sse::Options options;
  options.max_event_size = 10;
  EventManager manager(options);
  EventStream stream = add_quiet(manager, "id");
  for (const std::string& data : {std::string(10, 'a'), std::string(10, '\n'), "\r\n" + std::string(9, 'a')}) {
    CHECK(manager.emit_message("", data) == 1);
    CHECK(stream.try_next().value().json().size() == 10);
  }
  for (const std::string& data : {std::string(11, 'a'), std::string(11, '\n'), std::string(4, '\xFF')}) {
    CHECK_THROWS_AS(manager.emit_message("", data), sse::Error);
    CHECK_THROWS_AS(manager.send_message("id", "", data), sse::Error);
    CHECK(told(stream) == Words{"error", "error"});
  }
}

}  // namespace
}  // namespace sse_test
