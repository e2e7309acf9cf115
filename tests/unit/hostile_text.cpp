#include <random>

#include "support.hpp"

namespace sse_test {
namespace {

struct Text {
  std::string bytes, decoded;  // `decoded` as the Encoding Standard's UTF-8 decoder has it
};

#define FFFD "\xEF\xBF\xBD"
const Text texts[] = {
    {"", ""},
    {"\n", "\n"},
    {"\r\ndata: x\r\n\r\n", "\r\ndata: x\r\n\r\n"},
    {std::string("a\0b", 3), std::string("a\0b", 3)},
    {"\",\"x\":{}}\\", "\",\"x\":{}}\\"},
    {"\xE2\x80\xA8\xE2\x80\xA9\xC2\x85\xEF\xBB\xBF", "\xE2\x80\xA8\xE2\x80\xA9\xC2\x85\xEF\xBB\xBF"},
    {": x", ": x"},
    {"</script><!--\x7F\x1B[0m", "</script><!--\x7F\x1B[0m"},
    {"\xFF", FFFD},
    {"\x80z", FFFD "z"},
    {"\xC0\xAF", FFFD FFFD},
    {"\xE2\x82", FFFD},
    {"\xE2\x82\n", FFFD "\n"},
    {"\xE2(\xA1", FFFD "(" FFFD},
    {"\xED\xA0\x80", FFFD FFFD FFFD},
    {"\xF0\x80\x80\x41", FFFD FFFD FFFD "A"},
    {"\xF0\x9F\x98\x80\xF0\x9F\x98", "\xF0\x9F\x98\x80" FFFD},
    {"\xF4\x90\x80\x80", FFFD FFFD FFFD FFFD},
    {"\xF8\x88\x80\x80\x80", FFFD FFFD FFFD FFFD FFFD},
};

std::string on_one_line(std::string text) {
  for (char& c : text)
    if (c == '\r' || c == '\n' || c == '\0') c = ' ';
  return text;
}

sse::Options named() {
  sse::Options options;
  options.named_events = true;
  return options;
}

TEST_CASE("no text that a user passes breaks a frame, and each arrives as a browser decodes it") {
  for (const auto& [bytes, decoded] : texts) {
    INFO("text: " << json(decoded).dump());
    EventManager manager(named());
    EventStream stream = manager.add_connection(bytes, bytes);
    const std::string id = bytes.empty() ? stream.connection_id() : bytes;
    CHECK(stream.connection_id() == id);
    CHECK(stream.request_id() == bytes);
    CHECK(read_frame(stream.try_next().value()).body["connection_id"] == (bytes.empty() ? id : decoded));
    CHECK_NOTHROW(json(manager.get_connection_info()).dump());

    manager.emit_event(bytes, json{{bytes, bytes}});
    Event event = stream.try_next().value();
    CHECK(event.type() == bytes);
    const Frame frame = read_frame(event);
    CHECK(frame.keys() == "type,data,timestamp");
    CHECK(frame.body["type"] == decoded);
    CHECK(frame.body["data"] == ordered_json{{decoded, decoded}});
    if (bytes.empty())
      CHECK(frame.fields.count("event") == 0);
    else
      CHECK(frame.fields.at("event") == on_one_line(decoded));

    CHECK(manager.send_event(id, bytes, bytes));
    CHECK(word(stream.try_next().value()) == json(decoded).dump());
    CHECK(manager.disconnect(id, bytes));
    event = stream.try_next().value();
    CHECK(bytes.empty() != (read_frame(event).body["message"] == decoded));
  }
}

TEST_CASE("random bytes break no frame, in the type, the data, an id, a reason or a text that is JSON already") {
  std::mt19937 random(2);
  EventManager manager(named());
  for (int round = 0; round < 1000; ++round) {
    std::string bytes(random() % 12 + 1, ' ');
    for (char& c : bytes) c = random() % 3 == 0 ? "\r\n\0\":{\xE2\x80"[random() % 8] : static_cast<char>(random());
    EventStream stream = manager.add_connection(bytes);
    read_frame(stream.try_next().value());
    manager.emit_event(bytes, bytes);
    const Frame frame = read_frame(stream.try_next().value());
    REQUIRE(frame.keys() == "type,data,timestamp");
    REQUIRE(frame.body["type"] == frame.body["data"]);
    REQUIRE(frame.fields.at("event") == on_one_line(frame.body["type"]));
    for (char& c : bytes)  // what JSON allows in a string, so that the caller's promise holds
      if (c == '"' || c == '\\' || static_cast<unsigned char>(c) < ' ') c = '\xFF';
    manager.emit_json("x", '"' + bytes + "\"\r\n");
    read_frame(stream.try_next().value());
    manager.disconnect_all(bytes);
    read_frame(stream.try_next().value());
    REQUIRE(stream.done());
  }
}

TEST_CASE("a comment and a field stay on their line") {
  std::string out;
  sse::wire::append_comment(out, "a\r\n\ndata: x\xFF");
  CHECK(out == ": a   data: x" FFFD "\n\n");
  out.clear();
  sse::wire::append_field(out, "event", std::string_view("a\0\nb", 4));
  CHECK(out == "event: a  b\n");
}

TEST_CASE("any byte of ASCII, wherever it stands in a line, stays or becomes a space") {
  for (std::size_t size = 1; size <= 20; ++size)
    for (std::size_t at = 0; at < size; ++at)
      for (char byte = 0; byte >= 0 && byte != 0x7F; ++byte) {
        std::string text(size, 'x'), wanted = text, out = "\n";  // what stands before is left as it is
        text[at] = byte;
        wanted[at] = byte == '\r' || byte == '\n' || byte == '\0' ? ' ' : byte;
        sse::wire::append_line(out, text);
        if (out != "\n" + wanted) FAIL("byte " << int{byte} << " at " << at << " of " << size);
      }
}

}  // namespace
}  // namespace sse_test
