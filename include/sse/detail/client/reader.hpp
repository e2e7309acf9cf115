// SPDX-License-Identifier: MIT
// The coroutine that connects, reads and connects again. It stops reading while messages wait.

#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <variant>

#include "sse/any_stream.hpp"
#include "sse/client_options.hpp"
#include "sse/config.hpp"
#include "sse/detail/client/state.hpp"
#include "sse/detail/http1/head_parser.hpp"
#include "sse/detail/http1/response_reader.hpp"
#include "sse/detail/net/coarse_timer.hpp"
#include "sse/detail/net/stream_timeout.hpp"
#include "sse/error.hpp"
#include "sse/headers.hpp"
#include "sse/parser.hpp"
#include "sse/url.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The coroutine that connects, reads and connects again. It stops reading while a message waits, so that a slow reader
/// slows the server, and it goes on when a step is cancelled.
class ClientReader {
 public:
  ClientReader(std::shared_ptr<ClientState> state, const asio::any_io_executor& executor)
      : state_(std::move(state)), executor_(executor), timer_(executor) {
    state_->reader = this;
  }
  ClientReader(const ClientReader&) = delete;
  ~ClientReader() { state_->reader = nullptr; }

  static void start(const std::shared_ptr<ClientState>& state, const asio::any_io_executor& executor) {
    auto on_end = [state](const std::exception_ptr& error) {
      if (error) state->finish(error);
    };
    asio::co_spawn(executor, run(std::make_unique<ClientReader>(state, executor)),
                   asio::bind_executor(executor, asio::bind_cancellation_slot(state->stop.slot(), std::move(on_end))));
  }

  const asio::any_io_executor& executor() const noexcept { return executor_; }
  /// The queue is empty again.
  void go_on() {
    if (std::exchange(paused_, false)) timer_.cancel();
  }

 private:
  static asio::awaitable<void> run(std::unique_ptr<ClientReader> self) { co_await self->read_all(); }

