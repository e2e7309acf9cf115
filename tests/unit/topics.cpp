#include <algorithm>
#include <memory>
#include <random>
#include <set>

#include "support.hpp"

namespace sse_test {
namespace {

sse::ConnectionOptions wanting(Words topics) {
  sse::ConnectionOptions options;
  options.topics = std::move(topics);
  options.announce = false;
  return options;
}

/// A type whose conversions are counted.
struct Counted {
  int* conversions;
};
void to_json(json& form, const Counted& counted) {
  form = ++*counted.conversions;
}

TEST_CASE("an event reaches those that want its topic, and one without a topic everybody") {
  EventManager manager;
  EventStream wide = manager.add_connection(wanting({})), a = manager.add_connection(wanting({"a"})),
              ab = manager.add_connection(wanting({"a", "b"})), none = manager.add_connection(wanting({""}));
  CHECK(manager.emit_event("x", "to a", on_topic("a")) == 3);
  CHECK(manager.emit_event("x", "to b", on_topic("b")) == 2);
  CHECK(manager.emit_json("x", "\"to c\"", on_topic("c")) == 1);
  CHECK(manager.emit_event("x", "to all") == 4);
  CHECK(manager.send_event(none.connection_id(), "x", "sent"));
  CHECK(told(wide) == Words{"\"to a\"", "\"to b\"", "\"to c\"", "\"to all\""});
  CHECK(told(a) == Words{"\"to a\"", "\"to all\""});
  CHECK(told(ab) == Words{"\"to a\"", "\"to b\"", "\"to all\""});
  CHECK(told(none) == Words{"\"to all\"", "\"sent\""});
  ab.close();
  CHECK(manager.emit_event("x", "to b", on_topic("b")) == 1);
}

TEST_CASE("an event on a topic that nobody wants costs no encoding, but what is kept is made for who comes later") {
  int conversions = 0;
  EventManager manager;
  CHECK(manager.emit_event("x", Counted{&conversions}, on_topic("a")) == 0);
  EventStream other = manager.add_connection(wanting({"b"}));
  CHECK(manager.emit_event("x", Counted{&conversions}, on_topic("a")) == 0);
  CHECK(conversions == 0);
  {
    EventStream a = manager.add_connection(wanting({"a"}));
    CHECK(manager.emit_event("x", Counted{&conversions}, on_topic("a")) == 1);
    CHECK(conversions == 1);
  }
  {
    EventStream wide = manager.add_connection();
    CHECK(manager.emit_event("x", Counted{&conversions}, on_topic("a")) == 1);
    CHECK(conversions == 2);
  }
  CHECK(manager.emit_event("x", Broken(), on_topic("a")) == 0);

  EventManager keeps(history_of(10));
  CHECK(keeps.emit_event("x", Counted{&conversions}, on_topic("a")) == 0);
  CHECK(conversions == 3);
  sse::EmitOptions tick = on_topic("a");
  tick.transient = true;
  CHECK(keeps.emit_event("x", Counted{&conversions}, tick) == 0);
  CHECK(conversions == 3);
}

TEST_CASE("subscribe and unsubscribe count from the next event on") {
  EventManager manager;
  sse::ConnectionOptions options = wanting({""});
  options.connection_id = "tab";
  EventStream tab = manager.add_connection(options);
  manager.emit_event("x", 1, on_topic("a"));
  CHECK(manager.subscribe("tab", "a"));
  CHECK(manager.subscribe("tab", "b"));
  CHECK(manager.subscribe("tab", "a"));
  CHECK(manager.emit_event("x", 2, on_topic("a")) == 1);
  CHECK(manager.emit_event("x", 3, on_topic("b")) == 1);
  CHECK(manager.unsubscribe("tab", "a"));
  CHECK_FALSE(manager.unsubscribe("tab", "a"));
  CHECK_FALSE(manager.unsubscribe("tab", "c"));
  CHECK(manager.emit_event("x", 4, on_topic("a")) == 0);
  CHECK(manager.emit_event("x", 5, on_topic("b")) == 1);
  CHECK(manager.unsubscribe("tab", "b"));
  CHECK(manager.unsubscribe("tab", ""));
  CHECK(manager.emit_event("x", 6, on_topic("b")) == 0);
  CHECK(manager.emit_event("x", 7) == 1);
  CHECK(told(tab) == Words{"2", "3", "5", "7"});
  CHECK_FALSE(manager.subscribe("nobody", "a"));
  CHECK_FALSE(manager.unsubscribe("nobody", "a"));
  manager.disconnect("tab");
  CHECK_FALSE(manager.subscribe("tab", "a"));
}

TEST_CASE("a connection that wants every topic goes on to, whatever it subscribes to") {
  EventManager manager;
  EventStream wide = add_quiet(manager, "wide");
  CHECK(manager.subscribe("wide", "a"));
  CHECK(manager.emit_event("x", 1, on_topic("a")) == 1);
  CHECK_FALSE(manager.unsubscribe("wide", "a"));
  CHECK(manager.emit_event("x", 2, on_topic("a")) == 1);
  CHECK(manager.emit_event("x", 3, on_topic("b")) == 1);
  CHECK(told(wide) == numbers(1, 3));
}

TEST_CASE("a topic that is named twice is wanted once") {
  EventManager manager;
  sse::ConnectionOptions options = wanting({"a", "b", "a", "a"});
  options.connection_id = "id";
  EventStream stream = manager.add_connection(options);
  CHECK(manager.emit_event("x", 1, on_topic("a")) == 1);
  CHECK(manager.unsubscribe("id", "a"));
  CHECK(manager.emit_event("x", 2, on_topic("a")) == 0);
  CHECK(manager.emit_event("x", 3, on_topic("b")) == 1);
  CHECK(told(stream) == Words{"1", "3"});
}

TEST_CASE("a topic is any bytes, compared as they are, and not on the wire") {
  const Words topics{"a",
                     "A",
                     "a ",
                     " a",
                     "a\n",
                     std::string("a\0", 2),
                     std::string("a\0b", 3),
                     "\r\ndata: x\n\n",
                     "\xFF",
                     "\xEF\xBF\xBD",
                     "é",
                     "e\xCC\x81",
                     "*",
                     "a/b",
                     std::string(1'000'000, 'a')};
  EventManager manager;
  std::vector<EventStream> streams;
  for (const std::string& topic : topics) streams.push_back(manager.add_connection(wanting({topic})));
  for (std::size_t i = 0; i < topics.size(); ++i) {
    INFO("topic " << i);
    CHECK(manager.emit_event("x", i, on_topic(topics[i])) == 1);
    const Event event = streams[i].try_next().value();
    CHECK(event.topic() == topics[i]);
    CHECK(word(event) == std::to_string(i));
    CHECK(event.frame().size() < 100);
  }
}

TEST_CASE("a replay has the events of the topics that a connection has from the start") {
  EventManager manager(history_of(100, 1));
  const std::string before = id_of(manager, 0);
  for (int i = 1; i <= 9; ++i) manager.emit_event("number", i, on_topic(i % 3 == 0 ? "" : i % 3 == 1 ? "a" : "b"));
  const auto replayed = [&](Words topics) {
    sse::ConnectionOptions options = wanting(std::move(topics));
    options.last_event_id = before;
    EventStream stream = manager.add_connection(options);
    manager.subscribe(stream.connection_id(), "b");
    return lines(stream);
  };
  CHECK(replayed({}) == numbered(1, 9));
  CHECK(replayed({"a", "b"}) == numbered(1, 9));
  CHECK(replayed({"a"}) == Words{"1 #1", "3 #3", "4 #4", "6 #6", "7 #7", "9 #9"});
  CHECK(replayed({""}) == Words{"3 #3", "6 #6", "9 #9"});
}

TEST_CASE("a gap counts what the connection wanted, where the history still knew it") {
  EventManager manager(history_of(4));
  for (int i = 1; i <= 6; ++i) manager.emit_event("number", i, on_topic(i % 2 == 0 ? "even" : "odd"));
  sse::ConnectionOptions options = wanting({"even"});
  options.last_event_id = id_of(manager, 1);
  EventStream stream = manager.add_connection(options), other = manager.add_connection(options);
  CHECK(line(stream.try_next().value()) == "overflow 1 #2-#2");  // it has gone: perhaps it was wanted
  CHECK(line(stream.try_next().value()) == "4 #4");
  for (int i = 7; i <= 9; ++i) manager.emit_event("number", i, on_topic(i % 2 == 0 ? "even" : "odd"));
  CHECK(lines(stream) == Words{"6 #6", "8 #8"});
  CHECK(stream.dropped() == 1);
  manager.emit_event("number", 10, on_topic("even"));
  CHECK(lines(other) == Words{"overflow 3 #2-#6", "8 #8", "10 #10"});
}

TEST_CASE("an event that a connection does not want takes no place in its queue and is not counted as lost") {
  EventManager manager(1);
  EventStream stream = manager.add_connection(wanting({"a"}));
  manager.emit_event("x", 1, on_topic("a"));
  EventStream wide = add_quiet(manager);
  for (int i = 0; i < 10; ++i) manager.emit_event("x", i, on_topic("b"));
  CHECK(told(stream) == Words{"1"});
  CHECK(stream.dropped() == 0);
}

TEST_CASE("ten thousand different sets of topics, each with its own events") {
  constexpr std::size_t names = 142;  // in pairs: 10,011 sets
  EventManager manager(history_of(1000));
  const auto name = [](std::size_t topic) { return "topic " + std::to_string(topic); };
  std::vector<EventStream> streams;
  std::vector<std::pair<std::size_t, std::size_t>> sets;
  for (std::size_t one = 0; one < names; ++one)
    for (std::size_t other = 0; other < one; ++other) {
      streams.push_back(manager.add_connection(wanting({name(one), name(other)})));
      sets.emplace_back(one, other);
    }
  const auto check = [&](std::size_t topic, std::size_t wanted) {
    REQUIRE(manager.emit_event("x", topic, on_topic(name(topic))) == wanted);
    for (std::size_t i = 0; i < streams.size(); ++i) {
      const std::optional<Event> event = streams[i].try_next();
      REQUIRE(event.has_value() == (sets[i].first == topic || sets[i].second == topic));
    }
  };
  for (const std::size_t topic : {std::size_t{0}, std::size_t{77}, names - 1}) check(topic, names - 1);
  // A third topic for each second one of them, and other sets again.
  for (std::size_t i = 0; i < streams.size(); i += 2) {
    const std::size_t third = (sets[i].first + sets[i].second + 1) % names;
    REQUIRE(manager.subscribe(streams[i].connection_id(), name(third)));
    REQUIRE(manager.unsubscribe(streams[i].connection_id(), name(sets[i].first)) == true);
    if (third != sets[i].first)
      sets[i].first = third;
    else
      sets[i].first = names;  // it has lost it
  }
  for (const std::size_t topic : {std::size_t{0}, std::size_t{77}, names - 1}) {
    const auto has = [&](const auto& set) { return set.first == topic || set.second == topic; };
    check(topic, static_cast<std::size_t>(std::count_if(sets.begin(), sets.end(), has)));
  }
  streams.clear();
  CHECK(manager.emit_event("x", 1, on_topic(name(0))) == 0);
}

TEST_CASE("however connections and topics come and go, each event reaches exactly those that want it") {
  struct Client {
    EventStream stream;
    std::set<std::string> topics;
  };
  std::mt19937 random(4);
  const auto some_topic = [&] { return std::string(1, "abcde"[random() % 5]); };
  EventManager manager;
  std::map<std::string, Client> clients;
  std::size_t events = 0;
  for (int step = 0; step < 8000; ++step) {
    const std::string id = std::to_string(random() % 100), topic = some_topic();
    const auto client = clients.find(id);
    const auto kind = random() % 8;
    if (kind == 0) {
      sse::ConnectionOptions options = wanting({some_topic(), some_topic()});
      options.connection_id = id;
      EventStream stream = manager.add_connection(options);
      clients.erase(id);
      clients.emplace(id, Client{std::move(stream), {options.topics.begin(), options.topics.end()}});
    } else if (kind == 1) {
      clients.erase(id);
    } else if (kind <= 3) {
      REQUIRE(manager.subscribe(id, topic) == (client != clients.end()));
      if (client != clients.end()) client->second.topics.insert(topic);
    } else if (kind <= 5) {
      REQUIRE(manager.unsubscribe(id, topic) == (client != clients.end() && client->second.topics.erase(topic) == 1));
    } else {
      std::size_t wanted = 0;
      for (const auto& [_, other] : clients) wanted += other.topics.count(topic);
      REQUIRE(manager.emit_event("x", step, on_topic(topic)) == wanted);
      events += wanted;
      for (auto& [_, other] : clients)
        REQUIRE(told(other.stream) == Words(other.topics.count(topic), std::to_string(step)));
    }
  }
  CHECK(events > 10'000);
}

}  // namespace
}  // namespace sse_test
