#pragma once

#include <sse/sse.hpp>

#include <asio/experimental/awaitable_operators.hpp>
#if ASIO_VERSION < 102300
#include <asio/experimental/as_tuple.hpp>
#include <asio/experimental/deferred.hpp>
#endif
#include <catch2/catch_test_macros.hpp>
#include <catch2/catch_tostring.hpp>
#include <catch2/matchers/catch_matchers_templated.hpp>
#include <chrono>
#include <cstddef>
#include <exception>
#include <future>
#include <map>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Printers, so that a failure says what came.

template <>
struct Catch::StringMaker<sse::Event> {
  static std::string convert(const sse::Event& event) {
    return event.empty() ? "no event" : std::string(event.frame());
  }
};

template <>
struct Catch::StringMaker<std::optional<sse::Event>> {
  static std::string convert(const std::optional<sse::Event>& event) {
    return event ? StringMaker<sse::Event>::convert(*event) : "nullopt";
  }
};

template <>
struct Catch::StringMaker<sse::error_code> {
  static std::string convert(const sse::error_code& error) {
    return std::string(error.category().name()) + ':' + std::to_string(error.value()) + " (" + error.message() + ')';
  }
};

namespace sse_test {

#if defined(SSE_USE_BOOST_ASIO)  // Clang has no alias that is the name of a namespace already
namespace asio = sse::asio;
#endif
using nlohmann::json, nlohmann::ordered_json;
using sse::Event, sse::EventManager, sse::EventStream;
#if ASIO_VERSION < 102300
using asio::experimental::as_tuple, asio::experimental::deferred;
#else
using asio::as_tuple, asio::deferred;
#endif
using Words = std::vector<std::string>;

/// No test should come near it; a test that would hang fails instead.
constexpr std::chrono::seconds deadline{60};

/// Under a sanitizer a test of many rounds runs fewer.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

struct Frame {
  std::map<std::string, std::string> fields;
  ordered_json body;

  std::string keys() const {
    std::string names;
    for (const auto& item : body.items()) names += (names.empty() ? "" : ",") + item.key();
    return names;
  }
};

/// Reads one frame and fails the test for anything that a browser would forgive, or would read as more than one event.
inline Frame read_frame(const Event& event) {
  const std::string bytes(event.frame());
  INFO("frame: " << bytes);
  REQUIRE(bytes.ends_with("\n\n"));
  REQUIRE(bytes.find_first_of(std::string("\r\0", 2)) == std::string::npos);
  REQUIRE_NOTHROW(json(bytes).dump());  // throws for text that is not UTF-8
  Frame frame;
  std::string names;
  for (std::size_t begin = 0; begin + 1 < bytes.size();) {
    const std::size_t end = bytes.find('\n', begin), colon = bytes.find(": ", begin);
    REQUIRE(colon < end);
    const std::string name = bytes.substr(begin, colon - begin);
    names += name + ' ';
    frame.fields[name] = bytes.substr(colon + 2, end - colon - 2);
    begin = end + 1;
  }
  REQUIRE(names ==
          std::string(event.id().empty() ? "" : "id ") + (frame.fields.count("event") ? "event " : "") + "data ");
  REQUIRE(event.id() == frame.fields["id"]);
  const std::string& data = frame.fields["data"];
  REQUIRE(event.json() == data);
  REQUIRE(event.json().data() > event.frame().data());
  REQUIRE(event.json().data() + data.size() + 2 == event.frame().data() + bytes.size());
  frame.body = ordered_json::parse(data);
  const auto keys = frame.keys();
  REQUIRE(keys.starts_with("type,"));
  REQUIRE(keys.ends_with(",timestamp"));
  const std::string time = data.substr(data.rfind(':') + 1);  // 1763900000.123456}
  REQUIRE(time.size() == 18);
  REQUIRE(time.find_first_not_of("0123456789") == 10);
  REQUIRE(time[10] == '.');
  REQUIRE(time.find_first_not_of("0123456789", 11) == 17);
  return frame;
}

/// An event in a word: `overflow 15`, `disconnect why`, `connection`, `error`; of any other event its data.
inline std::string word(const Event& event) {
  const ordered_json body = read_frame(event).body;
  const std::string type = body["type"];
  if (type == "overflow") return type + " " + body.at("dropped").dump();
  if (type == "disconnect") return type + " " + body.at("message").get<std::string>();
  return body.contains("data") ? body["data"].dump() : type;
}

/// Matches an event, or an optional one, by its word: `CHECK_THAT(event, Is("overflow 15"))`.
class Is : public Catch::Matchers::MatcherGenericBase {
 public:
  explicit Is(std::string expected) : expected_(std::move(expected)) {}
  bool match(const Event& event) const { return !event.empty() && word(event) == expected_; }
  bool match(const std::optional<Event>& event) const { return event && match(*event); }
  std::string describe() const override { return "is \"" + expected_ + '"'; }

 private:
  std::string expected_;
};

/// Matches an exception by its code: `CHECK_THROWS_MATCHES(…, sse::Error, HasCode(sse::errc::event_too_large))`.
class HasCode : public Catch::Matchers::MatcherGenericBase {
 public:
  explicit HasCode(sse::error_code expected) : expected_(expected) {}
  template <class Exception>
  bool match(const Exception& exception) const {
    return sse::error_code(exception.code()) == expected_;
  }
  std::string describe() const override { return "has the code " + Catch::Detail::stringify(expected_); }

