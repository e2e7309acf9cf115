// The command line of `tail`.
#pragma once

#include "../common/command_line.hpp"

#include <sse/headers.hpp>
#include <sse/url.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tail {

struct Arguments {
  std::string url;
  std::string last_event_id;
  std::optional<std::string> post;  ///< The body of a POST.
  sse::Headers headers;
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

With --post it asks by a POST, for APIs that stream their answer; its Content-Type is application/json unless a
--header says otherwise. With --reconnect the same POST is sent again.

Without --reconnect it ends with the stream. With it, it connects again after an end, a cut, a failed attempt or
a status 408, 429, 500, 502, 503 or 504, with the last event's id, and gives up only on an answer that is no stream
of events, or on 204. A stream that is silent for two of its server's keep-alive intervals counts as cut; without
`: keep-alive N` in its first line, after a minute. The variables http_proxy, all_proxy and no_proxy are heeded; localhost needs no proxy.
Over https the system's authorities are trusted, or those in the file that SSL_CERT_FILE names.

Exit status: 0 after the stream's end, status 204, SIGINT or SIGTERM, or when nobody reads standard output any
more; 1 when it can't connect, on an answer that is no stream of events, when the stream is cut (without
--reconnect), or when it can't write; 2 on bad arguments.)";

/// The text itself, or after an @ the content of a file.
inline std::string text_or_file(const std::string& text) {
  if (!text.starts_with('@')) return text;
  std::ifstream file(text.substr(1), std::ios::binary);
  std::string content(std::istreambuf_iterator<char>(file), {});
  if (!file || file.bad()) throw std::runtime_error("cannot read " + text.substr(1));
  return content;
}

/// `NAME: VALUE` in two parts. Nullopt: it is no header.
inline std::optional<std::pair<std::string, std::string>> header_of(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == text.npos || command_line::one_line(text) != text) return std::nullopt;
  const std::string name = text.substr(0, colon);
  const std::size_t begin = text.find_first_not_of(' ', colon + 1);
  if (name.empty() || name.find_first_of(" \t\"(),/;<=>?@[\\]{}") != name.npos) return std::nullopt;
  return std::pair(name, begin == text.npos ? std::string() : text.substr(begin));
}

/// Fills `arguments`; a value is the exit status with which the program ends here.
inline std::optional<int> parse_arguments(int argc, char** argv, Arguments& arguments) {
  using namespace command_line;
  CLI::App app(
      "Prints the Server-Sent Events of a URL, one a line, for pipes.\n"
      "  tail http://127.0.0.1:8080/events | jq .data\n",
      "tail");
  add_help_and_version(app, help_footer);

  std::string since;
  app.add_option("URL", arguments.url, "Where the events are: http://HOST[:PORT][/PATH], or https")
      ->required()
      ->type_name("")
      ->check(CLI::Validator(
          [](const std::string& text) -> std::string {
            try {
              [[maybe_unused]] const sse::Url url(text);
#if defined(EXAMPLES_TLS)
              return "";
#else
              return url.scheme == "http" ? "" : "this tail was built without OpenSSL: it speaks http, not https";
#endif
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
  app.add_option("--post", arguments.post, "Ask by a POST with this body, or with the content of this file")
      ->type_name("BODY|@FILE");
  std::vector<std::string> headers;
  app.add_option("--header", headers, "Send this header, too; can be given several times")
      ->type_name("'NAME: VALUE'")
      ->allow_extra_args(false)
      ->check(CLI::Validator(
          [](const std::string& text) -> std::string { return header_of(text) ? "" : "it must be 'NAME: VALUE'"; },
          ""));
  app.add_flag("--json", arguments.json, "Print each event as one JSON object");
  app.add_flag("--reconnect", arguments.reconnect, "Connect again when the stream ends or can't be had");

  if (const auto status = parse(app, argc, argv)) return status;
  for (const std::string& text : headers) arguments.headers.push_back(header_of(text).value());
  const auto says_type = [](const auto& header) { return CLI::detail::to_lower(header.first) == "content-type"; };
  if (arguments.post && std::none_of(arguments.headers.begin(), arguments.headers.end(), says_type))
    arguments.headers.emplace_back("Content-Type", "application/json");
  if (since == "earliest") {
    const bool has_query = sse::Url(arguments.url).target.find('?') != std::string::npos;
    arguments.url = sse::Url(arguments.url).to_string() + (has_query ? "&since=earliest" : "?since=earliest");
  } else {
    arguments.last_event_id = since;
  }
  return std::nullopt;
}

}  // namespace tail
