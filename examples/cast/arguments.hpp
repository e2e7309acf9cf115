// The command line of `cast`.
#pragma once

#include "../common/command_line.hpp"
#include "../common/event_log.hpp"
#include "../common/local_host.hpp"

#include <sse/config.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cast {

inline constexpr std::size_t max_line_length = 1 << 20;

struct Arguments {
  asio::ip::tcp::endpoint listen{asio::ip::make_address("127.0.0.1"), 8080};
  std::string path = "/events";
  std::string metrics;
  std::string log;
  std::string type = "line";
  std::string allow_origin;
  std::vector<std::string> hosts;
  std::size_t max_queue_size = 100;
  std::size_t max_connections = 0;
  std::size_t history = 0;
  std::chrono::seconds keep_alive{15};
  std::chrono::seconds send_timeout{30};
  std::optional<std::chrono::milliseconds> retry;
  bool gzip = false;
  bool verbose = false;
};

inline bool is_visible_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

inline constexpr const char* help_footer =
    R"(Lines: LF or CRLF ends a line; an empty line is an event too, and so is a last line without an end.
A line that is a JSON text (object, array, string, number, true, false, null) is the event's data as it
stands; any other line is its data as a string, with U+FFFD for what is not UTF-8. A line of more than
1 MiB (1048576 bytes) is skipped, and that is told on standard error.

Clients see what comes after they have connected. With --history each event has an id: a browser that was cut
off, and any client that sends Last-Event-ID (or ?lastEventId=ID), gets the lines that it missed, and with
?since=earliest a client gets all that are kept. What is kept no more is told as an `overflow`, with the number.
With --log the same holds after a restart of the program, and at another one with the same log; --history is then at
least 1 (1000).
One that reads too slowly loses its oldest lines and is told how many; it never slows the reading.

The end of standard input, SIGINT and SIGTERM end the program: each client still gets what waits for it,
then `disconnect`. After a signal it has 5 seconds for that, and a second signal ends the program at once; many
clients are then ended over a second, and each is told a time of its own to come back.

Once it listens, `cast: http://ADDR:PORT/PATH` goes to standard error; standard output stays empty.
Exit status: 0 after such an end, 1 if it can't listen or can't read, 2 on bad arguments.)";

/// Fills `arguments`; a value is the exit status with which the program ends here.
inline std::optional<int> parse_arguments(int argc, char** argv, Arguments& arguments) {
  using namespace command_line;
  CLI::App app(
      "Sends each line of standard input to every connected browser (or curl) as a Server-Sent Event.\n"
      "  tail -F access.log | cast --listen 127.0.0.1:8080\n",
      "cast");
  add_help_and_version(app, help_footer);

  std::string listen = "127.0.0.1:8080";
  add_listen(app, listen);
  local_host::add_host(app, arguments.hosts);
  const auto is_path = must_be("a path: '/' first, then visible ASCII without '?' and '#', at most 1024 bytes",
                               [](const std::string& text) {
                                 return text.starts_with('/') && is_visible_ascii(text) && text.size() <= 1024 &&
                                        text.find_first_of("?#") == std::string::npos;
                               });
  app.add_option("--path", arguments.path, "The path that serves the events [/events]")
      ->type_name("PATH")
      ->check(is_path);
  app.add_option("--metrics", arguments.metrics,
                 "The path that serves metrics for Prometheus, another one than --path; unset: none")
      ->type_name("PATH")
      ->check(is_path);
  app.add_option("--type", arguments.type, "The events' type [line]")
      ->type_name("TYPE")
      ->check(must_be("a type: 1 to 256 bytes, and not connection, disconnect, overflow or error (the stream's own)",
                      [](const std::string& text) {
                        return !text.empty() && text.size() <= 256 && text != "connection" && text != "disconnect" &&
                               text != "overflow" && text != "error";
                      }));
  app.add_option("--max-queue-size", arguments.max_queue_size, "Events that may wait for a client, 1 to 1000000 [100]")
      ->type_name("N")
      ->check(whole_number(1, 1'000'000));
  app.add_option("--max-connections", arguments.max_connections, "Clients at a time, 0 to 1000000; 0: no limit [0]")
      ->type_name("N")
      ->check(whole_number(0, 1'000'000));
  app.add_option("--history", arguments.history,
                 "Lines that are kept for clients that come back, 0 to 1000000; 0: none, and events have no id [0]")
      ->type_name("N")
      ->check(whole_number(0, 1'000'000));
  log_option::add_log(app, arguments.log);
  std::uint64_t keep_alive = 15, send_timeout = 30;
  app.add_option("--keep-alive", keep_alive, "Seconds of silence after which a comment is sent, 1 to 3600 [15]")
      ->type_name("S")
      ->check(whole_number(1, 3600));
  app.add_option("--send-timeout", send_timeout,
                 "Seconds after which a client that takes nothing is cut, 1 to 3600 [30]")
      ->type_name("S")
      ->check(whole_number(1, 3600));
  std::optional<std::uint64_t> retry;
  app.add_option(
         "--retry", retry,
         "Milliseconds after which a browser that was cut off connects again, 0 to 3600000; unset: the browser's own")
      ->type_name("MS")
      ->check(whole_number(0, 3'600'000));
  app.add_option("--allow-origin", arguments.allow_origin,
                 "Let pages of this origin read the events (CORS); '*': any page")
      ->type_name("ORIGIN")
      ->check(
          must_be("an origin: '*', 'null' or SCHEME://HOST[:PORT], at most 1024 bytes", [](const std::string& text) {
            const std::size_t host = text.find("://");
            return text == "*" || text == "null" ||
                   (host != std::string::npos && host > 0 && host + 3 < text.size() && text.size() <= 1024 &&
                    is_visible_ascii(text) && text.find_first_of("/,", host + 3) == std::string::npos);
          }));
  app.add_flag("--gzip", arguments.gzip,
               "Compress the lines, once for all clients that accept it; not for secrets beside text of strangers");
  app.add_flag("--verbose", arguments.verbose, "Tell on standard error who comes, who goes and why, and what is lost");

  app.callback([&arguments] {
#if !defined(EXAMPLES_GZIP)
    if (arguments.gzip) throw CLI::ValidationError("--gzip", "this program was built without zlib");
#endif
    if (arguments.metrics == arguments.path)
      throw CLI::ValidationError("--metrics", "'" + arguments.metrics + "' is the path of the events");
  });
  if (const auto status = parse(app, argc, argv)) return status;
  arguments.listen = *parse_endpoint(listen);
  arguments.keep_alive = std::chrono::seconds(keep_alive);
  arguments.send_timeout = std::chrono::seconds(send_timeout);
  if (retry) arguments.retry = std::chrono::milliseconds(*retry);
  return std::nullopt;
}

}  // namespace cast
