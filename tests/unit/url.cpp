#include <sse/url.hpp>

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace {

using namespace std::string_view_literals;

std::string parsed(std::string_view text) {
  try {
    return sse::Url(text).to_string();
  } catch (const sse::Error& error) {
    return std::string("error: ") + error.what();
  }
}

TEST_CASE("a URL is taken apart and written as a request needs it") {
  const std::pair<std::string, std::string> urls[] = {
      {"http://host", "http://host/"},
      {"http://host/", "http://host/"},
      {"HTTP://Host.Example:80/A", "http://host.example/A"},
      {"http://host:/x", "http://host/x"},
      {"https://host:443", "https://host/"},
      {"https://host:80", "https://host:80/"},
      {"http://host:8080?q", "http://host:8080/?q"},
      {"http://host?q=/../?", "http://host/?q=/../?"},
      {"http://host#f/x?y", "http://host/"},
      {"http://host/a?b#c?d", "http://host/a?b"},
      {"http://127.0.0.1:65535/", "http://127.0.0.1:65535/"},
      {"http://[::1]:8080/x", "http://[::1]:8080/x"},
      {"http://[FE80::1]", "http://[fe80::1]/"},
      {"http://h/a/./b/../c/", "http://h/a/c/"},
      {"http://h/a/b/..", "http://h/a/"},
      {"http://h/a/b/.", "http://h/a/b/"},
      {"http://h/../../a", "http://h/a"},
      {"http://h/..", "http://h/"},
      {"http://h//a//b", "http://h//a//b"},
      {"http://h/...", "http://h/..."},
      {"http://h/%2e%2E/%41", "http://h/%2e%2E/%41"},
      {"http://h/a b?c d", "http://h/a%20b?c%20d"},
      {"http://h/\xC3\xA4?\xFF\"<>", "http://h/%C3%A4?%FF%22%3C%3E"},
      {"http://h/a:b@c", "http://h/a:b@c"},
  };
  for (const auto& [text, expected] : urls) {
    CHECK(parsed(text) == expected);
    CHECK(parsed(expected) == expected);
  }
  const sse::Url url("https://[::1]:8443/a?b");
  CHECK(url.scheme == "https");
  CHECK(url.host == "::1");
  CHECK(url.port == 8443);
  CHECK(url.target == "/a?b");
  CHECK(url.authority() == "[::1]:8443");
}

TEST_CASE("what is no URL to connect to is an error of one line that shows it") {
  const std::string long_host = "http://" + std::string(256, 'h'), long_text(100'000, 'x');
  const std::string_view bad[] = {""sv,
                                  "host"sv,
                                  "http"sv,
                                  "https"sv,
                                  "http:"sv,
                                  "http:/host"sv,
                                  "http:host"sv,
                                  "ftp://host"sv,
                                  "://host"sv,
                                  "/path"sv,
                                  "http://"sv,
                                  "http:///x"sv,
                                  "http://?x"sv,
                                  "http://:80"sv,
                                  "http://user@host"sv,
                                  "http://user:secret@host/"sv,
                                  "http://host:0"sv,
                                  "http://host:65536"sv,
                                  "http://host:-1"sv,
                                  "http://host:+1"sv,
                                  "http://host:80x"sv,
                                  "http://host:80:80"sv,
                                  "http://[::1"sv,
                                  "http://[]"sv,
                                  "http://[::1]x"sv,
                                  "http://[::1]80"sv,
                                  "http://[x]"sv,
                                  "http://::1"sv,
                                  "http://h st"sv,
                                  "http://h\xC3\xA4"sv,
                                  "http://h%41"sv,
                                  "http://h\\x"sv,
                                  "http://h/\n"sv,
                                  "http://h/\0"sv,
                                  "http://h\r\nX: y"sv,
                                  " http://h"sv,
                                  long_host,
                                  long_text};
  for (const std::string_view text : bad) {
    INFO(text.substr(0, 100));
    const std::string error = parsed(text);
    CHECK(error.starts_with("error: sse: \""));
    CHECK(error.find_first_of("\r\n") == std::string::npos);
    CHECK(error.size() < 400);
  }
  CHECK(parsed("http://host:65536").ends_with(": its port is not 1 to 65535"));
}

TEST_CASE("a reference means what RFC 3986 says, at the place where it stands") {
  const sse::Url base("http://h:81/a/b/c?q");
  const std::pair<std::string_view, std::string_view> references[] = {
      {"https://x/y", "https://x/y"},
      {"HTTP://x", "http://x/"},
      {"//x:82/y", "http://x:82/y"},
      {"//x", "http://x/"},
      {"/y?z", "http://h:81/y?z"},
      {"/../y", "http://h:81/y"},
      {"?z", "http://h:81/a/b/c?z"},
      {"", "http://h:81/a/b/c?q"},
      {"#f", "http://h:81/a/b/c?q"},
      {"y", "http://h:81/a/b/y"},
      {"./y", "http://h:81/a/b/y"},
      {"../y/", "http://h:81/a/y/"},
      {"..", "http://h:81/a/"},
      {"../../../..", "http://h:81/"},
      {"y/z:1", "http://h:81/a/b/y/z:1"},
      {"./z:1", "http://h:81/a/b/z:1"},
      {"y?u=http://x", "http://h:81/a/b/y?u=http://x"},
      {"\xC3\xA4 y", "http://h:81/a/b/%C3%A4%20y"},
  };
  for (const auto& [reference, expected] : references) {
    INFO(reference);
    CHECK(base.resolve(reference).to_string() == expected);
  }
  CHECK(sse::Url("http://h").resolve("y").to_string() == "http://h/y");
  CHECK(sse::Url("https://h").resolve("//x").to_string() == "https://x/");
  for (const auto* reference : {"ftp://x/", "mailto:x", "//", "http://", "javascript:x", "http://u@x/", "/\r\nX: y"}) {
    INFO(reference);
    CHECK_THROWS_AS(base.resolve(reference), sse::Error);
  }
}

TEST_CASE("an origin is scheme, host and port") {
  const sse::Url url("http://h/a");
  CHECK(url.same_origin(sse::Url("HTTP://H:80/b")));
  CHECK_FALSE(url.same_origin(sse::Url("https://h/a")));
  CHECK_FALSE(url.same_origin(sse::Url("http://h:81/a")));
  CHECK_FALSE(url.same_origin(sse::Url("http://h.x/a")));
}

}  // namespace
