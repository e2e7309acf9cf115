// The command line of `cast`.
#pragma once

#include <sse/config.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

namespace cast {

inline constexpr std::size_t max_line_length = 1 << 20;

struct Arguments {
  asio::ip::tcp::endpoint listen{asio::ip::make_address("127.0.0.1"), 8080};
  std::string path = "/events";
  std::string type = "line";
  std::string allow_origin;
  std::size_t max_queue_size = 100;
  std::size_t max_connections = 0;
  std::size_t history = 0;
  std::chrono::seconds keep_alive{15};
  std::chrono::seconds send_timeout{30};
  std::optional<std::chrono::milliseconds> retry;
  bool verbose = false;
};

namespace detail {

template <class Integer>
std::optional<Integer> parse_whole(std::string_view text, Integer min, Integer max) {
  if (text.size() > 1 && text.front() == '0')  // CLI11 would read it as octal
    return std::nullopt;
  Integer value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < min || value > max) return std::nullopt;
  return value;
}

/// ADDR:PORT or [ADDR]:PORT; an IPv6 address needs the brackets, or its last group would read as the port.
inline std::optional<asio::ip::tcp::endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  std::error_code error;
  const auto address = asio::ip::make_address(std::string(host), error);
  const auto port = parse_whole<std::uint16_t>(text.substr(colon + 1), 0, 65535);
  if (error || !port || address.is_v6() != bracketed) return std::nullopt;
  return asio::ip::tcp::endpoint(address, *port);
}

inline bool is_visible_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
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

inline CLI::Validator whole_number(std::uint64_t min, std::uint64_t max) {
  return must_be("a whole number from " + std::to_string(min) + " to " + std::to_string(max),
                 [min, max](const std::string& text) { return parse_whole(text, min, max).has_value(); });
}

/// What stands in an error message came from the command line: it may not break the line.
inline std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
  return text;
}

}  // namespace detail

inline constexpr const char* help_footer =
    R"(Lines: LF or CRLF ends a line; an empty line is an event too, and so is a last line without an end.
A line that is a JSON text (object, array, string, number, true, false, null) is the event's data as it
stands; any other line is its data as a string, with U+FFFD for what is not UTF-8. A line of more than
1 MiB (1048576 bytes) is skipped, and that is told on standard error.

Clients see what comes after they have connected. With --history each event has an id: a browser that was cut
off, and any client that sends Last-Event-ID (or ?lastEventId=ID), gets the lines that it missed, and with
?since=earliest a client gets all that are kept. What is kept no more is told as an `overflow`, with the number.
One that reads too slowly loses its oldest lines and is told how many; it never slows the reading.

The end of standard input, SIGINT and SIGTERM end the program: each client still gets what waits for it,
then `disconnect`. After a signal it has 5 seconds for that, and a second signal ends the program at once.

Once it listens, `cast: http://ADDR:PORT/PATH` goes to standard error; standard output stays empty.
Exit status: 0 after such an end, 1 if it can't listen or can't read, 2 on bad arguments.)";

/// Fills `arguments`; a value is the exit status with which the program ends here.
inline std::optional<int> parse_arguments(int argc, char** argv, Arguments& arguments) {
  using namespace detail;
  CLI::App app(
      "Sends each line of standard input to every connected browser (or curl) as a Server-Sent Event.\n"
      "  tail -F access.log | cast --listen 127.0.0.1:8080\n",
      "cast");
  app.footer(help_footer);
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.set_version_flag("--version",
                       "cast " + std::to_string(SSE_VERSION_MAJOR) + "." + std::to_string(SSE_VERSION_MINOR) + "." +
                           std::to_string(SSE_VERSION_PATCH),
                       "Print the version and exit");

  std::string listen = "127.0.0.1:8080";
  app.add_option("--listen", listen,
                 "Where to listen, as ADDR:PORT or [ADDR]:PORT; port 0: any free port [127.0.0.1:8080]")
      ->type_name("ADDR:PORT")
      ->check(must_be("ADDR:PORT or [ADDR]:PORT (a numeric address, a port from 0 to 65535)",
                      [](const std::string& text) { return parse_endpoint(text).has_value(); }));
  app.add_option("--path", arguments.path, "The path that serves the events [/events]")
      ->type_name("PATH")
      ->check(must_be("a path: '/' first, then visible ASCII without '?' and '#', at most 1024 bytes",
                      [](const std::string& text) {
                        return text.starts_with('/') && is_visible_ascii(text) && text.size() <= 1024 &&
                               text.find_first_of("?#") == std::string::npos;
                      }));
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
  app.add_flag("--verbose", arguments.verbose, "Tell on standard error who comes, who goes and why, and what is lost");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help and --version
    std::cerr << "cast: " << one_line(error.what()) << std::endl;
    return 2;
  }
  arguments.listen = *parse_endpoint(listen);
  arguments.keep_alive = std::chrono::seconds(keep_alive);
  arguments.send_timeout = std::chrono::seconds(send_timeout);
  if (retry) arguments.retry = std::chrono::milliseconds(*retry);
  return std::nullopt;
}

}  // namespace cast
