// Every frame parses back to what was written: types, data, topics and reasons of any bytes.
#include <sse/parser.hpp>
#include <sse/sse.hpp>

#include <string>
#include <vector>

#include "support.hpp"

namespace {

std::string utf8(std::string_view text) {
  std::string out;
  sse::wire::append_utf8(out, text);
  return out;
}
std::string on_one_line(std::string_view text) {
  std::string out;
  sse::wire::append_line(out, text);
  return out;
}
/// The data of a message as a reader gets it: each line's end is a LF.
std::string with_lf(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    out.push_back(text[i] == '\r' ? '\n' : text[i] == '\0' ? ' ' : text[i]);
  }
  return utf8(out);
}

std::vector<sse::Message> parse(std::string_view bytes) {
  sse::Parser parser;
  std::vector<sse::Message> messages;
  EXPECT(!parser.feed(bytes, [&](sse::Message&& message) { messages.push_back(std::move(message)); }));
  return messages;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::uint8_t how = input.byte();
  const std::string_view type = input.take(input.byte());
  const std::string_view text = input.rest();

  sse::Options settings;
  settings.history_size = how & 1;
  settings.named_events = (how & 2) != 0;
  sse::EventManager events(settings);
  sse::ConnectionOptions options;
  options.announce = false;
  sse::EventStream stream = events.add_connection(options);
  sse::EmitOptions emit;
  emit.topic = emit.key = std::string(type);

  events.emit_event(type, std::string(text), emit);
  events.emit_message(type, text, emit);
  const auto event = stream.try_next(), message = stream.try_next();
  EXPECT(event && message && event->type() == type && message->type() == type && message->topic() == type);
  const auto read = parse(std::string(event->frame()).append(message->frame()));
  EXPECT(read.size() == 2);
  EXPECT(read[0].data == event->json() && read[1].data == message->json() && read[1].data == with_lf(text));
  const auto json = nlohmann::json::parse(read[0].data);
  EXPECT(json.at("type") == utf8(type) && json.at("data") == utf8(text));
  const std::string named = type.empty() ? "message" : on_one_line(type);
  EXPECT(read[0].type == (settings.named_events ? named : "message") && read[1].type == named);
  EXPECT(read[0].last_event_id == event->id() && read[1].last_event_id == message->id());
  EXPECT(event->id().empty() == (settings.history_size == 0));

  events.disconnect_all(text);
  stream.close();
  return 0;
}