  asio::awaitable<void> read_all() {
    const ClientOptions& options = state_->options;
    for (std::size_t failures = 0; !state_->ended;) {
      connected_.reset();
      got_message_ = false;
      std::exception_ptr error;
      try {
        if (!co_await read_once()) break;
      } catch (...) {
        error = std::current_exception();
      }
      if (state_->ended) co_return;
      const auto [reason, may_pass, retry_after] = explain(error);
      if (connected_) state_->tell(options.observer.disconnected, reason);
      if (!may_pass || !options.reconnect.value_or(options.method == "GET")) co_return state_->finish(error);
      const bool lasted = connected_ && CoarseTimer::Clock::now() - *connected_ > options.max_retry;
      failures = got_message_ || lasted ? 0 : failures + 1;
      if (options.max_failures > 0 && failures >= options.max_failures)
        co_return state_->finish(error ? error : std::make_exception_ptr(Unavailable(200, reason)));
      const auto wait = wait_before(failures, retry_after);
      if (!state_->ended) state_->tell(options.observer.retrying, wait, reason);
      if (state_->ended) co_return;
      timer_.expires_after(wait);
      error_code ignored;
      co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    state_->finish(nullptr);
  }

  struct Failure {
    std::string reason;
    bool may_pass;
    std::chrono::milliseconds retry_after;
  };
  static Failure explain(const std::exception_ptr& error) {
    try {
      if (!error) return {"The server has ended the stream", true, {}};
      std::rethrow_exception(error);
    } catch (const Unavailable& unavailable) {
      return {unavailable.what(), true, unavailable.retry_after};
    } catch (const system_error& failure) {
      return {failure.what(), true, {}};
    } catch (const std::exception& fatal) {
      return {fatal.what(), false, {}};
    } catch (...) {
      return {"An exception of an unknown type", false, {}};
    }
  }

  /// The server's time or ours, doubled with each failure but the first, and a chance part, so that the clients of a
  /// server that comes back don't all come at once.
  std::chrono::milliseconds wait_before(std::size_t failures, std::chrono::milliseconds retry_after) {
    double wait = static_cast<double>(state_->parser.retry().value_or(state_->options.retry).count());
    for (std::size_t n = 1; n <= std::min<std::size_t>(failures, 32); ++n)
      wait = n == 1 ? std::max(wait, 100.) : wait * 2;
    wait = std::max(wait, static_cast<double>(retry_after.count()));
    wait = std::min(wait, static_cast<double>(state_->options.max_retry.count()));
    return std::chrono::milliseconds(
        static_cast<std::int64_t>(wait * std::uniform_real_distribution<>(1, 1.5)(random_)));
  }

  /// One connection, through redirects, till its end. False: the server wants no more of them.
  asio::awaitable<bool> read_once() {
    Url url = state_->url;
    bool foreign = false, with_body = true;
    std::string method = state_->options.method;
    for (std::size_t redirects = 0;; ++redirects) {
      AnyStream stream = co_await connect(url);
      const ResponseHead head = co_await exchange(stream, request(url, method, foreign, with_body));
      const unsigned status = head.status;
      if (status == 204) co_return false;
      if (status != 301 && status != 302 && status != 303 && status != 307 && status != 308) {
        check(head);
        connected_ = CoarseTimer::Clock::now();
        state_->tell(state_->options.observer.connected, url);
        co_await read_body(stream, head);
        co_return true;
      }
      if (redirects >= state_->options.max_redirects)
        throw BadResponse(status, "There are more than " + std::to_string(redirects) + " redirects in a row");
      const Url next = redirect(url, head);
      foreign = foreign || !next.same_origin(url);
      // WHATWG Fetch, "HTTP-redirect fetch", step 12.
      if ((status == 303 && method != "GET" && method != "HEAD") || (status <= 302 && method == "POST")) {
        method = "GET";
        with_body = false;
      }
      url = next;
    }
  }

  asio::awaitable<AnyStream> connect(Url url) {
    struct Attempt {
      asio::cancellation_signal stop;
      asio::steady_timer* timer;
      bool done = false;
      std::exception_ptr error;
      AnyStream stream;
    };
    const auto time = state_->options.connect_timeout;
    const auto attempt = std::make_shared<Attempt>();
    attempt->timer = &timer_;
    timer_.expires_at(CoarseTimer::after(time));
    // The state is there as long as the attempt, because it has the function.
    auto on_end = [attempt, state = state_](const std::exception_ptr& error, AnyStream stream) {
      attempt->done = true;
      attempt->error = error;
      attempt->stream = std::move(stream);
      if (attempt->timer) attempt->timer->cancel();
    };
    asio::co_spawn(
        executor_, state_->options.connect(std::move(url)),
        asio::bind_executor(executor_, asio::bind_cancellation_slot(attempt->stop.slot(), std::move(on_end))));
    std::exception_ptr given_up;
    try {
      while (!attempt->done) {
        error_code error;
        co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, error));
        if (!error && !attempt->done)
          throw system_error(asio::error::timed_out, "No connection within " + std::to_string(time.count()) + " ms");
      }
    } catch (...) {
      given_up = std::current_exception();
    }
    attempt->timer = nullptr;
    // It is told to stop, and not waited for: the system's resolver may take minutes.
    if (!attempt->done) attempt->stop.emit(asio::cancellation_type::terminal);
    if (given_up) std::rethrow_exception(given_up);
    if (attempt->error) std::rethrow_exception(attempt->error);
    co_return std::move(attempt->stream);
  }

  std::string request(const Url& url, const std::string& method, bool foreign, bool with_body) const {
    const ClientOptions& options = state_->options;
    std::string text = method + ' ' + url.target + " HTTP/1.1\r\n";
    const auto header = [&](std::string_view name, std::string_view value) {
      text.append(name).append(": ").append(value).append("\r\n");
    };
    header("Host", url.authority());
    header("Accept-Encoding", "identity");
    header("Connection", "close");
    for (const auto& [name, value] : {std::pair("Accept", "text/event-stream"), std::pair("Cache-Control", "no-store"),
                                      std::pair("User-Agent", "sse")})
      if (!find_header(options.headers, name)) header(name, value);
    for (const auto& [name, value] : options.headers) {
      const bool describes_body = name.size() > 8 && same_name(std::string_view(name).substr(0, 8), "content-");
      const bool harmless = describes_body || same_name(name, "Accept") || same_name(name, "Cache-Control") ||
                            same_name(name, "User-Agent");
      if ((!foreign || harmless) && (with_body || !describes_body)) header(name, value);
    }
    if (const std::string& id = state_->parser.last_event_id(); !id.empty()) header("Last-Event-ID", id);
    const bool body_expected = method == "POST" || method == "PUT" || method == "PATCH";
    if (with_body && (body_expected || !options.body.empty()))
      header("Content-Length", std::to_string(options.body.size()));
    return text.append("\r\n").append(with_body ? options.body : std::string());
  }

  /// Sends a request and reads the head of its answer.
  asio::awaitable<ResponseHead> exchange(AnyStream& stream, std::string bytes) {
    const auto time = state_->options.head_timeout;
    StreamTimeout<AnyStream> deadline(stream, executor_, time);
    const auto fail = [&](const error_code& error, const char* what) {
      if (deadline.passed())
        throw system_error(asio::error::timed_out, "No answer within " + std::to_string(time.count()) + " ms");
      throw system_error(error, what);
    };
    // A server may answer and close before it has read a long body: its answer counts.
    error_code write_error, error;
    co_await stream.write(asio::buffer(bytes), write_error);
    std::string rest;
    unsigned status = 0;
    try {
      for (int interim = 0; interim < 16; ++interim) {  // RFC 9110, 15.2
        ResponseHead head(state_->options.max_head_size, state_->options.max_headers);
        const auto take_line = [&](std::string_view line) { head.take_status_line(line), status = head.status; };
        while (!head.parser.feed(rest, take_line)) {
          const std::size_t size = co_await stream.read_some(asio::buffer(buffer_), error);
          if (error) fail(write_error ? write_error : error, "No answer");
          rest.assign(buffer_.data(), size);
        }
        if (status >= 200) co_return head;
        if (status == 101) break;
        rest = std::move(head.parser.rest());
      }
    } catch (const BadHead& bad) {
      throw BadResponse(status, bad.what());
    }
    throw BadResponse(status, "The server answers with status " + std::to_string(status) + " and no more");
  }

  static Url redirect(const Url& url, const ResponseHead& head) {
    try {
      const std::string* const location = head.parser.unique_header("Location");
      if (!location) throw Error("There is no Location header");
      Url next = url.resolve(*location);
      if (url.scheme == "https" && next.scheme == "http") throw Error("A redirect must not leave https");
      return next;
    } catch (const std::runtime_error& why) {
      throw BadResponse(head.status, "The server redirects with status " + std::to_string(head.status) +
                                         ", which can't be followed: " + why.what());
    }
  }

  /// Throws where the answer is no stream of events.
  static void check(const ResponseHead& head) {
    const unsigned status = head.status;
    const std::string why = "The server answers with status " + std::to_string(status);
    if (status == 408 || status == 429 || status == 500 || (status >= 502 && status <= 504)) {
      Unavailable error(status, why);
      const std::string* const after = find_header(head.parser.headers(), "Retry-After");
      std::uint32_t seconds = 0;
      if (after && std::from_chars(after->data(), after->data() + after->size(), seconds).ec == std::errc())
        error.retry_after = std::chrono::seconds(seconds);
      throw error;
    }
    if (status != 200) throw BadResponse(status, why);
    try {
      if (const std::string other = content_type_error(head.parser); !other.empty())
        throw BadResponse(status, "The server answers " + other);
    } catch (const BadHead& bad) {
      throw BadResponse(status, bad.what());
    }
  }

  asio::awaitable<void> read_body(AnyStream& stream, const ResponseHead& head) {
    state_->parser.reset();
    std::optional<BodyDecoder> body;
    try {
      body.emplace(head.parser);
    } catch (const BadHead& bad) {
      throw BadResponse(head.status, bad.what());
    }
    feed(*body, head.parser.rest());
    const auto time = state_->options.idle_timeout;
    for (;;) {
      while (!state_->queue.empty() && !state_->ended) {
        paused_ = true;
        timer_.expires_at(CoarseTimer::never);
        error_code ignored;
        co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      }
      if (body->done() || state_->ended) co_return;
      error_code error;
      StreamTimeout<AnyStream> deadline(stream, executor_, time);
      const std::size_t size = co_await stream.read_some(asio::buffer(buffer_), error);
      feed(*body, {buffer_.data(), size});
      if (!error) continue;
      if (deadline.passed())
        throw system_error(asio::error::timed_out, "Nothing came for " + std::to_string(time.count()) + " ms");
      if (error != asio::error::eof) throw system_error(error, "The stream is cut");
      if (!body->until_close()) throw Unavailable(head.status, "The stream is cut in the middle of the body");
      co_return;
    }
  }

  void feed(BodyDecoder& body, std::string_view bytes) {
    const auto on_message = [&](Message&& message) {
      state_->push(std::move(message));
      got_message_ = true;
    };
    try {
      body.feed(bytes, [&](std::string_view part) {
        if (const std::error_code error = state_->parser.feed(part, on_message); error)
          state_->push(std::make_exception_ptr(std::system_error(error, "sse")));
      });
    } catch (const BadHead& bad) {
      throw Unavailable(200, bad.what());
    }
  }

  const std::shared_ptr<ClientState> state_;
  const asio::any_io_executor executor_;
  asio::steady_timer timer_;
  bool paused_ = false;
  std::array<char, 16 * 1024> buffer_;
  std::minstd_rand random_{std::random_device()()};
  std::optional<CoarseTimer::Clock::time_point> connected_;
  bool got_message_ = false;
};

