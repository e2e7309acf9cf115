#include <set>

#include "support.hpp"

namespace sse_test {
namespace {

template <class Call>
std::string error_of(Call call) {
  try {
    call();
  } catch (const sse::Error& error) {
    return error.what();
  }
  return "no sse::Error";
}
bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// Like a user's type whose conversion parses text and looks no further.
struct Unparsed {};
void to_json(nlohmann::json& json, const Unparsed&) {
  json = {{"body", nlohmann::json::parse("{", nullptr, false)}};
}

TEST_CASE("a discarded json is the emitter's error, however deep it lies") {
  EventManager manager;
  const nlohmann::json bad = nlohmann::json::parse("{", nullptr, false);
  CHECK(has(error_of([&] { manager.emit_event("x", bad); }), "discarded"));
  CHECK(has(error_of([&] { manager.emit_event("x", {{"list", {1, bad}}}); }), "discarded"));
  CHECK(has(error_of([&] { manager.emit_event("x", Unparsed()); }), "discarded"));
  CHECK_NOTHROW(manager.emit_event("x", "<discarded>"));
}

TEST_CASE("every overload means what it looks like") {
  EventManager plain, braces({}), sized(7), of_options(queue_of(8));
  CHECK(plain.get_connection_info().max_queue_size == 100);
  CHECK(braces.get_connection_info().max_queue_size == 100);
  CHECK(sized.get_connection_info().max_queue_size == 7);
  CHECK(of_options.get_connection_info().max_queue_size == 8);

  const std::string lvalue = "lvalue";
  EventStream random = plain.add_connection(), also_random = plain.add_connection({}),
              literal = plain.add_connection("id"), text = plain.add_connection(lvalue),
              view = plain.add_connection(std::string_view("view")), both = plain.add_connection("both", "request"),
              empty_id = plain.add_connection({}, "r");
  CHECK(random.connection_id().size() == 36);
  CHECK(also_random.connection_id().size() == 36);
  CHECK(empty_id.connection_id().size() == 36);
  CHECK(literal.connection_id() == "id");
  CHECK(text.connection_id() == "lvalue");
  CHECK(view.connection_id() == "view");
  CHECK(both.request_id() == "request");
  CHECK(empty_id.request_id() == "r");
  CHECK(plain.emit_event("x", {}) == 7);
  CHECK(plain.emit_event("x", {{"status", 200}, {"duration_ms", 12.5}}) == 7);
  CHECK(told(text) == Words{"connection", "null", R"({"duration_ms":12.5,"status":200})"});
}

TEST_CASE("co_await on every call form, its default arguments in place, destroys each temporary once") {
  EventManager manager;
  run([&]() -> asio::awaitable<void> {
    std::vector<std::optional<Event>> events;
    events.push_back(co_await manager.add_connection().next());
    events.push_back(co_await manager.add_connection({}).next());
    events.push_back(co_await manager.add_connection("an id that is too long for the string itself").next());
    events.push_back(co_await manager.add_connection("an id", "and a request that is too long for its string").next());
    events.push_back(co_await manager.add_connection(sse::ConnectionOptions()).next());
    events.push_back(co_await EventManager({}).add_connection({}).next());
    events.push_back(co_await EventManager(sse::Options()).add_connection().next());
    co_await manager.add_connection().async_wait(asio::use_awaitable);
    EventStream stream = manager.add_connection();
    events.push_back(co_await stream.next());
    for (const auto& event : events) CHECK(word(event.value()) == "connection");
    manager.emit_event("request_complete", {{"status", 200}, {"duration_ms", 12.5}});
    while (auto event = co_await stream.next()) {
      CHECK(word(*event) == R"({"duration_ms":12.5,"status":200})");
      stream.close();
    }
  });
  CHECK(manager.get_connection_count() == 0);
}

TEST_CASE("a random connection id is a UUID v4, and never the same") {
  EventManager manager;
  std::vector<EventStream> streams;
  std::set<std::string> ids;
  for (int i = 0; i < 2000; ++i) {
    streams.push_back(manager.add_connection());
    const std::string id = streams.back().connection_id();
    ids.insert(id);
    REQUIRE(id.size() == 36);
    for (std::size_t at = 0; at < id.size(); ++at) {
      const bool dash = at == 8 || at == 13 || at == 18 || at == 23;
      REQUIRE(std::string_view(dash ? "-" : at == 14 ? "4" : at == 19 ? "89ab" : "0123456789abcdef").find(id[at]) < 16);
    }
  }
  CHECK(ids.size() == 2000);
  CHECK(manager.get_connection_count() == 2000);
}

TEST_CASE("limits that make no sense, and limits that are reached, are told by name and number") {
  CHECK(has(error_of([] { EventManager(0); }), "max_queue_size must be at least 1"));
  CHECK(has(error_of([] { EventManager{queue_of(0)}; }), "max_queue_size must be at least 1"));
  CHECK_THROWS_AS(EventManager(-1), sse::Error);
  sse::Options options;
  options.max_connections = 2;
  EventManager manager(options);
  sse::ConnectionOptions no_queue;
  no_queue.max_queue_size = 0;
  CHECK(has(error_of([&] { (void)manager.add_connection(no_queue); }), "max_queue_size must be at least 1"));

  EventStream first = manager.add_connection("first");
  std::optional<EventStream> second = manager.add_connection("second");
  const std::string reached = error_of([&] { (void)manager.add_connection("third"); });
  CHECK(has(reached, "max_connections"));
  CHECK(has(reached, "2"));
  EventStream newer = manager.add_connection("first");  // takes the older one's place
  CHECK(manager.get_connection_count() == 2);
  second.reset();
  EventStream third = manager.add_connection("third");
  CHECK(has(error_of([&] { (void)manager.add_connection(); }), "max_connections"));
  CHECK(manager.get_connection_count() == 2);
}

TEST_CASE("a new connection ends the older one of its id, whose end does not touch the newer") {
  EventManager manager;
  std::optional<EventStream> older = manager.add_connection("id");
  manager.emit_event("number", 1);
  EventStream newer = manager.add_connection("id");
  CHECK(manager.get_connection_count() == 1);
  CHECK(manager.emit_event("number", 2) == 1);
  const Words words = told(*older);
  REQUIRE(words.size() == 3);
  CHECK(words[1] == "1");
  CHECK(words[2].starts_with("disconnect "));
  CHECK(older->done());
  older->close();
  older.reset();
  CHECK(manager.get_connection_count() == 1);
  CHECK(manager.send_event("id", "number", 3));
  CHECK(told(newer) == Words{"connection", "2", "3"});
}

TEST_CASE("disconnect_all with full queues: empty at once, every stream still delivers its queue, then its end") {
  EventManager manager(4);
  std::vector<EventStream> streams;
  for (int i = 0; i < 40; ++i) streams.push_back(manager.add_connection());
  emit_numbers(manager, 1, 6);
  manager.disconnect_all("restart");
  CHECK(manager.get_connection_count() == 0);
  CHECK(manager.get_connection_info().connections.empty());
  EventStream after = manager.add_connection();
  emit_numbers(manager, 7, 7);
  for (EventStream& stream : streams) {
    REQUIRE(told(stream) == Words{"connection", "overflow 2", "3", "4", "5", "6", "disconnect restart"});
    REQUIRE(stream.done());
  }
  CHECK(told(after) == Words{"connection", "7"});
}

TEST_CASE("send_event reaches one connection, disconnect ends one") {
  EventManager manager(2);
  EventStream one = add_quiet(manager, "one"), other = manager.add_connection("other");
  CHECK(manager.send_event("other", "x", 1));
  CHECK(manager.send_event("other", "x", {{"a", 2}}));
  CHECK(manager.send_event("other", "x", 3));
  CHECK_FALSE(manager.send_event("nobody", "x", 4));
  CHECK(manager.disconnect("other"));
  CHECK_FALSE(manager.disconnect("other", "twice"));
  CHECK_FALSE(manager.send_event("other", "x", 5));
  CHECK(manager.get_connection_count() == 1);
  const Words words = told(other);
  REQUIRE(words.size() == 5);
  CHECK(Words(words.begin(), words.end() - 1) == Words{"connection", "overflow 1", R"({"a":2})", "3"});
  CHECK(words.back().size() > std::string("disconnect ").size());
  CHECK(told(one).empty());
}

TEST_CASE("the info has a row for each connection, and a JSON form") {
  EventManager manager(2);
  EventStream stream = add_quiet(manager, "a\xFF");
  EventStream other = manager.add_connection("b", "request");
  emit_numbers(manager, 1, 3);
  told(stream);
  const sse::ConnectionInfo info = manager.get_connection_info();
  CHECK(info.active_connections == 2);
  CHECK(std::set<std::string>(info.connection_ids.begin(), info.connection_ids.end()) ==
        std::set<std::string>{"a\xFF", "b"});
  json form;
  REQUIRE_NOTHROW(form = json::parse(json(info).dump()));
  CHECK(form["active_connections"] == 2);
  CHECK(form["max_queue_size"] == 2);
  REQUIRE(form["connections"].size() == 2);
  json rows;
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(form["connection_ids"][i] == form["connections"][i]["connection_id"]);
    rows[form["connections"][i]["connection_id"].get<std::string>()] = form["connections"][i];
  }
  CHECK(rows["b"] == json{{"connection_id", "b"}, {"request_id", "request"}, {"queued", 2}, {"dropped", 1}});
  CHECK(rows["a\uFFFD"]["queued"] == 0);
  CHECK(rows["a\uFFFD"]["dropped"] == 1);
}

TEST_CASE("data that can't be formatted is the emitter's error, and the clients that it was for get an error event") {
  EventManager manager;
  EventStream stream = add_quiet(manager, "one"), other = add_quiet(manager);
  Words failures;
  sse::Observer observer;
  observer.format_failure = [&](std::string_view type, std::string_view what) {
    failures.push_back(std::string(type) + ": " + std::string(what));
  };
  manager.set_observer(observer);
  CHECK_THROWS_AS(manager.emit_event("x", Broken()), std::runtime_error);
  const Frame frame = read_frame(stream.try_next().value());
  CHECK(frame.keys() == "type,message,timestamp");
  CHECK(frame.body["type"] == "error");
  CHECK(frame.body["message"] == "Failed to format event");
  CHECK(told(other) == Words{"error"});
  CHECK_THROWS_AS(manager.send_event("one", "y", Broken()), std::runtime_error);
  CHECK_THROWS_AS(manager.emit_event("z", json::parse("{", nullptr, false)), sse::Error);
  CHECK(told(stream) == Words{"error", "error"});
  CHECK(told(other) == Words{"error"});
  REQUIRE(failures.size() == 3);
  CHECK(failures[0] == "x: a broken type");
  CHECK(failures[1] == "y: a broken type");
  CHECK(failures[2].starts_with("z: "));
  CHECK(manager.emit_event("x", 1) == 2);
}

TEST_CASE("the observer is told of each connection's coming and going, and of each gap once") {
  EventManager manager(2);
  Words seen;
  sse::Observer observer;
  observer.connection_added = [&](const sse::ConnectionRow& row) { seen.push_back("+" + row.connection_id); };
  observer.connection_removed = [&](const sse::ConnectionRow& row, std::string_view reason) {
    seen.push_back("-" + row.connection_id + " " + std::to_string(row.dropped) + " " + std::string(reason));
  };
  observer.overflow = [&](const sse::ConnectionRow& row) {
    seen.push_back("!" + row.connection_id + " " + std::to_string(row.dropped));
  };
  manager.set_observer(observer);
  const auto take = [&] { return std::exchange(seen, {}); };

  std::optional<EventStream> a = manager.add_connection("a", "r"), b = manager.add_connection("b");
  CHECK(take() == Words{"+a", "+b"});
  emit_numbers(manager, 1, 5);
  const Words gaps = take();
  CHECK(std::set<std::string>(gaps.begin(), gaps.end()) == std::set<std::string>{"!a 1", "!b 1"});
  CHECK(gaps.size() == 2);
  told(*a);
  for (int i = 0; i < 4; ++i) manager.send_event("a", "x", i);
  CHECK(take() == Words{"!a 4"});
  EventStream newer = manager.add_connection("a");
  const Words replaced = take();
  REQUIRE(replaced.size() == 2);
  CHECK(replaced[0].starts_with("-a 5 "));
  CHECK(replaced[1] == "+a");
  a.reset();
  CHECK(take().empty());
  manager.disconnect("b", "why not");
  CHECK(take() == Words{"-b 3 why not"});
  b.reset();
  newer.close("had enough");
  newer.close("again");
  CHECK(take() == Words{"-a 0 had enough"});
  EventStream last = manager.add_connection("c");
  manager.disconnect_all("over");
  CHECK(take() == Words{"+c", "-c 0 over"});
  manager.set_observer({});
  EventStream unseen = manager.add_connection();
  CHECK(take().empty());
}

TEST_CASE("an observer that throws harms nobody") {
  EventManager manager(1);
  sse::Observer observer;
  observer.connection_added = [](const auto&) { throw 1; };
  observer.connection_removed = [](const auto&, auto) { throw 2; };
  observer.overflow = [](const auto&) { throw 3; };
  observer.format_failure = [](auto, auto) { throw 4; };
  manager.set_observer(observer);
  EventStream stream = manager.add_connection();
  emit_numbers(manager, 1, 3);
  CHECK_THROWS_AS(manager.emit_event("x", Broken()), std::runtime_error);
  manager.disconnect_all("bye");
  CHECK(told(stream) == Words{"connection", "overflow 3", "error", "disconnect bye"});
}

// Each of these calls would hang if its caller held a lock.
void use(EventManager& manager) {
  EventStream own = add_quiet(manager, "from inside");
  manager.send_event("from inside", "x", 1);
  manager.disconnect("from inside");
  manager.get_connection_info();
  EventStream again = add_quiet(manager, "from inside");
  manager.emit_event("x", manager.get_connection_count());
}

struct Nosy {
  EventManager* manager;
};
void to_json(json& form, const Nosy& nosy) {
  use(*nosy.manager);
  form = "nosy";
}

TEST_CASE("no lock is held while a to_json or an observer runs: each may use the manager") {
  EventManager manager(2);
  std::vector<EventStream> streams;
  for (int i = 0; i < 40; ++i) streams.push_back(add_quiet(manager, "stream " + std::to_string(i)));
  CHECK(manager.emit_event("x", Nosy{&manager}) == 40);
  CHECK(manager.send_event("stream 0", "x", Nosy{&manager}));
  for (EventStream& stream : streams) told(stream);

  const auto heard_of = [&](auto act) {
    bool busy = false, heard = false;
    const auto inside = [&] {
      heard = true;
      if (std::exchange(busy, true)) return;
      use(manager);
      busy = false;
    };
    sse::Observer observer;
    observer.connection_added = [&](const auto&) { inside(); };
    observer.connection_removed = [&](const auto&, auto) { inside(); };
    observer.overflow = [&](const auto&) { inside(), manager.set_observer({}); };
    observer.format_failure = [&](auto, auto) { inside(); };
    manager.set_observer(observer);
    act();
    manager.set_observer({});
    return heard;
  };
  CHECK(heard_of([&] { emit_numbers(manager, 1, 3); }));
  for (EventStream& stream : streams) told(stream);
  CHECK(heard_of([&] {
    for (int i = 0; i < 3; ++i) manager.send_event("stream 0", "x", i);
  }));
  CHECK(heard_of([&] { streams[0] = manager.add_connection("stream 0"); }));
  CHECK(heard_of([&] { manager.disconnect("stream 1"); }));
  CHECK(heard_of([&] { streams.pop_back(); }));
  CHECK(heard_of([&] { streams[2].close(); }));
  CHECK(heard_of([&] { CHECK_THROWS(manager.emit_event("x", Broken())); }));
  CHECK(heard_of([&] { manager.disconnect_all(); }));
}

TEST_CASE("an ordered_json is sent in the order given") {
  const ordered_json data = {{"z", 1}, {"a", {{"y", 2}, {"b", 3}}}};
  EventManager manager;
  EventStream stream = manager.add_connection("c", "");
  (void)stream.try_next();
  manager.emit_event("x", data);
  manager.send_event("c", "x", data);
  for (int i = 0; i < 2; ++i)
    CHECK(stream.try_next().value().json().starts_with(R"({"type":"x","data":{"z":1,"a":{"y":2,"b":3}},"timestamp":)"));
  ordered_json discarded = ordered_json::parse("{", nullptr, false);
  CHECK_THROWS_AS(manager.emit_event("x", discarded), sse::Error);
}

}  // namespace
}  // namespace sse_test
