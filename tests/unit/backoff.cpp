#include <sse/client.hpp>
#include <sse/detail/client/backoff.hpp>
#include <sse/detail/client/exchange.hpp>
#include <sse/detail/client/http_date.hpp>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <limits>
#include <optional>
#include <string>

using namespace std::chrono_literals;
using sse::detail::Backoff;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds year = std::chrono::hours(24 * 365);

sse::ClientOptions options_of(milliseconds retry, milliseconds min_retry, milliseconds max_retry) {
  sse::ClientOptions options;
  options.retry = retry;
  options.min_retry = min_retry;
  options.max_retry = max_retry;
  return options;
}
milliseconds next(const Backoff& backoff, std::optional<milliseconds> retry = {}, milliseconds retry_after = 0ms) {
  return backoff.next(retry, retry_after, 0);
}

TEST_CASE("a wait is the server's or the client's own, and a server's is not below the floor") {
  const Backoff backoff(options_of(20ms, 500ms, 60s));
  CHECK(next(backoff) == 20ms);
  CHECK(next(backoff, 0ms) == 500ms);
  CHECK(next(backoff, 499ms) == 500ms);
  CHECK(next(backoff, 3s) == 3s);
  CHECK(next(backoff, 2min) == 60s);
  CHECK(next(backoff, {}, 4s) == 4s);
  CHECK(backoff.next(3s, 0ms, 1) == 4500ms);
  CHECK(backoff.next(3s, 0ms, 0.5) == 3750ms);
  CHECK(next(Backoff(options_of(0ms, 500ms, 1ms)), 0ms) == 1ms);
}

TEST_CASE("each attempt without a message doubles the wait, and only a stream that lasted ends that") {
  Backoff backoff(options_of(20ms, 500ms, 60s));
  for (const milliseconds wait : {100ms, 200ms, 400ms, 800ms}) {
    backoff.end_attempt(false, 0ms);
    CHECK(next(backoff) == wait);
  }
  CHECK(backoff.failures() == 4);
  backoff.end_attempt(true, 4999ms);
  CHECK(backoff.failures() == 0);
  CHECK(next(backoff) == 800ms);
  backoff.end_attempt(true, 0ms);
  CHECK(next(backoff) == 800ms);
  backoff.end_attempt(false, 1ms);
  CHECK(next(backoff) == 1600ms);
  CHECK(backoff.failures() == 1);
  backoff.end_attempt(false, 5s);
  CHECK(next(backoff) == 20ms);
  CHECK(backoff.failures() == 0);
  backoff.end_attempt(false, 0ms);
  backoff.reset();
  CHECK(next(backoff) == 20ms);
}

TEST_CASE("short streams with events keep the wait that the server asks for") {
  Backoff backoff(options_of(1s, 500ms, 60s));
  for (int n = 0; n < 100; ++n) backoff.end_attempt(true, 10ms);
  CHECK(next(backoff) == 1s);
  CHECK(next(backoff, 2s) == 2s);
}

TEST_CASE("no time of the wire or of the options overflows a wait") {
  const milliseconds most = milliseconds::max();
  for (const milliseconds max_retry : {most, milliseconds(std::numeric_limits<std::int64_t>::max() / 2), year}) {
    Backoff backoff(options_of(most, most, max_retry));
    for (int n = 0; n < 100; ++n) {
      for (const auto& retry : {std::optional<milliseconds>(), std::optional(most), std::optional(0ms)})
        for (const double chance : {0., 0.7, 1.}) {
          const milliseconds wait = backoff.next(retry, most, chance);
          REQUIRE(wait >= year);
          REQUIRE(wait <= 2 * year);
        }
      backoff.end_attempt(false, most);
      backoff.end_attempt(false, 0ms);
    }
  }
  Backoff small(options_of(0ms, 0ms, 60s));
  for (int n = 0; n < 10'000; ++n) small.end_attempt(false, 0ms);
  CHECK(small.next(most, most, 1) == 90s);
}

TEST_CASE("Retry-After is a number of seconds or a date, whatever its size") {
  const auto of = [](const std::string& text) {
    return sse::BadResponse(503, "x", {{"Retry-After", text}}).retry_after();
  };
  CHECK(of("2") == 2s);
  CHECK(of("0") == 0s);
  CHECK(of("4294967296") == year);
  CHECK(of("99999999999999999999999") == year);
  CHECK(of("Wed, 21 Oct 2015 07:28:00 GMT") == 0s);
  CHECK(of("Fri, 31 Dec 9999 23:59:59 GMT") == year);
  for (const auto* const text : {"", "-1", "+1", "2 s", "2.5", "Wed, 21 Oct 2015 07:28:00 PST"}) CHECK_FALSE(of(text));
  CHECK_FALSE(sse::BadResponse(503, "x").retry_after());
  const sse::BadResponse copy = sse::BadResponse(404, "x", {{"A", "b"}}, "gone");
  CHECK((copy.headers() == sse::Headers{{"A", "b"}} && copy.body() == "gone" && copy.status() == 404));
  CHECK((sse::BadResponse(404, "x").headers().empty() && sse::BadResponse(404, "x").body().empty()));
}

TEST_CASE("a date of HTTP is read, and nothing else is taken for one") {
  const auto of = [](std::string_view text) { return sse::detail::parse_http_date(text); };
  CHECK(of("Thu, 01 Jan 1970 00:00:00 GMT") == 0s);
  CHECK(of("Wed, 21 Oct 2015 07:28:00 GMT") == 1'445'412'480s);
  CHECK(of("Wed, 21-Oct-2015 07:28:00 GMT") == 1'445'412'480s);
  CHECK(of("Fri, 31 Dec 9999 23:59:59 GMT") == 253'402'300'799s);
  for (const auto* const text :
       {"", "0", "Wed, 21 Oct 2015 07:28:00 gmt", "Wed, 32 Oct 2015 07:28:00 GMT", "Wed, 31 Feb 2015 07:28:00 GMT",
        "Wed, 21 Okt 2015 07:28:00 GMT", "Wed, 21 Oct 2015 24:28:00 GMT", "Wed, 21 Oct 2015 -7:28:00 GMT",
        "Wed, 21 Oct 2015 07:28:00 GMT "})
    CHECK_FALSE(of(text));
}

TEST_CASE("an id that no server takes has a fault") {
  const auto fault = [](std::string_view id) { return sse::detail::id_fault(id, 10); };
  for (const auto* const good : {"", "1-2", "a\tb", "\xC3\xA4", "0123456789"}) CHECK(fault(good).empty());
  for (const auto* const bad : {"a\x0b", "\x1b[1m", "a\x7f", "\x01"})
    CHECK(fault(bad) == "The id has a control character");
  CHECK(fault("0123456789a") == "The id has 11 bytes, max_id_size is 10");
}

}  // namespace