inline void ClientState::close() noexcept {
  ended = true;
  queue.clear();
  wake();
  if (!reader) return;
  try {
    asio::post(reader->executor(), [self = shared_from_this()] { self->stop.emit(asio::cancellation_type::terminal); });
  } catch (...) {  // no memory: it sees that all is over when its operation ends
  }
}

inline asio::awaitable<std::optional<Message>> ClientState::next(std::shared_ptr<ClientState> state) {
  struct Waiting {
    Waiting(ClientState& client, asio::steady_timer& timer) : state(client) { state.step = &timer; }
    ~Waiting() { state.step = nullptr; }
    ClientState& state;
  };
  if (state->step) throw system_error(asio::error::already_started, "sse::Client::next");
  if (state->queue.empty() && !state->ended) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto cancelled_before = (co_await asio::this_coro::cancellation_state).cancelled();
    asio::steady_timer timer(executor, CoarseTimer::never);
    const Waiting waiting(*state, timer);
    if (!state->reader) ClientReader::start(state, executor);
    error_code woken;
    if (state->queue.empty() && !state->ended)
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    // Whoever cancelled would throw the message away.
    if ((co_await asio::this_coro::cancellation_state).cancelled() != cancelled_before ||
        (state->queue.empty() && !state->ended))
      throw system_error(asio::error::operation_aborted, "sse::Client::next");
  }
  if (state->queue.empty()) co_return std::nullopt;
  auto first = std::move(state->queue.front());
  state->queue.pop_front();
  if (state->queue.empty() && state->reader) state->reader->go_on();
  if (const auto* const error = std::get_if<std::exception_ptr>(&first)) std::rethrow_exception(*error);
  co_return std::get<Message>(std::move(first));
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
