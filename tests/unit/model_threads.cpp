#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <set>
#include <thread>

#include "support.hpp"

// Properties that hold whichever way threads meet: random clients that are cut and resume, and slow readers that stay.

namespace sse_test {
namespace {

using sse::ConnectionOptions, sse::EmitOptions, sse::OverflowPolicy;

constexpr int rounds = sanitized ? 4 : 10;
constexpr int emitters = 3, events_each = 300, switches = 200;

/// The number of an id `<start>-<n>`; 0: none.
std::uint64_t number_of(std::string_view id) {
  return id.empty() ? 0 : std::stoull(std::string(id.substr(id.find('-') + 1)));
}

/// Waits until something waits; false: the wait has not ended.
bool wait_for(EventStream& stream) {
  return stream.async_wait(asio::use_future).wait_for(deadline) == std::future_status::ready;
}

/// How far the emitters of a round are; a slow reader lets some events go by.
class Progress {
 public:
  void step() { ++steps_; }
  void finish() { finished_ = true; }
  void let_pass(std::size_t events) const {
    for (const std::size_t until = steps_ + events; steps_ < until && !finished_;) std::this_thread::yield();
  }

 private:
  std::atomic<std::size_t> steps_ = 0;
  std::atomic<bool> finished_ = false;
};

/// All that was emitted with an id, by number, as a connection with room for everything has read it.
struct Truth {
  enum class Wanted { no, maybe, yes };
  struct Entry {
    std::string topic, json;
    bool even = false;
    Wanted z = Wanted::no;  // whether connections that are subscribed to `z` for some time get it
  };
  std::vector<Entry> entries = {{}};  // of the numbers from 0 on; 0 is none
  bool dense = true;

  explicit Truth(EventStream& witness) {
    std::vector<Event> events;
    witness.drain(events, std::size_t(-1));
    auto z = Wanted::no;
    for (const Event& event : events) {
      if (event.type() == "connection") continue;
      dense = dense && number_of(event.id()) == entries.size();
      const json data = json::parse(event.json())["data"];
      if (event.type() == "mark") z = data == "on" ? Wanted::yes : data == "off" ? Wanted::no : Wanted::maybe;
      entries.push_back({std::string(event.topic()), std::string(event.json()),
                         event.type() != "number" || data[1].get<int>() % 2 == 0, z});
    }
  }
};

/// A client's request, and all that it reads, cut and resumed, until it sees the event `end`.
struct Client {
  std::string id;
  std::set<std::string> topics;  // none: every topic
  bool even_only = false, z = false, cuts = true;
  OverflowPolicy policy = OverflowPolicy::drop_oldest;
  std::uint64_t seed = 0;

  struct Read {
    enum class Kind { session, event, gap } kind;
    std::uint64_t n, last = 0;  // of a gap: from n to last
    std::size_t count = 0;
    std::string json = {};
    std::uint64_t place = 0;  // of a gap: the id of its notice
  };
  std::vector<Read> reads;
  std::string problem;

  ConnectionOptions options(const std::string& last_event_id) const {
    ConnectionOptions options;
    options.connection_id = id;
    options.topics.assign(topics.begin(), topics.end());
    options.max_queue_size = 6;
    options.overflow_policy = policy;
    if (!last_event_id.empty()) options.last_event_id = last_event_id;
    if (even_only)
      options.filter = [](const Event& event) {
        if (event.type() != "number") return true;
        const int i = json::parse(event.json())["data"][1];
        if (i % 16 == 0) std::this_thread::yield();
        return i % 2 == 0;
      };
    return options;
  }

  /// The first session is added by the test, before anything is emitted.
  void run(EventManager& manager, EventStream stream, const Progress& progress) {
    std::mt19937_64 random(seed);
    std::string last_event_id;
    for (;;) {
      const std::size_t session = 1 + random() % 30;
      std::vector<Event> events;
      for (std::size_t count = 0; !cuts || count < session; ++count) {
        if (!wait_for(stream)) return fail("a wait has not ended");
        if (random() % 16 == 0) progress.let_pass(random() % 60);
        events.clear();
        stream.drain(events, 1 + random() % 4);
        for (const Event& event : events) {
          if (!event.id().empty()) last_event_id = event.id();
          note(event);
          if (event.type() == "end") return;
        }
        if (stream.done()) break;
      }
      if (random() % 2 == 0) stream.close();  // else the new connection ends it
      if (random() % 8 == 0) progress.let_pass(random() % 80);
      stream = manager.add_connection(options(last_event_id));
    }
  }

