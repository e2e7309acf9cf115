// Shared by the command lines of the examples.
#pragma once

#include <sse/config.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace command_line {

template <class Integer>
std::optional<Integer> parse_whole(std::string_view text, Integer min, Integer max) {
  if (text.size() > 1 && text.front() == '0') return std::nullopt;  // CLI11 would read it as octal
  Integer value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < min || value > max) return std::nullopt;
  return value;
}

/// ADDR:PORT or [ADDR]:PORT; an IPv6 address needs the brackets, or its last group would read as the port.
inline std::optional<sse::asio::ip::tcp::endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  sse::error_code error;
  const auto address = sse::asio::ip::make_address(std::string(host), error);
  const auto port = parse_whole<std::uint16_t>(text.substr(colon + 1), 0, 65535);
  if (error || !port || address.is_v6() != bracketed) return std::nullopt;
  return sse::asio::ip::tcp::endpoint(address, *port);
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

inline void add_listen(CLI::App& app, std::string& listen) {
  app.add_option("--listen", listen,
                 "Where to listen, as ADDR:PORT or [ADDR]:PORT; port 0: any free port [127.0.0.1:8080]")
      ->type_name("ADDR:PORT")
      ->check(must_be("ADDR:PORT or [ADDR]:PORT (a numeric address, a port from 0 to 65535)",
                      [](const std::string& text) { return parse_endpoint(text).has_value(); }));
}

/// Text from the command line or from a server, for one line of output: control characters become `?`.
inline std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
  return text;
}

inline void add_help_and_version(CLI::App& app, const std::string& footer) {
  app.footer(footer);
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.set_version_flag("--version",
                       app.get_name() + ' ' + std::to_string(SSE_VERSION_MAJOR) + '.' +
                           std::to_string(SSE_VERSION_MINOR) + '.' + std::to_string(SSE_VERSION_PATCH),
                       "Print the version and exit");
}

/// A value is the exit status with which the program ends here.
inline std::optional<int> parse(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help and --version
    std::cerr << app.get_name() << ": " << one_line(error.what()) << std::endl;
    return 2;
  }
}

}  // namespace command_line
