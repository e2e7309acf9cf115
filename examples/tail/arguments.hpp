// The command line of `tail`.
#pragma once

#include "../common/command_line.hpp"

#include <sse/url.hpp>

#include <CLI/CLI.hpp>

#include <optional>
#include <string>

namespace tail {

struct Arguments {
  std::string url;
  std::string last_event_id;
  bool json = false;
  bool reconnect = false;
};

inline constexpr const char* help_footer =
    R"(Output: one event, one line, written as soon as it has come.
Without --json it is the event's data as it came; a line break in it becomes a space where the data is JSON,
else the two characters \n. With --json it is always a JSON object: an event of this library
({"type":…,"data":…,"timestamp":…}) as it stands, with its "id" added; of any other event
{"type":…,"data":…,"id":…}, where data is the event's data itself if that is JSON, else a string.
So `jq .data` prints the data of this library's events with and without --json.
To a terminal, control characters are written as '?'.

Notices go to standard error: connections, their ends, new attempts, and the library's own events `connection`,
`disconnect`, `overflow` (so many events were lost) and `error`. An event of more than 16 MiB is skipped, and told.

Without --reconnect it ends with the stream. With it, it connects again after an end, a cut, a failed attempt or
a status 408, 429, 500, 502, 503 or 504, with the last event's id, and gives up only on an answer that is no stream
of events, or on 204. A stream that is silent for two of its server's keep-alive intervals counts as cut; without
`: keep-alive N` in its first line, after a minute. The variables http_proxy, all_proxy and no_proxy are heeded; localhost needs no proxy.

Exit status: 0 after the stream's end, status 204, SIGINT or SIGTERM, or when nobody reads standard output any
more; 1 when it can't connect, on an answer that is no stream of events, when the stream is cut (without
--reconnect), or when it can't write; 2 on bad arguments.)";

/// Fills `arguments`; a value is the exit status with which the program ends here.
inline std::optional<int> parse_arguments(int argc, char** argv, Arguments& arguments) {
  using namespace command_line;
  CLI::App app(
      "Prints the Server-Sent Events of a URL, one a line, for pipes.\n"
      "  tail http://127.0.0.1:8080/events | jq .data\n",
      "tail");
  add_help_and_version(app, help_footer);

  std::string since;
  app.add_option("URL", arguments.url, "Where the events are: http://HOST[:PORT][/PATH]")
      ->required()
      ->type_name("")
      ->check(CLI::Validator(
          [](const std::string& text) -> std::string {
            try {
              return sse::Url(text).scheme == "http" ? "" : "tail speaks http, not https";
            } catch (const sse::Error& error) {
              return error.what();
            }
          },
          ""));
  app.add_option("--since", since, "Go on after the event with this id; 'earliest': with all that the server still has")
      ->type_name("ID")
      ->check(CLI::Validator(
          [](const std::string& text) -> std::string {
            const bool good = !text.empty() && text.size() <= 1024 && one_line(text) == text;
            return good ? "" : "the id must have 1 to 1024 bytes, and no control character";
          },
          ""));
  app.add_flag("--json", arguments.json, "Print each event as one JSON object");
  app.add_flag("--reconnect", arguments.reconnect, "Connect again when the stream ends or can't be had");

  if (const auto status = parse(app, argc, argv)) return status;
  if (since == "earliest") {
    const bool has_query = sse::Url(arguments.url).target.find('?') != std::string::npos;
    arguments.url = sse::Url(arguments.url).to_string() + (has_query ? "&since=earliest" : "?since=earliest");
  } else {
    arguments.last_event_id = since;
  }
  return std::nullopt;
}

}  // namespace tail