  /// The fault in the events that it has read; empty: none.
  std::string check(const Truth& truth) const {
    if (!problem.empty()) return problem;
    std::vector<bool> covered(truth.entries.size());
    std::uint64_t cursor = 0, position = 0;
    bool begins = true;  // the gap that comes may be of before the session
    for (const Read& read : reads) {
      const std::string where = " at " + std::to_string(read.n) + " after " + std::to_string(position);
      if (read.kind == Read::Kind::session) {
        if (read.n != cursor) return "the session goes on" + where + ", the client is at " + std::to_string(cursor);
        std::fill(covered.begin() + static_cast<std::ptrdiff_t>(cursor) + 1, covered.end(), false);
        position = cursor;
        begins = true;
        continue;
      }
      const std::uint64_t last = read.kind == Read::Kind::gap ? read.last : read.n;
      if (read.n <= position || last < read.n || last >= truth.entries.size()) return "out of order" + where;
      std::size_t sure = 0, possible = 0;
      for (std::uint64_t n = read.n; n <= last; ++n) {
        sure += wants(truth.entries[n]) == Truth::Wanted::yes;
        possible += wants(truth.entries[n]) != Truth::Wanted::no;
        covered[n] = true;
      }
      if (read.kind == Read::Kind::event) {
        if (possible == 0) return "unwanted" + where;
        if (read.json != truth.entries[read.n].json) return "another event" + where;
        cursor = read.n;
      } else {
        if (begins && (even_only || !topics.empty())) possible = static_cast<std::size_t>(last - read.n) + 1;
        if (read.count < sure || read.count > possible)
          return "a gap of " + std::to_string(read.count) + where + ", not of " + std::to_string(sure) + " to " +
                 std::to_string(possible);
        if (read.place != 0) cursor = read.place;
      }
      position = last;
      begins = false;
    }
    for (std::size_t n = 1; n < covered.size(); ++n)
      if (!covered[n] && wants(truth.entries[n]) == Truth::Wanted::yes)
        return "lost without notice: " + std::to_string(n);
    return {};
  }

 private:
  void fail(const std::string& what) {
    if (problem.empty()) problem = what;
  }

  void note(const Event& event) {
    const json body = json::parse(event.json());
    if (event.type() == "connection") {
      reads.push_back({Read::Kind::session, number_of(event.id())});
    } else if (event.type() == "overflow") {
      if (!body.contains("first_id")) return fail("a notice without ids: " + body.dump());
      reads.push_back({Read::Kind::gap,
                       number_of(body["first_id"].get<std::string>()),
                       number_of(body["last_id"].get<std::string>()),
                       body["dropped"].get<std::size_t>(),
                       {},
                       event.id().empty() ? 0 : number_of(event.id())});
    } else if (event.type() != "disconnect") {
      reads.push_back({Read::Kind::event, number_of(event.id()), 0, 0, std::string(event.json())});
    }
  }

  Truth::Wanted wants(const Truth::Entry& entry) const {
    if (even_only && !entry.even) return Truth::Wanted::no;
    if (z && entry.topic == "z") return entry.z;
    return entry.topic.empty() || topics.empty() || topics.contains(entry.topic) ? Truth::Wanted::yes
                                                                                 : Truth::Wanted::no;
  }
};

/// Emits numbers on random topics, and gives readers a chance now and then.
void emit_some(EventManager& manager, Progress& progress, int emitter, std::uint64_t seed) {
  std::mt19937_64 random(seed + static_cast<std::uint64_t>(emitter));
  for (int i = 0; i < events_each; ++i) {
    EmitOptions options;
    options.topic = std::vector<std::string>{"", "x", "y", "z"}[random() % 4];
    manager.emit_event("number", {emitter, i}, options);
    progress.step();
    for (std::size_t yields = random() % 30; yields > 0; --yields) std::this_thread::yield();
  }
}

TEST_CASE("clients that are cut and resume while others emit get each event once and in order, or are told of it") {
  for (int round = 1; round <= rounds; ++round) {
    sse::Options settings;
    settings.history_size = round % 3 == 0 ? 10'000 : 40;
    EventManager manager(settings);
    ConnectionOptions all;
    all.max_queue_size = 100'000;
    EventStream witness = manager.add_connection(all);

    Progress progress;
    std::vector<Client> clients(8);
    clients[1].topics = {"x"};
    clients[2].even_only = true;
    clients[3].topics = {"x", "y"}, clients[3].even_only = true;
    clients[4].policy = OverflowPolicy::disconnect;
    clients[5].policy = OverflowPolicy::disconnect, clients[5].even_only = true;
    for (std::size_t i : {6u, 7u}) clients[i].topics = {"x"}, clients[i].z = true, clients[i].cuts = false;
    clients[7].even_only = true;
    std::vector<std::thread> readers, writers;
    std::vector<EventStream> streams;
    for (std::size_t i = 0; i < clients.size(); ++i) {
      clients[i].id = "client " + std::to_string(i);
      clients[i].seed = static_cast<std::uint64_t>(round) * 100 + i;
      streams.push_back(manager.add_connection(clients[i].options("")));
    }
    for (std::size_t i = 0; i < clients.size(); ++i)
      readers.emplace_back([&, i] { clients[i].run(manager, std::move(streams[i]), progress); });
    for (int emitter = 0; emitter < emitters; ++emitter)
      writers.emplace_back(
          [&, emitter] { emit_some(manager, progress, emitter, static_cast<std::uint64_t>(round) * 100); });
    std::atomic<bool> subscribed = true;
    writers.emplace_back([&] {
      const auto switch_to = [&](bool on) {
        manager.emit_event("mark", "between");
        for (std::size_t i : {6u, 7u})
          if (!(on ? manager.subscribe(clients[i].id, "z") : manager.unsubscribe(clients[i].id, "z")))
            subscribed = false;
        manager.emit_event("mark", on ? "on" : "off");
      };
      for (int i = 0; i < switches; ++i) {
        switch_to(i % 2 == 0);
        for (int yields = i % 20; yields > 0; --yields) std::this_thread::yield();
      }
    });
    writers.emplace_back([&] {
      for (std::size_t i = 0; i < 40; ++i) {
        manager.disconnect(clients[i % 6].id, "again");
        for (int yields = 0; yields < 100; ++yields) std::this_thread::yield();
      }
    });
    for (std::thread& writer : writers) writer.join();
    manager.emit_event("end", {});
    progress.finish();
    for (std::thread& reader : readers) reader.join();

    const Truth truth(witness);
    INFO("round " << round);
    CHECK(subscribed);
    CHECK(manager.get_connection_count() == 1);
    CHECK(witness.dropped() == 0);
    CHECK(truth.dense);
    CHECK(truth.entries.size() == emitters * events_each + switches * 2 + 2);
    for (const Client& client : clients) {
      INFO(client.id);
      REQUIRE(client.check(truth) == "");
    }
  }
}

/// The events that one slow reader has read.
struct Tally {
  std::size_t read = 0, noticed = 0, dropped = 0;
  std::uint64_t last = 0;
  bool in_order = true, ended = false;