 private:
  sse::error_code expected_;
};

/// All that waits.
inline Words told(EventStream& stream) {
  std::vector<Event> events;
  stream.drain(events, std::size_t(-1));
  Words words;
  for (const Event& event : events) words.push_back(word(event));
  return words;
}

inline Words numbers(int first, int last) {
  Words words;
  for (; first <= last; ++first) words.push_back(std::to_string(first));
  return words;
}

/// The 7 of the id `1763900000123-7`.
inline std::string count_of(std::string_view id) {
  return std::string(id.substr(id.find('-') + 1));
}

/// An event's word with the ids in it: `connection #4`, `17 #5`, `overflow 2 #6-#7`, `overflow null reset`.
inline std::string line(const Event& event) {
  std::string line = word(event);
  // The model of random sequences has the id of each notice of a loss.
  if (!event.id().empty() && event.type() != "overflow") line += " #" + count_of(event.id());
  const ordered_json body = ordered_json::parse(event.json());
  if (body.contains("first_id"))
    line += " #" + count_of(body["first_id"].get<std::string>()) + "-#" + count_of(body["last_id"].get<std::string>());
  if (body.contains("reset")) line += body["reset"] == true ? " reset" : " reset?";
  return line;
}

/// All that waits, ids included.
inline Words lines(EventStream& stream) {
  std::vector<Event> events;
  stream.drain(events, std::size_t(-1));
  Words words;
  for (const Event& event : events) words.push_back(line(event));
  return words;
}

/// The events that emit_numbers gives a reader, if its events are the manager's first to have ids.
inline Words numbered(int first, int last) {
  Words words;
  for (; first <= last; ++first) words.push_back(std::to_string(first) + " #" + std::to_string(first));
  return words;
}

inline Words operator+(Words left, const Words& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

inline void emit_numbers(EventManager& manager, int first, int last) {
  for (; first <= last; ++first) manager.emit_event("number", first);
}

/// A stream without `connection` and `disconnect`.
inline EventStream add_quiet(EventManager& manager, std::string id = {}) {
  sse::ConnectionOptions options;
  options.connection_id = std::move(id);
  options.announce = false;
  return manager.add_connection(options);
}

inline sse::Options queue_of(std::size_t size) {
  sse::Options options;
  options.max_queue_size = size;
  return options;
}

inline sse::Options history_of(std::size_t events, std::size_t queue = 100) {
  sse::Options options = queue_of(queue);
  options.history_size = events;
  return options;
}

/// A connection that has seen `last_event_id`.
inline sse::ConnectionOptions after(std::string_view last_event_id) {
  sse::ConnectionOptions options;
  options.last_event_id = last_event_id;
  return options;
}

inline sse::EmitOptions on_topic(std::string topic) {
  sse::EmitOptions options;
  options.topic = std::move(topic);
  return options;
}
inline sse::EmitOptions transient() {
  sse::EmitOptions options;
  options.transient = true;
  return options;
}

/// The start in a manager's ids.
inline std::string start_of(EventManager& manager) {
  const Event first = manager.add_connection().try_next().value();
  return std::string(first.id().substr(0, first.id().find('-')));
}
/// The id that a manager gives to its event `n`.
inline std::string id_of(EventManager& manager, int n) {
  return start_of(manager) + '-' + std::to_string(n);
}

/// Runs the coroutine `body()` to its end, with no work left behind, and throws what it throws. (No co_await inside a
/// CHECK: Catch has its expression twice, and g++ 12 awaits both.)
template <class Body>
void run(Body body) {
  asio::io_context io;
  auto failure = std::make_exception_ptr(std::logic_error("the coroutine has not ended"));
  asio::co_spawn(io, body(), [&](std::exception_ptr result) { failure = result; });
  io.run_for(deadline);
  CHECK(io.stopped());
  if (failure) std::rethrow_exception(failure);
}

/// Runs what `start(io)` begins once for each number of steps, 0, 1, 2, …, and calls `cut(io)` after so many; what is
/// left dies with the context, and then `check()` is called. Returns how many steps the whole has.
template <class Start, class Cut, class Check>
std::size_t after_each_step(Start start, Cut cut, Check check) {
  for (std::size_t steps = 0, ran = 0;; ++steps, ran = 0) {
    {
      asio::io_context io;
      start(io);
      while (ran < steps && io.poll_one() != 0) ++ran;
      cut(io);
    }
    check();
    if (ran < steps) return ran;
  }
}

template <class T>
T get(std::future<T> future) {
  REQUIRE(future.wait_for(deadline) == std::future_status::ready);
  return future.get();
}

/// Waits on `stream`; `handler` runs on `io`.
template <class Handler>
void wait(EventStream& stream, asio::io_context& io, Handler handler) {
  stream.async_wait(asio::bind_executor(io, std::move(handler)));
}

/// Counts the coroutine frames that hold one.
struct Alive {
  explicit Alive(int& count) : count_(&count) { ++*count_; }
  Alive(const Alive&) = delete;
  Alive& operator=(const Alive&) = delete;
  ~Alive() { --*count_; }

 private:
  int* count_;
};

/// A user's type whose conversion fails.
struct Broken {};
inline void to_json(json&, const Broken&) {
  throw std::runtime_error("a broken type");
}

}  // namespace sse_test
