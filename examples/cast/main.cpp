// Standard input to browsers: each line becomes an event of every connected client.
#include "arguments.hpp"
#include "lines.hpp"
#include "standard_input.hpp"

#if defined(EXAMPLES_GZIP)
#include <sse/gzip.hpp>
#endif
#include <sse/http.hpp>
#include <sse/sse.hpp>

#include <fcntl.h>
#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>

using tcp = asio::ip::tcp;

namespace {

constexpr std::chrono::seconds signal_grace{5};

/// A descriptor 0 to 2 that is closed would be given to the next socket, and a client would then be standard input or
/// read the error messages.
void open_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != fd) std::abort();
}

/// Each client is a descriptor, and the usual soft limit of 1024 is there for select() alone.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

/// One write for a line, since two threads tell things.
void tell(const std::string& text) {
  std::cerr << command_line::one_line("cast: " + text) + '\n';
}

std::string url(const tcp::endpoint& endpoint, const std::string& path) {
  const std::string address = endpoint.address().to_string();
  return "http://" + (endpoint.address().is_v6() ? '[' + address + ']' : address) + ':' +
         std::to_string(endpoint.port()) + path;
}

/// The line as it stands if it is a JSON text: parsing and writing it again would sort its keys and round its numbers.
void emit_line(sse::EventManager& events, std::string_view type, std::string_view line) {
  // nlohmann/json takes a NUL for the end of the text and skips a byte order mark before it.
  const bool json = line.find('\0') == line.npos && !line.starts_with("\xEF\xBB\xBF") && nlohmann::json::accept(line);
  if (json)
    events.emit_json(type, line);
  else
    events.emit_event(type, std::string(line));
}

sse::Observer observer_of(bool verbose) {
  sse::Observer observer;
  observer.log_state = [verbose](sse::LogState state, std::string_view what) {
    const bool works = state == sse::LogState::opening || state == sse::LogState::ready;
    if (!what.empty() || (verbose && !works))
      tell("the log is " + std::string(to_string(state)) + ": " + std::string(what));
  };
  if (!verbose) return observer;
  observer.connection_added = [](const sse::ConnectionRow& row) { tell("connection " + row.connection_id + " added"); };
  observer.connection_removed = [](const sse::ConnectionRow& row, std::string_view reason) {
    const std::string lost = row.dropped > 0 ? ", " + std::to_string(row.dropped) + " events lost" : "";
    tell("connection " + row.connection_id + " removed: " + std::string(reason) + lost);
  };
  observer.overflow = [](const sse::ConnectionRow& row) {
    tell("connection " + row.connection_id + " reads too slowly: its oldest events are dropped");
  };
  return observer;
}

/// False: the address cannot be had, and the user has been told.
bool listen(tcp::acceptor& acceptor, const tcp::endpoint& endpoint) {
  try {
    acceptor.open(endpoint.protocol());
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    acceptor.bind(endpoint);
    acceptor.listen();
    return true;
  } catch (const std::system_error& error) {
    tell("cannot listen on " + url(endpoint, "").substr(std::string_view("http://").size()) + ": " +
         error.code().message());
    return false;
  }
}

sse::Options options_of(const cast::Arguments& arguments) {
  sse::Options options;
  options.max_queue_size = arguments.max_queue_size;
  options.max_connections = arguments.max_connections;
  options.history_size = arguments.history;
  options.max_event_size = 8 * cast::max_line_length;  // a byte of a line takes at most six in JSON ("\u0000")
#if defined(EXAMPLES_GZIP)
  if (arguments.gzip) options.compression = sse::gzip();
#endif
  log_option::set_log(options, arguments.log);
  return options;
}

sse::ServeOptions serve_options_of(const cast::Arguments& arguments) {
  sse::ServeOptions options;
  options.path = arguments.path;
  options.stream.keep_alive = arguments.keep_alive;
  options.stream.send_timeout = arguments.send_timeout;
  options.stream.retry = arguments.retry;
  options.stream.allow_origin = arguments.allow_origin;
  options.metrics_path = arguments.metrics;
  options.admit_metrics =
      [hosts = local_host::Allowed(arguments.listen.address(), arguments.hosts)](const sse::Request& request) {
        const std::string* const host = request.header("Host");
        if (host && !hosts.contains(*host)) throw sse::HttpError(421, "This name is not served here: see --host");
      };
  options.admit = [check = options.admit_metrics](const sse::Request& request, sse::ConnectionOptions&) {
    check(request);
  };
  options.grace = std::chrono::hours(24);  // a slow client gets all of it; the send time-out ends a dead one
  options.spread = std::chrono::seconds(1);
  return options;
}

/// Emits the line, or tells why it is skipped.
void emit_or_tell(sse::EventManager& events, std::string_view type, const cast::Line& line) {
  const std::string skipped = "line " + std::to_string(line.number) + " is skipped: ";
  if (line.too_long) {
    tell(skipped + std::to_string(line.length) + " bytes, and the limit is " + std::to_string(cast::max_line_length));
    return;
  }
  try {
    emit_line(events, type, line.text);
  } catch (const sse::Error& error) {
    tell(skipped + error.what());
  }
}

int run(const cast::Arguments& arguments) {
  asio::io_context io;
  tcp::acceptor acceptor(io);
  if (!listen(acceptor, arguments.listen)) return 1;
  asio::signal_set signals(io, SIGINT, SIGTERM);  // before the address is told: who reads it may send one
  tell(url(acceptor.local_endpoint(), arguments.path));
  sse::EventManager events(options_of(arguments));
  events.set_observer(observer_of(arguments.verbose));

  int status = 0;
  asio::cancellation_signal stop_serving;
  bool stopping = false, served = false;
  const auto stop = [&] {
    if (!std::exchange(stopping, true)) stop_serving.emit(asio::cancellation_type::terminal);
  };

  cast::LineSplitter lines(cast::max_line_length);
  const auto on_line = [&](const cast::Line& line) { emit_or_tell(events, arguments.type, line); };
  cast::StandardInput input([&](std::string_view bytes) { lines.feed(bytes, on_line); },
                            [&](std::string error) {
                              lines.finish(on_line);
                              asio::post(io, [&, error = std::move(error)] {
                                if (!error.empty()) {
                                  tell("cannot read standard input: " + error);
                                  status = 1;
                                }
                                if (!stopping) events.disconnect_all("The input has ended");
                                stop();
                              });
                            });
  asio::steady_timer grace(io);
  signals.async_wait([&](std::error_code error, int) {
    if (error || served) return;
    signals.clear();  // the next one takes its usual effect
    stop();
    grace.expires_after(signal_grace);
    grace.async_wait([&](std::error_code cancelled) {
      if (!cancelled)
        stop_serving.emit(asio::cancellation_type::terminal);  // the second cuts the clients that are left
    });
  });

  const auto on_served = [&](std::exception_ptr error) {
    served = true;
    input.stop();
    signals.cancel();
    grace.cancel();
    if (error && !stopping) std::rethrow_exception(error);
  };
  asio::co_spawn(io, sse::serve(std::move(acceptor), events, serve_options_of(arguments)),
                 asio::bind_cancellation_slot(stop_serving.slot(), on_served));
  io.run();
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  open_standard_descriptors();
  raise_descriptor_limit();
  std::signal(SIGPIPE, SIG_IGN);  // nobody need read what it tells
  cast::Arguments arguments;
  try {
    if (const auto status = cast::parse_arguments(argc, argv, arguments)) return *status;
    return run(arguments);
  } catch (const std::exception& error) {
    tell(error.what());
    return 1;
  }
}
