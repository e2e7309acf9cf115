// The chain and its taps without sockets: every client decodes its own stream and compares each byte.

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <new>
#include <random>
#include <sse/gzip.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/detail/frame/batch.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/gzip/gzip_chain.hpp"
#include "support.hpp"

namespace {
thread_local std::size_t failing = 0;  // 1: the next allocation fails; 2: the one after it; 0: none

void* allocated(std::size_t size) {
  void* const memory = failing != 0 && --failing == 0 ? nullptr : std::malloc(size == 0 ? 1 : size);
  if (memory) return memory;
  throw std::bad_alloc();
}
}  // namespace

void* operator new(std::size_t size) {
  return allocated(size);
}
void* operator new[](std::size_t size) {
  return allocated(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  try {
    return allocated(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void* operator new[](std::size_t size, const std::nothrow_t& none) noexcept {
  return operator new(size, none);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace {

using sse::Event;
using sse::detail::Batch;
using sse::detail::BatchCache;
using sse::detail::BatchPart;
using sse::detail::EventTap;
using sse::detail::GzipChain;
using sse::detail::IntrusivePtr;
using sse::detail::Owned;
using sse::detail::raw_frame;
using sse::detail::SharedTap;

constexpr std::string_view head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n: keep-alive 15000\n\n";

/// One client: the text that it has to get, and the one that it got.
class Reader {
 public:
  explicit Reader(GzipChain& chain, std::size_t max_queue_size = 1000) : tap_(chain.open_tap(max_queue_size)) {
    send({raw_frame(std::string(head))});
  }

  void send(const std::vector<Event>& events, bool prepare = true) {
    const IntrusivePtr<Batch> batch(new Batch(events.size()));
    for (const Event& event : events) batch->add(event);
    send(BatchPart{batch, 0, batch->size(), false}, prepare);
  }
  void send(const BatchPart& part, bool prepare = true) {
    for (std::size_t i = 0; i < part.size; ++i) wanted_.append(part.batch->event(part.begin + i).frame());
    get(packed(part, prepare));
    check();
  }
  void end() {
    get(tap_->end());
    check();
    if (!inflater_.ended) throw std::runtime_error("the stream has no end");
  }
  /// Gets what a tap that it shares has made of a part.
  void get_shared(const BatchPart& part, const BatchPart& packed) {
    for (std::size_t i = 0; i < part.size; ++i) wanted_.append(part.batch->event(part.begin + i).frame());
    get(packed);
    check();
  }
  EventTap& tap() noexcept { return *tap_; }
  std::size_t bytes = 0;  ///< Of the last part.
  std::size_t fail = 0;   ///< The allocation of each part that fails, from 1.
  bool failed = false;    ///< One has.

 private:
  BatchPart packed(const BatchPart& part, bool prepare) {
    failing = fail;
    BatchPart out;
    try {
      if (prepare) tap_->prepare();
      out = tap_->pack(part);
    } catch (const std::bad_alloc&) {  // nothing has changed: it may try again
      out = tap_->pack(part);
    }
    failed = failed || (fail != 0 && failing == 0);
    failing = 0;
    return out;
  }
  void get(const BatchPart& packed) {
    std::string out;
    for (std::size_t i = 0; i < packed.size; ++i)
      out.append(static_cast<const char*>(packed.frames()[i].data()), packed.frames()[i].size());
    if (out.size() != packed.bytes()) throw std::runtime_error("the part counts its bytes wrongly");
    bytes = out.size();
    if (!begun_) {
      const std::size_t size = out.find("\r\n\r\n") + 4;
      if (out.substr(0, size) != head.substr(0, size)) throw std::runtime_error("the head of the response is changed");
      wanted_.erase(0, size);
      out.erase(0, size);
      begun_ = true;
    }
    inflater_.feed(out);
  }
  void check() {
    if (inflater_.text != wanted_) throw std::runtime_error("the text is not the one that was sent");
    inflater_.text.clear();
    wanted_.clear();
  }

  Owned<EventTap> tap_;
  Inflater inflater_;
  std::string wanted_;
  bool begun_ = false;
};

void add(GzipChain& chain, const Event& event) {
  if (chain.number(event)) chain.add(event);
}

/// Readers that share a tap, as sessions of a crowd do.
class Crowd {
 public:
  explicit Crowd(std::size_t place = 0) noexcept : at(place) {}

  /// False: its stream is not behind the same text.
  bool enter(Reader& reader) {
    if (!reader.tap().may_share()) return false;
    if (readers_.empty()) tap_ = reader.tap().share();
    if (!tap_->suits(reader.tap()) || !tap_->enter(reader.tap())) return false;
    readers_.push_back(&reader);
    return true;
  }
  /// False: it was not here.
  bool leave(Reader& reader) {
    const auto place = std::find(readers_.begin(), readers_.end(), &reader);
    if (place == readers_.end()) return false;
    tap_->leave(reader.tap());
    readers_.erase(place);
    if (readers_.empty()) tap_ = {};
    return true;
  }
  void send(const BatchPart& part, bool prepare = true) {
    if (prepare) tap_->prepare();
    const BatchPart packed = tap_->pack(part, readers_.size());
    for (Reader* const reader : readers_) reader->get_shared(part, packed);
  }
  void send(const std::vector<Event>& events) {
    const IntrusivePtr<Batch> batch(new Batch(events.size()));
    for (const Event& event : events) batch->add(event);
    send(BatchPart{batch, 0, batch->size(), false});
  }
  std::size_t size() const noexcept { return readers_.size(); }
  std::size_t at;  ///< Their place.

 private:
  Owned<SharedTap> tap_;
  std::vector<Reader*> readers_;
};

/// A chain that is alone in its manager, or is one of several.
struct Chain {
  explicit Chain(const sse::detail::GzipSettings& settings, std::uint64_t id = 1, std::size_t least_readers = 1)
      : chain(settings, {id, least_readers, counters, nullptr}) {}

  operator GzipChain&() noexcept { return chain; }

  sse::detail::ChainCounters counters;
  GzipChain chain;
};

Event event_of(std::string_view text) {
  return raw_frame("data: " + std::string(text) + "\n\n");
}

/// One seed of the model: random joins, losses, replays, private events, sizes, batches and ends.
void run_model(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t n) { return static_cast<std::size_t>(random() % n); };
  static constexpr int windows[] = {9, 10, 13, 15};
  Chain chain({static_cast<int>(1 + below(9)), windows[below(4)], static_cast<int>(1 + below(9))});
  const std::size_t max_queue = 1 + below(400);

  struct Client {
    std::unique_ptr<Reader> reader;
    std::size_t at = 0;        // its place in `published`
    std::size_t replay = ~0u;  // its place in `kept`, and the end of the replay
    std::size_t replay_end = 0;
  };
  std::vector<Event> published;  // what every reader has to get, in order
  std::vector<Event> kept;       // without the transient ones
  std::vector<std::unique_ptr<Client>> clients;
  Crowd crowd;  // of clients that are at one place and have no replay
  const auto alone = [&](Client& client) {
    if (crowd.leave(*client.reader)) client.at = crowd.at;
    return &client;
  };
  BatchCache cache;
  const std::string letters = "{\"price\":0123456789,\"symbol\":\"EUR/USD\",\"at\":17}";
  const bool big = below(20) == 0;
  const auto text = [&] {
    std::size_t size = 1 + below(200);
    if (below(20) == 0) size = 1 + below(9000);
    if (big && below(50) == 0) size = below(2) ? 65'535 - 10 + below(20) : std::size_t{1} << 20;
    std::string made;
    const bool noise = below(3) == 0;
    while (made.size() < size)
      if (noise)
        made.push_back(static_cast<char>(' ' + below(90)));
      else
        made += letters.substr(0, 1 + below(letters.size()));
    return made;
  };

  const std::size_t steps = 50 + below(200);
  for (std::size_t step = 0; step < steps; ++step) {
    const std::size_t what = below(100);
    if (what < 45) {  // events
      for (std::size_t count = below(6) == 0 ? 1 + below(150) : 1; count > 0; --count) {
        Event event = event_of(text());
        add(chain, event);
        published.push_back(event);
        if (below(5) != 0) kept.push_back(event);  // otherwise it is a transient one
      }
    } else if (what < 55 && clients.size() < 6) {  // a join, perhaps with a replay
      auto client = std::make_unique<Client>();
      client->reader = std::make_unique<Reader>(chain, max_queue);
      client->at = published.size();
      if (below(2) && !kept.empty()) client->replay = below(kept.size()), client->replay_end = kept.size();
      clients.push_back(std::move(client));
    } else if (what < 60 && !clients.empty()) {  // a leave, in order or not
      const std::size_t which = below(clients.size());
      alone(*clients[which]);
      if (below(2)) clients[which]->reader->end();
      clients.erase(clients.begin() + static_cast<std::ptrdiff_t>(which));
    } else if (what < 62) {
      for (auto& client : clients) alone(*client)->reader->end();
      clients.clear();
    } else if (what < 80 && !clients.empty()) {  // some share a tap
      for (auto& client : clients) {
        if (below(2) != 0 || client->replay < client->replay_end) continue;
        alone(*client);
        if (crowd.size() == 0) crowd.at = client->at;
        if (client->at == crowd.at) crowd.enter(*client->reader);
      }
      for (std::size_t writes = below(4); writes > 0 && crowd.size() != 0; --writes) {
        if (below(4) == 0) {
          crowd.send({raw_frame({})});
        } else if (crowd.at < published.size()) {
          const BatchPart part =
              cache.read(crowd.at, published.size(), true, [&](std::uint64_t n) { return published[n]; });
          crowd.send(part, below(4) != 0);
          crowd.at += part.size;
        }
      }
    } else if (!clients.empty()) {
      Client& client = *alone(*clients[below(clients.size())]);
      const bool prepare = below(4) != 0;
      const std::size_t kind = below(12);
      if (kind == 0) {  // a private event, or a notice
        client.reader->send({event_of(text())});
      } else if (kind == 1) {  // keep-alive
        client.reader->send({raw_frame({})});
      } else if (kind == 2 && client.at < published.size()) {  // a loss
        client.at += 1 + below(published.size() - client.at);
        client.reader->send({event_of("overflow")});
      } else if (client.replay < client.replay_end) {
        const std::size_t end = std::min(client.replay_end, client.replay + 1 + below(100));
        client.reader->send(std::vector<Event>(kept.begin() + static_cast<std::ptrdiff_t>(client.replay),
                                               kept.begin() + static_cast<std::ptrdiff_t>(end)),
                            prepare);
        client.replay = end;
      } else if (client.at < published.size()) {
        if (kind < 4) {  // a queue of its own: a batch that ends anywhere, perhaps with a notice in its midst
          const std::size_t end = std::min(published.size(), client.at + 1 + below(100));
          std::vector<Event> events(published.begin() + static_cast<std::ptrdiff_t>(client.at),
                                    published.begin() + static_cast<std::ptrdiff_t>(end));
          if (below(2))
            events.insert(events.begin() + static_cast<std::ptrdiff_t>(below(events.size() + 1)), event_of("notice"));
          else if (below(2) && events.size() > 1)
            events.erase(events.begin() + static_cast<std::ptrdiff_t>(below(events.size())));
          client.reader->send(events, prepare);
          client.at = end;
        } else {  // the batch that readers at one place share
          const BatchPart part =
              cache.read(client.at, published.size(), true, [&](std::uint64_t n) { return published[n]; });
          client.reader->send(part, prepare);
          client.at += part.size;
        }
      }
    }
  }
  for (auto& client : clients) alone(*client)->reader->end();
}

/// One seed of the model with topics: each event is in some of three chains, and readers have batches of any of these,
/// as those do whose topics change.
void run_topics(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t n) { return static_cast<std::size_t>(random() % n); };
  Chain all({6, 9, 6}, 1), first({6, 9, 6}, 2, 2), second({6, 9, 6}, 3, 2);
  struct Place {
    Chain& chain;
    BatchCache cache;
    std::vector<Event> events;  // of its readers
  };
  Place places[] = {{all, {}, {}}, {first, {}, {}}, {second, {}, {}}};
  struct Client {
    std::unique_ptr<Reader> reader;
    std::size_t place, at;
  };
  std::vector<Client> clients;
  for (std::size_t step = 0; step < 300; ++step) {
    const std::size_t what = below(10);
    if (what < 3) {
      for (std::size_t count = below(4) == 0 ? 1 + below(90) : 1; count > 0; --count) {
        const Event event = event_of("an event " + std::string(below(60), 'x') + std::to_string(below(1000)));
        const std::size_t gets = below(4);  // 0: all of them
        bool numbered[3] = {};
        for (std::size_t i = 0; i < 3; ++i)
          numbered[i] = (i == 0 || gets == 0 || gets == i) && places[i].chain.chain.number(event);
        for (std::size_t i = 0; i < 3; ++i) {
          if (i != 0 && gets != 0 && gets != i) continue;
          places[i].events.push_back(event);
          if (numbered[i]) places[i].chain.chain.add(event);
        }
      }
    } else if (what == 3 && clients.size() < 8) {
      const std::size_t place = below(3);
      clients.push_back({std::make_unique<Reader>(places[place].chain), place, places[place].events.size()});
    } else if (what == 4 && !clients.empty() && below(4) == 0) {
      clients.back().reader->end();
      clients.pop_back();
    } else if (!clients.empty()) {
      Client& client = clients[below(clients.size())];
      if (below(30) == 0) {
        client.place = below(3);
        client.at = places[client.place].events.size();
      }
      Place& place = places[client.place];
      if (client.at == place.events.size()) continue;
      const BatchPart part = place.cache.read(client.at, place.events.size(), client.place == 0,
                                              [&](std::uint64_t n) { return place.events[n]; });
      client.reader->send(part, below(4) != 0);
      client.at += part.size;
    }
  }
  for (Client& client : clients) client.reader->end();
}

/// The bytes of one event for a reader that has got a window of the chain's text.
std::size_t bytes_of_one(GzipChain& chain, Reader& reader, std::string_view text) {
  const Event event = event_of(text);
  add(chain, event);
  reader.send({event});
  return reader.bytes;
}

}  // namespace

TEST_CASE("random streams of a chain are decoded to what was sent, with their CRC and length") {
  const char* const one = std::getenv("SSE_GZIP_SEED");
  const char* const many = std::getenv("SSE_GZIP_SEEDS");
  const std::uint64_t first = one ? std::strtoull(one, nullptr, 10) : 1;
  const std::uint64_t count = one ? 1 : many ? std::strtoull(many, nullptr, 10) : 140;
  REQUIRE(count > 0);
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    INFO("SSE_GZIP_SEED=" << seed);
    try {
      run_model(seed);
      run_topics(seed);
    } catch (const std::exception& error) {
      FAIL(error.what());
    }
  }
}

TEST_CASE("a paced event goes out compressed, and a burst in groups, for all readers in the same buffers") {
  Chain chain({6, 13, 6});
  Reader reader(chain), other(chain);
  const std::string text = "{\"type\":\"price\",\"data\":{\"symbol\":\"EUR/USD\",\"bid\":1.0843}}";
  std::size_t bytes = 0;
  for (int i = 0; i < 200; ++i) bytes = bytes_of_one(chain, reader, text + std::to_string(i));
  CHECK(bytes < 20);
  const std::uint64_t before = chain.counters.groups;
  std::vector<Event> burst;
  for (int i = 0; i < 128; ++i) {
    burst.push_back(event_of(text + std::to_string(i)));
    add(chain, burst.back());
  }
  reader.send(burst);
  CHECK(chain.counters.groups == before + 2);
  CHECK(reader.bytes < 128 * 12);
}

TEST_CASE("a newcomer gets text until it knows a window of it, and then follows") {
  Chain chain({6, 13, 6});
  Reader first(chain);
  const std::string text(200, 'x');
  for (int i = 0; i < 100; ++i) bytes_of_one(chain, first, text);
  Reader second(chain);
  std::size_t stored = 0, packed = 0;
  for (int i = 0; i < 60; ++i) (bytes_of_one(chain, second, text) > text.size() ? stored : packed) += 1;
  CHECK(stored == 8192 / (text.size() + 8) + 1);
  CHECK(packed == 60 - stored);
}

TEST_CASE("the first reader after a time without any gets its first event compressed") {
  Chain chain({6, 13, 6});
  const std::string text(300, 'x');
  {
    Reader reader(chain);
    for (int i = 0; i < 50; ++i) bytes_of_one(chain, reader, text);
  }
  CHECK(chain.chain.readers() == 0);
  Reader reader(chain);
  CHECK(bytes_of_one(chain, reader, text) < text.size() / 2);
}

TEST_CASE("a chain that is for two readers compresses nothing for one") {
  Chain chain({6, 13, 6}, 2, 2);
  Reader reader(chain);
  const std::string text(300, 'x');
  for (int i = 0; i < 50; ++i) CHECK(bytes_of_one(chain, reader, text) > text.size());
  CHECK(chain.counters.groups == 0);
  {
    const Reader second(chain);
    CHECK(bytes_of_one(chain, reader, text) < text.size() / 2);
  }
  CHECK(bytes_of_one(chain, reader, text) > text.size());
  reader.end();
}

TEST_CASE("readers that share a tap get the same bytes, and each has an end of its own") {
  Chain chain({6, 13, 6});
  Reader readers[] = {Reader(chain), Reader(chain), Reader(chain)}, behind(chain);
  const std::string text(300, 'x');
  Crowd crowd;
  CHECK_FALSE(crowd.enter(readers[0]));  // it does not know a window yet
  readers[0].send({event_of("alone")});
  for (int i = 0; i < 50; ++i) {
    const Event event = event_of(text);
    add(chain, event);
    for (Reader& reader : readers) reader.send({event});
    if (i != 49) behind.send({event});
  }
  for (Reader& reader : readers) REQUIRE(crowd.enter(reader));
  CHECK_FALSE(crowd.enter(behind));  // the last event is missing
  const auto send = [&](bool in_chain) {
    const Event event = event_of(text);
    if (in_chain) add(chain, event);
    crowd.send({event});
    return readers[2].bytes;
  };
  const std::uint64_t packed = chain.counters.sent_packed;
  CHECK(send(true) < 30);
  CHECK(chain.counters.sent_packed == packed + 3);
  crowd.send({raw_frame({})});
  CHECK(readers[0].bytes == 5);
  CHECK(send(true) < 30);
  CHECK(crowd.leave(readers[0]));
  readers[0].send({event_of("alone")});
  CHECK_FALSE(crowd.enter(readers[0]));  // its text is another
  CHECK(send(false) > text.size());
  CHECK(send(true) > text.size());
  for (Reader& reader : readers) {
    crowd.leave(reader);
    reader.end();
  }
}

TEST_CASE("a keep-alive has five bytes and does not keep a reader from following") {
  Chain chain({6, 13, 6});
  Reader reader(chain);
  const std::string text(300, 'x');
  for (int i = 0; i < 50; ++i) bytes_of_one(chain, reader, text);
  for (int i = 0; i < 10'000; ++i) reader.send({raw_frame({})});
  CHECK(reader.bytes == 5);
  CHECK(bytes_of_one(chain, reader, text) < 30);
  reader.end();
}

TEST_CASE("an event of one reader alone is not part of the text that it may follow from") {
  Chain chain({6, 13, 6});
  Reader reader(chain);
  const std::string text(300, 'x');
  for (int i = 0; i < 50; ++i) bytes_of_one(chain, reader, text);
  reader.send({event_of("alone")});
  CHECK(bytes_of_one(chain, reader, text) > text.size());
  reader.end();
}

TEST_CASE("events that nobody compresses in time are dropped from the chain, not from the streams") {
  Chain chain({6, 13, 6});
  Reader reader(chain, 10);
  const std::string text(300, 'x');
  for (int i = 0; i < 50; ++i) bytes_of_one(chain, reader, text);
  std::vector<Event> events;
  for (int i = 0; i < 100; ++i) {
    events.push_back(event_of(text));
    add(chain, events.back());
  }
  reader.send(events);
  CHECK(reader.bytes > 90 * text.size());
  CHECK(reader.bytes < 91 * (text.size() + 20) + 200);
  CHECK(bytes_of_one(chain, reader, text) < 30);
  reader.end();
}

TEST_CASE("numbers that look dense at the ends of a batch do not make it one") {
  Chain chain({6, 13, 6});
  Reader reader(chain);
  std::vector<Event> events;
  for (int i = 0; i < 3; ++i) {
    events.push_back(event_of("event " + std::to_string(i)));
    add(chain, events.back());
  }
  reader.send({events[0], event_of("a notice"), events[2]});
  reader.end();
}

TEST_CASE("no text is lost where the compressor has no memory") {
  Chain chain({6, 99, 6});  // zlib refuses these options, as it does without memory
  Reader reader(chain);
  for (int i = 0; i < 10; ++i) CHECK(bytes_of_one(chain, reader, "text") > 12);
  reader.end();
}

TEST_CASE("an allocation that fails, whichever it is, changes no text") {
  bool failed = true;
  for (std::size_t nth = 1; failed; ++nth) {
    REQUIRE(nth < 100);
    Chain chain({6, 13, 6});
    Reader reader(chain);
    reader.fail = nth;
    for (int i = 0; i < 40; ++i) {
      std::vector<Event> events;
      for (int k = 0; k < 1 + i % 70; ++k) {
        events.push_back(event_of("one of many " + std::to_string(i * k)));
        failing = k == 3 ? nth : 0;
        add(chain, events.back());
        failing = 0;
      }
      if (i % 9 == 8) events.insert(events.begin() + 1, event_of("a notice"));
      reader.send(events, i % 3 != 0);
    }
    failed = reader.failed;
    reader.fail = 0;
    CHECK(bytes_of_one(chain, reader, "the end") < 60);
    reader.end();
  }
}

TEST_CASE("a batch ends between two groups") {
  Chain chain({6, 13, 6});
  Reader reader(chain);
  std::vector<Event> events;
  const auto emit = [&](int count) {
    for (; count > 0; --count) {
      events.push_back(event_of("one of many"));
      add(chain, events.back());
    }
  };
  emit(40);
  chain.chain.pack_waiting();  // so that later groups do not end at a multiple of 64
  for (int i = 0; i < 3; ++i) {
    emit(250);
    chain.chain.pack_waiting();
  }
  BatchCache cache;
  for (std::size_t at = 0; at < events.size();) {
    const BatchPart part = cache.read(at, events.size(), true, [&](std::uint64_t n) { return events[n]; });
    reader.send(part);
    CHECK(reader.bytes < 8 * part.size + 40);
    at += part.size;
  }
  reader.end();
}

TEST_CASE("a stream of more than 2^32 bytes of text has their CRC, and their number modulo 2^32") {
  const auto part_of = [](const Event& event) {
    const IntrusivePtr<Batch> batch(new Batch(1));
    batch->add(event);
    return BatchPart{batch, 0, 1, false};
  };
  const auto crc_of = [](std::string_view text) {
    return crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size()));
  };
  Chain chain({6, 13, 6});
  const Owned<EventTap> alone = chain.chain.open_tap(10), shared = chain.chain.open_tap(10);
  const Event event = event_of(std::string(std::size_t{1} << 20, 'x'));
  add(chain, event);
  const BatchPart part = part_of(event);
  const std::string_view first = head.substr(head.find("\r\n\r\n") + 4);
  std::uint64_t size = first.size();
  uLong crc = crc_of(first);
  for (EventTap* const tap : {&*alone, &*shared}) {
    tap->pack(part_of(raw_frame(std::string(head))));
    tap->prepare();
    REQUIRE(tap->pack(part).bytes() < 8'000);
  }
  const Owned<SharedTap> crowd = shared->share();
  REQUIRE(crowd->enter(*shared));
  // It is the first text of the chain, so it may come again and again.
  const uLong crc_of_one = crc_of(event.frame());
  for (int i = 0; size <= (std::uint64_t{1} << 32) + 5'000'000; ++i) {
    if (i != 0) {
      REQUIRE(alone->pack(part).bytes() < 8'000);
      REQUIRE(crowd->pack(part, 1).bytes() < 8'000);
    }
    size += event.frame().size();
    crc = crc32_combine(crc, crc_of_one, static_cast<z_off_t>(event.frame().size()));
  }
  crowd->leave(*shared);
  std::string wanted("\3\0", 2);
  for (const std::uint64_t value : {std::uint64_t{crc}, size})
    for (unsigned i = 0; i < 4; ++i) wanted.push_back(static_cast<char>(value >> (8 * i) & 255));
  for (EventTap* const tap : {&*alone, &*shared}) {
    const BatchPart end = tap->end();
    REQUIRE(end.size == 1);
    CHECK(std::string_view(static_cast<const char*>(end.frames()->data()), end.frames()->size()) == wanted);
  }
}

TEST_CASE("an Accept-Encoding allows gzip by its name, another name of it, or a star, with a weight above 0") {
  for (const std::string_view yes : {"gzip", "GZIP", "x-gzip", "*", "br, gzip", "gzip, deflate, br, zstd", "gzip;q=1",
                                     "gzip;q=1.000", "gzip ; q=0.001", "gzip;Q=0.5", "identity;q=0, gzip", "*;q=0.1",
                                     "*;q=0, gzip", ",,gzip,", "\tgzip\t,br", "br;q=oops, gzip"}) {
    INFO(yes);
    CHECK(sse::accepts_gzip(yes));
  }
  for (const std::string_view no : {"",
                                    " ",
                                    "identity",
                                    "deflate",
                                    "br",
                                    "gzip;q=0",
                                    "gzip;q=0.",
                                    "gzip;q=0.000",
                                    "*;q=0",
                                    "gzip;q=0, *",
                                    "*, gzip;q=0",
                                    "gzip;q=2",
                                    "gzip;q=-1",
                                    "gzip;q=1.001",
                                    "gzip;q=0.0001",
                                    "gzip;q=",
                                    "gzip;q",
                                    "gzip;level=9",
                                    "gzip;q=1;q=0",
                                    "gzi",
                                    "gzipp",
                                    "gzip br",
                                    "\"gzip\"",
                                    "gzip;q=0, x-gzip",
                                    "gzip, gzip;q=0",
                                    "gzip;q=0x1",
                                    ";q=1",
                                    "**"}) {
    INFO(no);
    CHECK_FALSE(sse::accepts_gzip(no));
  }
}

TEST_CASE("an Accept-Encoding of 10,000 entries is read once") {
  std::string many;
  for (int i = 0; i < 10'000; ++i) many += "x;q=0.1,";
  CHECK_FALSE(sse::accepts_gzip(many));
  CHECK(sse::accepts_gzip(many + "gzip"));
  CHECK_FALSE(sse::accepts_gzip(std::string_view("gzip\0", 5)));
  CHECK_FALSE(sse::accepts_gzip(std::string(1 << 20, ';')));
  CHECK_FALSE(sse::accepts_gzip("gzip" + std::string(1 << 20, ';')));
}
