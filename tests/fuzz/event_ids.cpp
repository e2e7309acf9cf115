// A client's place: whatever text it is, the stream begins with `connection`, tells what can't be replayed and the
// place after it, and then has each event that is held after that once, in order, and the live ones.
#include <sse/parser.hpp>
#include <sse/sse.hpp>

#include <string>

#include "support.hpp"

namespace {

std::uint64_t number_of(std::string_view id) {
  return std::stoull(std::string(id.substr(id.find('-') + 1)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const int emitted = 1 + input.byte() % 8;
  const bool own = input.byte() % 2 == 1;
  sse::Options settings;
  settings.history_size = 4;
  sse::EventManager events(settings);
  for (int i = 0; i < emitted; ++i) events.emit_event("x", i);

  sse::ConnectionOptions options;
  options.last_event_id = std::string(input.rest());
  if (own) {  // an id of this start, with the input behind the dash
    const sse::EventStream stream = events.add_connection();
    std::string id(const_cast<sse::EventStream&>(stream).try_next()->id());
    options.last_event_id = id.substr(0, id.find('-') + 1) + *options.last_event_id;
  }
  sse::EventStream stream = events.add_connection(options);
  events.emit_event("x", "live");
  const auto first = stream.try_next();
  EXPECT(first && first->type() == "connection" && !first->id().empty());
  std::uint64_t last = 0;
  bool any = false;
  while (const auto event = stream.try_next()) {
    sse::Parser parser;
    int messages = 0;
    parser.feed(event->frame(), [&](sse::Message&&) { ++messages; });
    EXPECT(messages == 1);
    if (event->type() == "overflow") EXPECT(!any && !event->id().empty());
    const std::uint64_t n = number_of(event->id());
    EXPECT(!any || n == last + 1);
    last = n;
    any = true;
  }
  EXPECT(last == static_cast<std::uint64_t>(emitted) + 1);
  return 0;
}
