#include <sse/detail/client/cookies.hpp>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <string>
#include <vector>

using sse::Url;
using sse::detail::CookieJar;

namespace {

const auto now = std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000));

/// A jar that has taken these answers' cookies from `url`, one after another.
CookieJar jar_of(const std::vector<std::string>& cookies, const std::string& url = "http://h/a/events") {
  CookieJar jar;
  for (const std::string& cookie : cookies) jar.take(Url(url), {{"set-cookie", cookie}}, now);
  return jar;
}
std::string sent(const CookieJar& jar, const std::string& url = "http://h/a/events", std::string_view own = {}) {
  return jar.header_for(Url(url), own);
}

TEST_CASE("an answer's cookies are sent again, the last value of each") {
  CHECK(sent(jar_of({"a=1"})) == "a=1");
  CHECK(sent(jar_of({"a=1; Path=/; HttpOnly; Secure; SameSite=None; Domain=h", "b= x=y ;path=/"})) == "a=1; b=x=y");
  CHECK(sent(jar_of({"a=1", "b=2", "a=3"})) == "b=2; a=3");
  CHECK(sent(jar_of({"a="})) == "a=");
  for (const auto* const none : {"", "a", "=1", ";a=1", "  "}) CHECK(sent(jar_of({none})).empty());
}

TEST_CASE("a cookie stays at its origin and its path") {
  const CookieJar jar = jar_of({"a=1; Path=/; Domain=other"});
  for (const auto* const url : {"http://h/", "http://h/x?y", "http://H:80/a"}) CHECK(sent(jar, url) == "a=1");
  for (const auto* const url : {"https://h/", "http://h:81/", "http://other/", "http://x.h/"})
    CHECK(sent(jar, url).empty());
  const CookieJar below = jar_of({"a=1; Path=/a", "b=2", "c=3; Path=no"});
  CHECK(sent(below, "http://h/a") == "a=1; b=2; c=3");
  CHECK(sent(below, "http://h/a/b?c") == "a=1; b=2; c=3");
  CHECK(sent(below, "http://h/ab").empty());
  CHECK(sent(below, "http://h/").empty());
  CHECK(sent(jar_of({"a=1"}, "http://h"), "http://h/x") == "a=1");
}

TEST_CASE("a cookie is deleted by its age or its date, and the age goes before the date") {
  const std::string past = "Expires=Wed, 21 Oct 2015 07:28:00 GMT", later = "Expires=Wed, 21 Oct 2065 07:28:00 GMT";
  for (const std::string end : {"Max-Age=0", "max-age=-1", "Max-Age=00", past.c_str()})
    CHECK(sent(jar_of({"a=1", "a=2; " + end})).empty());
  for (const std::string end : {"Max-Age=1", later.c_str(), "Expires=never", "Max-Age="})
    CHECK(sent(jar_of({"a=1", "a=2; " + end})) == "a=2");
  CHECK(sent(jar_of({"a=1; Max-Age=10; " + past})) == "a=1");
  CHECK(sent(jar_of({"a=1", "a=2; " + later + "; Max-Age=0"})).empty());
}

TEST_CASE("what is kept is bounded, and the older cookies give way") {
  CookieJar jar;
  for (int n = 0; n < 10'000; ++n)
    jar.take(Url("http://h/"), {{"Set-Cookie", "n" + std::to_string(n) + "=" + std::string(1000, 'x')}}, now);
  const std::string header = sent(jar, "http://h/");
  CHECK(header.size() < CookieJar::max_size + 100);
  CHECK(header.find("n9999=") != header.npos);
  CHECK(header.find("n9995=") == header.npos);
  jar.take(Url("http://h/"), {{"Set-Cookie", "large=" + std::string(5000, 'x')}}, now);
  CHECK(sent(jar, "http://h/") == header);
}

TEST_CASE("a Cookie header of the user's own comes first and wins") {
  const CookieJar jar = jar_of({"a=1", "b=2"});
  CHECK(sent(jar, "http://h/a/", "b=own; c=3") == "b=own; c=3; a=1");
  CHECK(sent(CookieJar(), "http://h/", "b=own") == "b=own");
}

}  // namespace
