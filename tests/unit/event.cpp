#include "support.hpp"

namespace sse_test {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Event emitted(EventManager& manager, std::string_view type, const json& data) {
  EventStream stream = add_quiet(manager);
  manager.emit_event(type, data);
  return stream.try_next().value();
}

TEST_CASE("an event's JSON is type, data and the present time, in this order") {
  EventManager manager;
  const double before = now();
  const json data = {{"b", {1, 2.5, nullptr, true}}, {"a", "é \" \\ \n \u2028 \t"}};
  const Frame frame = read_frame(emitted(manager, "some type", data));
  CHECK(frame.keys() == "type,data,timestamp");
  CHECK(frame.body["type"] == "some type");
  CHECK(json::parse(frame.body["data"].dump()) == data);
  CHECK(frame.body["timestamp"].get<double>() >= before - 1e-5);
  CHECK(frame.body["timestamp"].get<double>() <= now() + 1e-5);
}

TEST_CASE("an event is encoded once, shared by every stream and every copy, and outlives them all") {
  std::optional<EventManager> manager(std::in_place);
  std::optional<EventStream> one = add_quiet(*manager), other = add_quiet(*manager);
  manager->emit_event("x", 1);
  const Event first = one->try_next().value(), second = other->try_next().value();
  one.reset(), other.reset(), manager.reset();
  Event copy = first;
  CHECK(first.frame().data() == second.frame().data());
  CHECK(first.frame().data() == copy.frame().data());
  const Event moved = std::move(copy);
  CHECK(moved.json() == first.json());
  CHECK(std::string_view(moved) == first.json());
  for (const Event& event : {copy, Event()}) {  // NOLINT(bugprone-use-after-move): the rule
    CHECK(event.empty());
    CHECK((event.frame().empty() && event.json().empty() && event.type().empty() && event.id().empty()));
  }
}

TEST_CASE("type() is the text that was given, and there is no id without a history") {
  EventManager manager;
  const std::string type("a\r\n\0\xFF b", 7);
  const Event event = emitted(manager, type, {});
  CHECK(event.type() == type);
  CHECK(event.id().empty());
}

TEST_CASE("the frame has the type as its event field if the manager's events are named, notices included") {
  for (const bool named : {false, true}) {
    sse::Options options = queue_of(1);
    options.named_events = named;
    EventManager manager(options);
    EventStream stream = manager.add_connection();
    manager.emit_event("first", 1);
    manager.emit_event("sec\nond", 2);
    CHECK_THROWS(manager.send_event(stream.connection_id(), "x", Broken()));
    manager.disconnect_all();
    Words names;
    while (auto event = stream.try_next()) {
      const Frame frame = read_frame(*event);
      names.push_back(frame.fields.count("event") != 0 ? frame.fields.at("event") : "-");
    }
    CHECK(names == (named ? Words{"connection", "overflow", "error", "disconnect"} : Words(4, "-")));
  }
  sse::Options options;
  options.named_events = true;
  EventManager manager(options);
  CHECK(read_frame(emitted(manager, "a\r\nb", {})).fields.at("event") == "a  b");
  CHECK(read_frame(emitted(manager, "", {})).fields.count("event") == 0);
}

TEST_CASE("emit_json puts the text in as it is, on one line") {
  EventManager manager;
  EventStream stream = add_quiet(manager);
  CHECK(manager.emit_json("x", "{\"b\": 1,\r\n\"a\": 2}") == 1);
  const Event event = stream.try_next().value();
  CHECK(event.json().find("\"data\":{\"b\": 1,  \"a\": 2},\"timestamp\"") != std::string_view::npos);
  CHECK(read_frame(event).keys() == "type,data,timestamp");
}

TEST_CASE("an event may have max_event_size bytes of JSON and not one more") {
  sse::Options options;
  options.max_event_size = 100;
  EventManager manager(options);
  EventStream stream = add_quiet(manager);
  const std::size_t around = emitted(manager, "x", "").json().size();
  told(stream);
  manager.emit_event("x", std::string(100 - around, 'a'));
  CHECK(stream.try_next().value().json().size() == 100);
  const auto refused = [&](auto emit) {
    try {
      emit(std::string(101 - around, 'a'));
      FAIL("not refused");
    } catch (const sse::Error& error) {
      CHECK(std::string(error.what()).find("max_event_size is 100") != std::string::npos);
      CHECK(std::string(error.what()).find("101") != std::string::npos);
    }
    CHECK(told(stream) == Words{"error"});
  };
  refused([&](const std::string& text) { manager.emit_event("x", text); });
  refused([&](const std::string& text) { manager.emit_json("x", '"' + text + '"'); });
  refused([&](const std::string& text) { manager.send_event(stream.connection_id(), "x", text); });
}

}  // namespace
}  // namespace sse_test