  void run(EventStream stream, const Progress& progress, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<Event> events;
    while (!stream.done() && wait_for(stream)) {
      if (random() % 16 == 0) progress.let_pass(random() % 40);
      events.clear();
      stream.drain(events, 1 + random() % 3);
      for (const Event& event : events) add(event);
    }
    ended = stream.done();
    dropped = stream.dropped();
  }

 private:
  void add(const Event& event) {
    if (event.type() == "overflow") {
      noticed += json::parse(event.json())["dropped"].get<std::size_t>();
    } else if (event.type() != "connection" && event.type() != "disconnect") {
      ++read;
      const std::uint64_t n = number_of(event.id());
      in_order = in_order && (n == 0 || n > last);
      last = std::max(last, n);
    }
  }
};

TEST_CASE("what slow readers of every kind read and lose is what has reached them, and each is told its count") {
  for (int round = 1; round <= rounds; ++round) {
    sse::Options settings;
    settings.history_size = round % 2 == 0 ? 20 : 0;
    settings.max_queue_size = 5;
    EventManager manager(settings);
    std::vector<ConnectionOptions> kinds(8);
    kinds[1].overflow_policy = OverflowPolicy::keep_newest;
    kinds[2].max_queue_bytes = 250;
    kinds[3].topics = {"x"};
    kinds[4].filter = [](const Event& event) { return event.key() != "k0"; };
    kinds[5].overflow_policy = OverflowPolicy::keep_newest, kinds[5].topics = {"y"}, kinds[5].filter = kinds[4].filter;
    const sse::SharedFilter shared(kinds[4].filter);
    kinds[6].filter = kinds[7].filter = shared;
    kinds[7].topics = {"x"};
    Progress progress;
    std::vector<Tally> tallies(kinds.size());
    std::vector<EventStream> streams;
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      kinds[i].connection_id = std::to_string(i);
      streams.push_back(manager.add_connection(kinds[i]));
    }
    std::vector<std::thread> readers, writers;
    for (std::size_t i = 0; i < kinds.size(); ++i)
      readers.emplace_back(
          [&, i] { tallies[i].run(std::move(streams[i]), progress, static_cast<std::uint64_t>(round)); });
    std::atomic<std::size_t> reached = 0;
    for (int emitter = 0; emitter < emitters; ++emitter)
      writers.emplace_back([&, emitter] {
        std::mt19937_64 random(static_cast<std::uint64_t>(round * 100 + emitter));
        for (int i = 0; i < events_each; ++i) {
          EmitOptions options;
          options.topic = std::vector<std::string>{"", "x", "y"}[random() % 3];
          options.key = std::vector<std::string>{"", "k0", "k1", "k2"}[random() % 4];
          options.transient = random() % 3 == 0;
          reached += manager.emit_event("number", {emitter, i}, options);
          progress.step();
          if (random() % 4 == 0) reached += manager.send_event(std::to_string(random() % 8), "direct", i);
          for (std::size_t yields = random() % 20; yields > 0; --yields) std::this_thread::yield();
        }
      });
    for (std::thread& writer : writers) writer.join();
    progress.finish();
    manager.disconnect_all();
    for (std::thread& reader : readers) reader.join();

    std::size_t accounted = 0;
    for (const Tally& tally : tallies) {
      CHECK(tally.ended);
      CHECK(tally.in_order);
      CHECK(tally.noticed == tally.dropped);
      accounted += tally.read + tally.noticed;
    }
    REQUIRE(accounted == reached);
  }
}

}  // namespace
}  // namespace sse_test
