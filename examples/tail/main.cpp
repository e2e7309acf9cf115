// The events of a URL to standard output, one a line.
#include "arguments.hpp"
#include "line.hpp"

#include <sse/client.hpp>
#if defined(EXAMPLES_TLS)
#include <sse/tls.hpp>
#endif

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace {

void tell(std::string_view text) {
  std::cerr << command_line::one_line("tail: " + std::string(text)) + '\n';
}

/// False: nobody reads it any more.
bool write_line(std::string text) {
  if (::isatty(STDOUT_FILENO)) text = command_line::one_line(std::move(text));
  text.push_back('\n');
  for (std::string_view rest = text; !rest.empty();) {
    const ssize_t size = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (size >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(size));
    } else if (errno == EAGAIN) {  // another process has made it non-blocking
      pollfd writable{STDOUT_FILENO, POLLOUT, 0};
      ::poll(&writable, 1, -1);
    } else if (errno == EPIPE) {
      return false;
    } else if (errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "cannot write to standard output");
    }
  }
  return true;
}

/// Returns when the reader of standard output has gone, which no write tells where no event comes.
asio::awaitable<void> output_closed() {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (pollfd output{STDOUT_FILENO, 0, 0}; ::poll(&output, 1, 0) >= 0 && (output.revents & (POLLERR | POLLHUP)) == 0;) {
    timer.expires_after(std::chrono::milliseconds(250));
    co_await timer.async_wait(asio::use_awaitable);
  }
}

/// Prints notices on standard error; remembers the last reason, which need not be told twice.
sse::ClientObserver notices(std::string& reason) {
  sse::ClientObserver observer;
  observer.connected = [](const sse::Url& url) { tell("connected to " + url.to_string()); };
  observer.disconnected = [&](std::string_view why) { tell("disconnected: " + (reason = why)); };
  observer.retrying = [&](std::chrono::milliseconds wait, std::string_view why) {
    if (std::exchange(reason, "") != why) tell(why);
    tell("connects again in " + std::to_string(wait.count()) + " ms");
  };
  observer.id_not_sent = [](std::string_view, std::string_view why) {
    tell("goes on without the events that it has missed: " + std::string(why));
  };
  return observer;
}

asio::awaitable<void> follow(const tail::Arguments& arguments, std::string& reason) {
#if defined(EXAMPLES_TLS)
  sse::ClientOptions options = sse::tls_client();
#else
  sse::ClientOptions options;
#endif
  options.reconnect = arguments.reconnect;
  options.headers = arguments.headers;
  if (arguments.post) {
    options.method = "POST";
    options.body = tail::text_or_file(*arguments.post);
  }
  options.last_event_id = arguments.last_event_id;
  options.observer = notices(reason);
  sse::Client client(arguments.url, std::move(options));
  for (;;) {
    std::optional<sse::Message> message;
    bool skipped = false;
    try {
      message = co_await client.next();
    } catch (const std::system_error& error) {
      skipped = error.code() == sse::ParserError::message_too_long;
      if (!skipped) throw;
    }
    if (skipped) {
      tell("an event of more than 16 MiB is skipped");
      continue;
    }
    if (!message) co_return;
    tail::Line line = tail::line_of(std::move(*message), arguments.json);
    if (line.notice)
      tell(line.text);
    else if (!write_line(std::move(line.text)))
      co_return;
  }
}

int run(const tail::Arguments& arguments) {
  asio::io_context io;
  std::string reason;
  int status = 0;
  asio::co_spawn(io, follow(arguments, reason), [&](std::exception_ptr error) {
    io.stop();
    try {
      if (error) std::rethrow_exception(error);
    } catch (const sse::BadResponse& failure) {
      status = 1;
      if (reason != failure.what()) tell(failure.what());
      if (!failure.body().empty()) tell("its body: " + failure.body().substr(0, 1000));
    } catch (const std::exception& failure) {
      status = 1;
      if (reason != failure.what()) tell(failure.what());
    }
  });
  asio::co_spawn(io, output_closed(), [&](std::exception_ptr) { io.stop(); });
  io.run();
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  // A descriptor that is closed would be given to the next socket.
  const bool has_output = ::fcntl(STDOUT_FILENO, F_GETFD) >= 0;
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != fd) std::abort();
  std::signal(SIGPIPE, SIG_IGN);
  // Each line is written at once, so there is nothing to do at the end, and it may be stuck in such a write.
  for (const int end : {SIGINT, SIGTERM}) std::signal(end, [](int) { ::_exit(0); });
  tail::Arguments arguments;
  try {
    if (const auto status = tail::parse_arguments(argc, argv, arguments)) return *status;
    if (!has_output) throw std::runtime_error("standard output is closed");
    return run(arguments);
  } catch (const std::exception& error) {
    tell(error.what());
    return 1;
  }
}
