// The event writer step by step: no socket, no executor, and the time is an argument.
#include <sse/detail/server/event_writer.hpp>
#include <sse/detail/server/session.hpp>
#include <sse/http.hpp>

#include <cstdlib>
#include <limits>

#include "support.hpp"

namespace sse_test {
namespace {

using sse::detail::EventWriter;
using Clock = EventWriter::Clock;
using Step = EventWriter::Step;
using Due = EventWriter::Due;
using namespace std::chrono_literals;

const Clock::time_point noon = Clock::time_point(1'000h);
const EventWriter::Times times{15s, 30s};

/// A manager whose clock stands still, and the writer of one stream of it.
struct Writing {
  explicit Writing(sse::ConnectionOptions connection = {}, sse::Options options = {}) : manager(with_clock(options)) {
    sse::Observer observer;
    observer.connection_removed = [this](const sse::ConnectionRow&, std::string_view reason) { ended = reason; };
    manager.set_observer(observer);
    connection.connection_id = "id";
    connection.announce = false;
    if (!connection.max_queue_size) connection.max_queue_size = 1'000;
    writer.start(manager.add_connection(connection));
  }
  sse::Options with_clock(sse::Options options) {
    options.clock = [this] { return now; };
    return options;
  }

  /// One turn of a socket that takes everything: the bytes of each send, and the step that ends it.
  std::pair<std::vector<std::string>, Step> turn(Event first = Event()) {
    EventWriter::Turn turn(std::move(first));
    std::vector<std::string> sends;
    for (;;) {
      const Step step = writer.next(turn);
      if (step != Step::send) return {sends, step};
      std::string bytes;
      for (std::size_t i = 0; i < turn.part.size; ++i) {
        const asio::const_buffer& frame = turn.part.frames()[i];
        bytes.append(static_cast<const char*>(frame.data()), frame.size());
      }
      sends.push_back(bytes);
    }
  }

  std::chrono::system_clock::time_point now{1'000'000h};
  std::string ended;  ///< before the manager, which may tell it as late as its own end
  EventManager manager;
  EventWriter writer;
};

// Runs after the destructors of function-local statics, as a thread may that serves while the process ends.
[[maybe_unused]] const bool checks_at_exit = std::atexit([] {
                                               if (EventWriter::keep_alive_comment().frame() != ": keep-alive\n\n")
                                                 std::_Exit(99);
                                             }) == 0;

TEST_CASE("the writer's first turn sends the head and what waits at once, then waits") {
  Writing writing;
  writing.manager.emit_message("", "a");
  writing.manager.emit_message("", "b");
  const auto [sends, step] = writing.turn(sse::detail::raw_frame("head\n"));
  std::string sent;
  for (const std::string& bytes : sends) sent += bytes;
  CHECK(sent == "head\ndata: a\n\ndata: b\n\n");
  CHECK(step == Step::wait);
  CHECK(writing.turn().first.empty());
  CHECK(writing.turn().second == Step::wait);
}

TEST_CASE("a turn ends after two batches, so that other streams have theirs") {
  Writing writing;
  for (int n = 0; n < 600; ++n) writing.manager.emit_message("", std::to_string(n));
  std::string all, sent;
  for (int n = 0; n < 600; ++n) all += "data: " + std::to_string(n) + "\n\n";
  std::vector<Step> steps;
  while (sent.size() < all.size()) {
    const auto [sends, step] = writing.turn();
    CHECK(sends.size() <= 2);
    for (const std::string& bytes : sends) sent += bytes;
    steps.push_back(step);
  }
  CHECK(steps == std::vector{Step::yield, Step::wait});
  CHECK(sent == all);
}

TEST_CASE("an idle stream is due for a comment after the keep-alive time, and not without one") {
  Writing writing;
  CHECK(writing.turn().second == Step::wait);
  CHECK(writing.writer.due(noon, times) == noon + 15s);
  CHECK(writing.writer.due(noon, {0s, 30s}) == Clock::time_point::max());
  CHECK(writing.writer.on_time(noon + 15s, 0, times) == Due::keep_alive);
  CHECK(writing.turn(EventWriter::keep_alive_comment()).first == Words{": keep-alive\n\n"});
}

TEST_CASE("a socket without room is given up when the peer has taken nothing for the send time-out") {
  Writing writing;
  writing.manager.emit_message("", "a");
  EventWriter::Turn turn;
  REQUIRE(writing.writer.next(turn) == Step::send);
  writing.writer.keep_unsent(std::move(turn.part), 3, 100, noon);
  REQUIRE(writing.writer.unsent());
  CHECK(writing.writer.unsent()->sent == 3);
  CHECK(writing.writer.due(noon, times) == noon + 1s);
  CHECK(writing.writer.due(noon, {15s, 300ms}) == noon + 300ms);
  CHECK(writing.writer.due(noon, {15s, 0s}) == noon + 1s);

  CHECK(writing.writer.on_time(noon + 29s, 100, times) == Due::nothing);
  CHECK(writing.writer.on_time(noon + 30s, 99, times) == Due::nothing);  // its system has taken a byte
  CHECK(writing.writer.on_time(noon + 59s, 99, times) == Due::nothing);
  CHECK(writing.writer.on_time(noon + 999h, 99, {15s, 0s}) == Due::nothing);
  SECTION("then it takes all") {
    writing.writer.all_sent();
    CHECK(writing.turn().second == Step::wait);
    CHECK(writing.writer.due(noon, times) == noon + 15s);
    CHECK(writing.ended.empty());
  }
  SECTION("then it takes no more") {
    CHECK(writing.writer.on_time(noon + 60s, 99, times) == Due::end);
    CHECK(writing.writer.finished());
    CHECK(writing.ended == "Sending timed out after 30000 ms");
  }
}

TEST_CASE("a stream whose right to the events runs out delivers what waits, disconnect and the end") {
  sse::ConnectionOptions connection;
  Writing writing([&] {
    connection.expires_at = std::chrono::system_clock::time_point(1'000'000h) + 60s;
    return connection;
  }());
  CHECK(writing.turn().second == Step::wait);
  CHECK(writing.writer.due(noon, times) == noon + 1ms);  // a clock of the user's own may go on at any moment
  CHECK(writing.writer.on_time(noon, 0, times) == Due::nothing);
  writing.now += 60s;
  CHECK(writing.writer.on_time(noon, 0, times) == Due::events);
  CHECK(writing.writer.due(noon, times) == noon + 15s);
  CHECK(writing.turn().second == Step::end);
  CHECK(writing.writer.finished());
}

TEST_CASE("keep-alives beside a clock of the user's own come as rarely as they are asked for") {
  sse::ConnectionOptions connection;
  connection.expires_at = std::chrono::system_clock::time_point(1'000'000h) + 60s;
  Writing writing(connection);
  CHECK(writing.turn().second == Step::wait);
  const auto looks_until_comment = [&](const EventWriter::Times& these) {
    int looks = 1;
    while (writing.writer.on_time(noon, 0, these) == Due::nothing && looks < 100'000) ++looks;
    writing.turn(EventWriter::keep_alive_comment());
    return looks;
  };
  CHECK(looks_until_comment(times) == 60);
  CHECK(looks_until_comment({5h, 30s}) == 5 * 60 * 60 * 4);
  CHECK(looks_until_comment({0s, 30s}) == 100'000);
}

TEST_CASE("a peer may send 64 KiB of its own, and is given up with the next byte") {
  Writing writing;
  CHECK(writing.writer.allows(64 * 1024));
  CHECK(writing.writer.allows(0));
  CHECK(writing.ended.empty());
  SECTION("one byte") {
    CHECK_FALSE(writing.writer.allows(1));
  }
  SECTION("more than a number holds") {
    CHECK_FALSE(writing.writer.allows(std::numeric_limits<std::size_t>::max()));
  }
  CHECK(writing.ended == "The peer sent more than 64 KiB after its request");
}

TEST_CASE("the writer ends once, for the first reason") {
  Writing writing;
  SECTION("the manager ends the stream") {
    writing.manager.disconnect("id");
    CHECK(writing.turn().second == Step::end);
    writing.writer.lose_peer(asio::error::eof);
    CHECK(writing.ended == "Disconnected by the server");
  }
  SECTION("the peer is lost") {
    writing.writer.lose_peer(asio::error::connection_reset);
    writing.writer.finish(sse::EndReason::closed, "later");
    CHECK(writing.ended.starts_with("The peer is gone: "));
  }
  SECTION("the socket was closed by the service") {
    writing.writer.lose_peer(asio::error::operation_aborted);
    CHECK(writing.ended == "Cut by the service");
  }
  CHECK(writing.writer.finished());
  CHECK(writing.manager.get_connection_count() == 0);
}

#if defined(__linux__) && defined(__x86_64__) && !defined(SSE_PORTABLE)
static_assert(sizeof(sse::detail::Session) <= 152, "an idle stream of serve costs its session");
#endif

}  // namespace
}  // namespace sse_test
