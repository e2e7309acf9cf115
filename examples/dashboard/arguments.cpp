#include "arguments.hpp"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "../common/command_line.hpp"
#include "../common/event_log.hpp"
#include "../common/local_host.hpp"

namespace dashboard {
namespace {

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
    "While it listens on localhost, these are answered for localhost and addresses only, see --host.\n"
    "The upstream sees Host as the client sent it, X-Forwarded-For (the client's address appended), "
    "X-Forwarded-Proto,\n"
    "X-Forwarded-Host and Via. Bodies are streamed both ways and never held whole; trailers are dropped.\n"
    "Once it listens, `dashboard: http://ADDR:PORT/_sse/` goes to standard output.\n"
    "SIGINT and SIGTERM end it: running requests get 3 seconds, then every page is told `disconnect`. A second signal\n"
    "ends it at once.\n"
    "Exit status: 0 after such an end, 1 if it can't listen, 2 on bad arguments.";

}  // namespace

std::optional<int> parse_arguments(int argc, char** argv, Arguments& arguments) {
  using namespace command_line;
  CLI::App app(description, "dashboard");
  add_help_and_version(app, notes);

  std::string listen = "127.0.0.1:8080", upstream;
  add_listen(app, listen);
  local_host::add_host(app, arguments.hosts);
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
  log_option::add_log(app, arguments.log);
  app.add_option("--max-connections", arguments.max_connections,
                 "Client connections at a time, 1 to 100000; more have to wait, but the oldest without a request makes "
                 "room [1000]")
      ->type_name("N")
      ->check(whole_number(1, 100'000));
  std::uint64_t timeout = 60;
  app.add_option("--timeout", timeout,
                 "Seconds in which nothing moves after which a request is given up, 1 to 3600; event streams and "
                 "upgraded connections may be silent for longer [60]")
      ->type_name("S")
      ->check(whole_number(1, 3600));

  if (const auto status = parse(app, argc, argv)) return status;
  arguments.listen = *parse_endpoint(listen);
  if (!upstream.empty()) arguments.upstream = parse_upstream(upstream);
  arguments.timeout = std::chrono::seconds(timeout);
  return std::nullopt;
}

}  // namespace dashboard
