#include <sse/client_options.hpp>
#include <sse/http_error.hpp>
#include <sstream>
#include <system_error>

#include "support.hpp"

namespace sse_test {
namespace {

template <class T>
std::string streamed(const T& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

TEST_CASE("a failure of the library's own carries a code") {
  using sse::errc;
  CHECK_THROWS_MATCHES(EventManager(0), sse::Error, HasCode(errc::queue_size_zero));
  sse::Options options;
  options.max_connections = 2;
  options.max_connections_per_key = 1;
  options.max_event_size = 100;
  EventManager manager(options);
  CHECK_THROWS_MATCHES(manager.emit_event("x", std::string(200, 'x')), sse::Error, HasCode(errc::event_too_large));
  CHECK_THROWS_MATCHES(manager.emit_event("x", json::parse("{", nullptr, false)), sse::Error,
                       HasCode(errc::discarded_json));
  sse::ConnectionOptions connection;
  connection.max_queue_size = 0;
  CHECK_THROWS_MATCHES(manager.add_connection(connection), sse::Error, HasCode(errc::queue_size_zero));
  connection = {};
  connection.limit_key = "key";
  const EventStream first = manager.add_connection(connection);
  CHECK_THROWS_MATCHES(manager.add_connection(connection), sse::Refused, HasCode(errc::max_connections_per_key));
  const EventStream second = manager.add_connection();
  CHECK_THROWS_MATCHES(manager.add_connection(), sse::Refused, HasCode(errc::max_connections));
  CHECK(sse::Error("a user's own").code() == errc::unspecified);
  CHECK(sse::HttpError(404, "none").code() == errc::http_error);
  CHECK(sse::BadResponse(404, "none").code() == errc::bad_response);
}

TEST_CASE("a code is one of std's, and of the Asio in use") {
  const std::error_code standard = sse::errc::draining;
  const sse::error_code own = sse::errc::draining;
  CHECK(standard == own);
  CHECK(own == sse::errc::draining);
  CHECK(own != sse::errc::unspecified);
  CHECK(standard.category() == sse::error_category());
  CHECK(std::string(standard.category().name()) == "sse");
  for (int value = 1; value <= static_cast<int>(sse::errc::stream_ended); ++value) {
    const std::string message = std::error_code(static_cast<sse::errc>(value)).message();
    INFO(value << " " << message);
    CHECK(message != "unknown error");
    CHECK(streamed(static_cast<sse::errc>(value)) != "");
  }
  CHECK(std::error_code(1000, sse::error_category()).message() == "unknown error");
}

TEST_CASE("enumerations print their names") {
  CHECK(streamed(sse::errc::unspecified) == "unspecified");
  CHECK(streamed(sse::errc::event_too_large) == "event_too_large");
  CHECK(streamed(sse::errc::stream_ended) == "stream_ended");
  CHECK(streamed(sse::EndReason::failed) == "failed");
  CHECK(streamed(sse::LossReason::unread) == "unread");
  CHECK(streamed(sse::RefusalReason::draining) == "draining");
  CHECK(streamed(sse::OverflowPolicy::keep_newest) == "keep_newest");
#if defined(__cpp_lib_format)
  CHECK(std::format("{:>8}", sse::EndReason::closed) == "  closed");
#endif
}

TEST_CASE("a failing test says what came") {
  EventManager manager;
  EventStream stream = add_quiet(manager);
  manager.emit_event("x", 1);
  const std::optional<Event> event = stream.try_next();
  CHECK(Catch::Detail::stringify(event).starts_with("data: {\"type\":\"x\","));
  CHECK(Catch::Detail::stringify(Event()) == "no event");
  CHECK(Catch::Detail::stringify(std::optional<Event>()) == "nullopt");
  CHECK(Catch::Detail::stringify(sse::error_code(sse::errc::draining)) == "sse:7 (the service is shutting down)");
  CHECK(Catch::Detail::stringify(sse::EndReason::closed) == "closed");
  CHECK_FALSE(Is("2").match(*event));
}

}  // namespace
}  // namespace sse_test
