#include <sse/testing.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "support.hpp"

namespace sse_test {
namespace {

using std::chrono::hours, std::chrono::microseconds, std::chrono::milliseconds, std::chrono::nanoseconds;
using TimePoint = std::chrono::system_clock::time_point;
using Duration = std::chrono::system_clock::duration;

std::string timestamp_at(TimePoint time) {
  sse::Options options;
  options.clock = [=] { return time; };
  EventManager manager(options);
  EventStream stream = manager.add_connection();
  const std::string json(stream.try_next().value().json());
  const std::size_t begin = json.rfind(':') + 1;
  return json.substr(begin, json.size() - begin - 1);
}

TEST_CASE("a timestamp is right for every time, before 1970 too") {
  const auto at = [](microseconds since_1970) {
    return timestamp_at(TimePoint(std::chrono::duration_cast<Duration>(since_1970)));
  };
  CHECK(at(microseconds(0)) == "0.000000");
  CHECK(at(microseconds(1'500'000)) == "1.500000");
  CHECK(at(microseconds(-1'500'000)) == "-1.500000");
  CHECK(at(microseconds(-1)) == "-0.000001");
  CHECK(at(microseconds(-1'000'000)) == "-1.000000");
  CHECK(at(microseconds(-999'999)) == "-0.999999");
  CHECK(at(microseconds(1'763'900'000'123'456)) == "1763900000.123456");
  const auto us_of = [](TimePoint time) {
    return std::chrono::duration_cast<microseconds>(time.time_since_epoch()).count();
  };
  for (const TimePoint time : {(TimePoint::min)(), (TimePoint::max)()}) {
    std::string expected = std::to_string(us_of(time));
    expected.insert(expected.size() - 6, ".");
    CHECK(timestamp_at(time) == expected);
  }
}

TEST_CASE("expires_at may be any time, whatever the clock says") {
  for (const TimePoint now : {(TimePoint::min)(), TimePoint(Duration(-1)), TimePoint(), (TimePoint::max)()}) {
    for (const TimePoint end : {(TimePoint::min)(), TimePoint(), (TimePoint::max)()}) {
      sse::Options options;
      options.clock = [=] { return now; };
      EventManager manager(options);
      sse::ConnectionOptions settings;
      settings.expires_at = end;
      EventStream stream = manager.add_connection(settings);
      manager.emit_event("number", 1);
      Words types;
      while (const auto event = stream.try_next()) types.emplace_back(event->type());
      CHECK(types == Words{"connection", end > now ? "number" : "disconnect"});
    }
  }
}

/// The words of a connection whose clock jumps behind its `expires_at` between two events.
Words after_a_jump(sse::ConnectionOptions settings, bool alone = false) {
  sse::testing::ManualClock clock;
  sse::Options options;
  options.clock = clock;
  EventManager manager(options);
  settings.connection_id = "c";
  settings.expires_at = clock.now() + hours(1);
  EventStream stream = manager.add_connection(settings);
  EventStream other = manager.add_connection();  // shares a backlog with it, where it may
  sse::EmitOptions topic;
  topic.topic = "t";
  const auto emit_one = [&](int number) {
    if (alone)
      manager.send_event("c", "number", number);
    else
      manager.emit_event("number", number, topic);
  };
  emit_one(1);
  clock.advance(hours(2));
  emit_one(2);
  clock.advance(-hours(2));  // an event that is emitted in time, between two jumps
  emit_one(3);
  clock.advance(hours(1));
  emit_one(4);
  return told(stream);
}

TEST_CASE("an event that is emitted at or after expires_at is not delivered, where the clock jumps") {
  const Words expected = {"connection", "1", "3", "disconnect The connection's time is up"};
  CHECK(after_a_jump({}) == expected);
  sse::ConnectionOptions topics;
  topics.topics = {"t"};
  CHECK(after_a_jump(topics) == expected);
  CHECK(after_a_jump({}, true) == expected);
  sse::ConnectionOptions newest;
  newest.overflow_policy = sse::OverflowPolicy::keep_newest;
  CHECK(after_a_jump(newest) == expected);
}

}  // namespace
}  // namespace sse_test
