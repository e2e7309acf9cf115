#include "arguments.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iostream>
#include <sse/config.hpp>
#include <string>
#include <string_view>

namespace dashboard {
namespace {

#define DASHBOARD_TEXT_OF(x) #x
#define DASHBOARD_TEXT(x) DASHBOARD_TEXT_OF(x)
constexpr const char* version = "dashboard " DASHBOARD_TEXT(SSE_VERSION_MAJOR) "." DASHBOARD_TEXT(
    SSE_VERSION_MINOR) "." DASHBOARD_TEXT(SSE_VERSION_PATCH);

constexpr const char* description =
    "A reverse proxy that shows the requests that pass through it, live, at /_sse/.\n"
    "  dashboard --upstream http://127.0.0.1:9000\n"
    "Without --upstream it shows itself: it starts a small service and a gentle load of its own.\n";

constexpr const char* notes =
    "\nEvery request goes to the upstream, but for those below /_sse/: the page, its events (/_sse/events) and the "
    "running\n"
    "requests (/_sse/state). There is no password: anyone who reaches the port sees them, with every request's "
    "method,\n"
    "target and client address. Keep the port to yourself, or guard /_sse/ in front of it.\n"
    "The upstream sees Host as the client sent it, X-Forwarded-For (the client's address appended), "
    "X-Forwarded-Proto,\n"
    "X-Forwarded-Host and Via. Bodies are streamed both ways and never held whole; trailers are dropped.\n"
    "Once it listens, `dashboard: http://ADDR:PORT/_sse/` goes to standard output.\n"
    "SIGINT and SIGTERM end it: running requests get 3 seconds, then every page is told `disconnect`. A second signal\n"
    "ends it at once.\n"
    "Exit status: 0 after such an end, 1 if it can't listen, 2 on bad arguments.";

template <class Integer>
std::optional<Integer> parse_whole(std::string_view text, Integer min, Integer max) {
  if (text.size() > 1 && text.front() == '0') return std::nullopt;  // CLI11 would read it as octal
  Integer value{};
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size() || value < min || value > max)
    return std::nullopt;
  return value;
}

/// ADDR:PORT or [ADDR]:PORT; an IPv6 address needs the brackets, or its last group would read as the port.
std::optional<boost::asio::ip::tcp::endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(std::string(host), error);
  const auto port = parse_whole<std::uint16_t>(text.substr(colon + 1), 0, 65535);
  if (error || !port || address.is_v6() != bracketed) return std::nullopt;
  return boost::asio::ip::tcp::endpoint(address, *port);
}

/// A check that names the limit: CLI11 puts the option's name before it.
template <class Accept>
CLI::Validator must_be(std::string limit, Accept accept) {
  return CLI::Validator(
      [limit, accept](const std::string& text) {
        return accept(text) ? std::string() : "'" + text + "' is not " + limit;
      },
      "");
}

CLI::Validator whole_number(std::uint64_t min, std::uint64_t max) {
  return must_be("a whole number from " + std::to_string(min) + " to " + std::to_string(max),
                 [min, max](const std::string& text) { return parse_whole(text, min, max).has_value(); });
}

/// What stands in an error message came from the command line: it may not break the line.
std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
  return text;
}

}  // namespace

std::optional<int> parse_arguments(int argc, char** argv, Arguments& arguments) {
  CLI::App app(description, "dashboard");
  app.footer(notes);
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.set_version_flag("--version", version, "Print the version and exit");

  std::string listen = "127.0.0.1:8080", upstream;
  app.add_option("--listen", listen,
                 "Where to listen, as ADDR:PORT or [ADDR]:PORT; port 0: any free port [127.0.0.1:8080]")
      ->type_name("ADDR:PORT")
      ->check(must_be("ADDR:PORT or [ADDR]:PORT (a numeric address, a port from 0 to 65535)",
                      [](const std::string& text) { return parse_endpoint(text).has_value(); }));
  app.add_option("--upstream", upstream, "The service to relay to, as http://HOST[:PORT]; https is not supported")
      ->type_name("URL")
      ->check(must_be("http://HOST[:PORT] (no https, user, path or query)",
                      [](const std::string& text) { return parse_upstream(text).has_value(); }));
  app.add_option("--max-queue-size", arguments.max_queue_size, "Events that may wait for a page, 1 to 1000000 [1000]")
      ->type_name("N")
      ->check(whole_number(1, 1'000'000));
  app.add_option(
         "--history", arguments.history,
         "Events kept for pages that open, reload or come back, 0 to 1000000; a request is two; 0: none [10000]")
      ->type_name("N")
      ->check(whole_number(0, 1'000'000));
  app.add_option("--max-connections", arguments.max_connections,
                 "Client connections at a time, 1 to 100000; more have to wait [1000]")
      ->type_name("N")
      ->check(whole_number(1, 100'000));
  std::uint64_t timeout = 60;
  app.add_option("--timeout", timeout,
                 "Seconds in which nothing moves after which a request is given up, 1 to 3600; event streams and "
                 "upgraded connections may be silent for longer [60]")
      ->type_name("S")
      ->check(whole_number(1, 3600));

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help and --version
    std::cerr << "dashboard: " << one_line(error.what()) << std::endl;
    return 2;
  }
  arguments.listen = *parse_endpoint(listen);
  if (!upstream.empty()) arguments.upstream = parse_upstream(upstream);
  arguments.timeout = std::chrono::seconds(timeout);
  return std::nullopt;
}

}  // namespace dashboard
