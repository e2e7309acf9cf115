#include <sse/error.hpp>
#include <sse/proxy.hpp>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <string>

using sse::Proxy, sse::Url;

namespace {

TEST_CASE("a proxy is a URL of http, perhaps with credentials") {
  const auto place = [](std::string_view text) { return Proxy(text).location()->to_string(); };
  CHECK(place("http://proxy:3128") == "http://proxy:3128/");
  CHECK(place("proxy:3128/") == "http://proxy:3128/");
  CHECK(place("[::1]") == "http://[::1]/");
  CHECK(Proxy("http://proxy").authorization().empty());
  const Proxy secret("http://Aladdin:open%20sesame@proxy:1");
  CHECK(secret.authorization() == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  CHECK(secret.location()->to_string() == "http://proxy:1/");
  CHECK(Proxy("a:b%@proxy").authorization() == "Basic YTpiJQ==");
  CHECK(Proxy("a:b@c@proxy").authorization() == "Basic YTpiQGM=");
  CHECK_FALSE(Proxy().location());
  for (const auto* const bad : {"", "https://proxy", "socks5://proxy:1080", "http://", "proxy:x"})
    CHECK_THROWS_AS(Proxy(bad), sse::Error);
  try {
    Proxy("http://user:secret@ho st:1");
    FAIL();
  } catch (const sse::Error& error) {
    CHECK(std::string(error.what()).find("secret") == std::string::npos);
  }
}

TEST_CASE("no_proxy names hosts, addresses and networks") {
  const auto direct = [](const std::string& url, std::string_view no_proxy) {
    return sse::detail::is_without_proxy(Url(url), no_proxy);
  };
  for (const auto* const own : {"http://localhost/", "http://a.localhost:8080/", "http://127.0.0.5/", "http://[::1]/"})
    CHECK(direct(own, ""));
  CHECK_FALSE(direct("http://example.com/", ""));
  CHECK(direct("http://example.com/", "*"));
  for (const auto* const entry :
       {"example.com", ".example.com", "*.example.com", "EXAMPLE.com", "a, example.com ,b", "example.com:80", "com"})
    CHECK(direct("http://www.example.com/", entry));
  for (const auto* const entry :
       {"ww.example.com", "xample.com", "example.com:81", "example.org", ",,", "10.0.0.0/8", "."})
    CHECK_FALSE(direct("http://www.example.com/", entry));
  for (const auto* const entry : {"10.1.2.3", "10.1.2.3:80", "10.0.0.0/8", "10.1.2.3/32", "0.0.0.0/0"})
    CHECK(direct("http://10.1.2.3/", entry));
  for (const auto* const entry : {"10.1.2.4", "10.1.2.0", "11.0.0.0/8", "2.3", "10.1.2.3/33", "10.1.2.3/x", "::/0"})
    CHECK_FALSE(direct("http://10.1.2.3/", entry));
  for (const auto* const entry : {"2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80", "2001:db8::/32", "2001:DB8:0::1"})
    CHECK(direct("http://[2001:db8::1]/", entry));
  for (const auto* const entry : {"2001:db8::2", "2001:db9::/32", "10.0.0.0/8"})
    CHECK_FALSE(direct("http://[2001:db8::1]/", entry));
}

#if !defined(_WIN32)
TEST_CASE("the environment names a proxy for each scheme, but a client of a CGI script does not") {
  const auto clear = [] {
    for (const auto* const name :
         {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"})
      ::unsetenv(name);
  };
  const auto host = [](const std::string& url) -> std::string {
    const Proxy proxy = Proxy::from_environment(Url(url));
    return proxy.location() ? proxy.location()->host : "";
  };
  clear();
  CHECK(host("http://example.com").empty());
  ::setenv("HTTP_PROXY", "http://evil", 1);
  CHECK(host("http://example.com").empty());
  ::setenv("ALL_PROXY", "http://all", 1);
  CHECK(host("http://example.com") == "all");
  ::setenv("http_proxy", "http://plain", 1);
  ::setenv("HTTPS_PROXY", "secure:3128", 1);
  CHECK(host("http://example.com") == "plain");
  CHECK(host("https://example.com") == "secure");
  CHECK(host("http://localhost").empty());
  ::setenv("NO_PROXY", "example.com", 1);
  CHECK(host("https://www.example.com").empty());
  ::setenv("no_proxy", "example.org", 1);
  CHECK(host("https://www.example.com") == "secure");
  ::setenv("https_proxy", "socks5://s", 1);
  CHECK_THROWS_AS(Proxy::from_environment(Url("https://www.example.com")), sse::Error);
  clear();
}
#endif

}  // namespace
