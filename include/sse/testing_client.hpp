// SPDX-License-Identifier: MIT
// The client of the test kit: it reads a service's stream and fails with what came instead. testing.hpp includes
// it.

#pragma once

/// The client of `sse/testing.hpp`, which includes it: an HTTP connection that reads when it is told to, and what the
/// kit throws.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/client.hpp"
#include "sse/config.hpp"
#include "sse/detail/http1/head_parser.hpp"
#include "sse/detail/http1/response_reader.hpp"
#include "sse/event.hpp"
#include "sse/http.hpp"
#include "sse/parser.hpp"
#include "sse/wire.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::testing {

/// What a thing may take on a busy machine before it counts as not happening.
inline constexpr std::chrono::milliseconds default_patience{10'000};

/// What was waited for did not happen in time; `what()` says what it was, and what came instead.
class Timeout : public Error {
 public:
  using Error::Error;
};

/// A stream or a connection is over before what was waited for; `what()` says what came.
class Ended : public Error {
 public:
  explicit Ended(const std::string& what, error_code code = {}) : Error(what), code_(code) {}
  /// No error: it ended in good order. `asio::error::eof`: it was closed in the middle of an answer whose end is told
  /// otherwise; else why it broke, `asio::error::connection_reset` for example.
  error_code code() const noexcept { return code_; }

 private:
  error_code code_;
};

namespace detail {

using SteadyTime = std::chrono::steady_clock::time_point;

inline SteadyTime limit_of(std::chrono::milliseconds patience) {
  return std::chrono::steady_clock::now() + std::min<std::chrono::milliseconds>(patience, std::chrono::hours(24 * 365));
}

/// On one line, and not too long.
inline std::string shown(std::string_view text, std::size_t max_size = 120) {
  std::string line;
  wire::append_line(line, text.substr(0, max_size));
  return text.size() > max_size ? line.append("…") : line;
}
inline std::string shown(const Event& event) {
  return shown(event.json());
}
inline std::string shown(const Message& message) {
  return shown(message.type == "message" ? message.data : message.type + ' ' + message.data);
}

/// `2 of 5 events: {…}, {…}`
template <class Things>
std::string count_of(const Things& things, std::size_t wanted, std::string_view name) {
  constexpr std::size_t max_shown = 8;
  std::string text = std::to_string(things.size());
  if (wanted != std::numeric_limits<std::size_t>::max()) text += " of " + std::to_string(wanted);
  text.append(" ").append(name);
  for (std::size_t i = 0; i < std::min(things.size(), max_shown); ++i)
    text.append(i == 0 ? ": " : ", ").append(shown(things[i]));
  return things.size() > max_shown ? text.append(", …") : text;
}

inline std::string not_within(std::chrono::milliseconds patience) {
  return " within " + std::to_string(patience.count()) + " ms";
}

/// Runs one operation of `io`, which `start(handler)` begins and `cancel()` ends. nullopt: the time is up.
template <class Start, class Cancel>
std::optional<error_code> run_until(asio::io_context& io, SteadyTime limit, Start&& start, Cancel&& cancel) {
  std::optional<error_code> result;
  io.restart();
  start([&result](error_code error) { result = error; });
  io.run_until(limit);
  if (result) return result;
  cancel();
  io.restart();
  io.run();
  // It may have come just before it was cancelled.
  return result == asio::error::operation_aborted ? std::nullopt : result;
}

}  // namespace detail

/// A client of a service under test: an HTTP/1.1 connection that reads when it is told to, and not a byte further.
/// Between its calls it takes nothing, so that it is as slow as the test wants; a small receive buffer makes the
/// service feel that sooner. What the service sends is checked as sse::Client checks it.
///
/// Every call blocks, at most for the client's patience, and then throws Timeout. Nothing is lost by that: what came
/// waits for the next call. Errors of all calls: Timeout; Ended where the peer closes or resets before; BadResponse
/// where the answer is no HTTP, or no stream of events and one is read; sse::system_error where the connection can't
/// be made. Thread safety: one thread at a time.
class Client {
 public:
  /// Connects, and sends nothing. `receive_buffer`: bytes that the system should hold for it, which may make them more
  /// (Linux twice as many, and at least 2,304); 0: the system's default, which may be megabytes.
  explicit Client(const tcp::endpoint& peer, std::size_t receive_buffer = 0) : socket_(*io_) {
    connect(peer, receive_buffer);
  }
  /// The same to 127.0.0.1.
  explicit Client(std::uint16_t port, std::size_t receive_buffer = 0)
      : Client(tcp::endpoint(asio::ip::address_v4::loopback(), port), receive_buffer) {}
  /// Connects to 127.0.0.1 and sends a GET: `Client::get(port, "/events", {{"Last-Event-ID", id}})`. It does not wait
  /// for the answer: the service has the connection when its first event, `connection`, has been read.
  static Client get(std::uint16_t port, std::string_view target = "/events", const Headers& headers = {},
                    std::size_t receive_buffer = 0) {
    Client client(port, receive_buffer);
    client.request(target, headers);
    return client;
  }
  Client(Client&&) = default;
  Client& operator=(Client&&) = delete;

  /// How long each later call may take; default_patience until then.
  void set_patience(std::chrono::milliseconds patience) noexcept { patience_ = patience; }

  /// Sends a request, one for each connection: its answer is what is read. Host and, where there is a body,
  /// Content-Length are added; nothing is checked.
  void request(std::string_view target, const Headers& headers = {}, std::string_view method = "GET",
               std::string_view body = {}) {
    std::string text;
    text.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: ").append(name_).append("\r\n");
    for (const auto& [name, value] : headers) text.append(name).append(": ").append(value).append("\r\n");
    if (!body.empty()) text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
    bodiless_ = method == "HEAD";
    send(text.append("\r\n").append(body));
  }
  /// Sends bytes as they are. Ended where the peer does not take them.
  void send(std::string_view bytes) {
    const detail::SteadyTime limit = detail::limit_of(patience_);
    while (!bytes.empty()) {
      error_code error;
      bytes.remove_prefix(socket_.write_some(asio::buffer(bytes.data(), bytes.size()), error));
      if (is_would_block(error)) {
        if (!wait(tcp::socket::wait_write, limit))
          throw Timeout("sse::testing: " + name_ + " did not take " + std::to_string(bytes.size()) + " bytes" +
                        detail::not_within(patience_));
      } else if (error) {
        throw Ended("sse::testing: " + name_ + " took no more bytes: " + error.message(), error);
      }
    }
  }

  /// Of the answer, as soon as its head is there.
  unsigned status() {
    read_head();
    return head_->status;
  }
  /// The response's, in order; it waits for them.
  const Headers& headers() {
    read_head();
    return head_->parser.headers();
  }
  /// The first header of that name (any case), or null.
  const std::string* header(std::string_view name) { return sse::detail::find_header(headers(), name); }

  /// The next message.
  Message read() { return std::move(read(1).front()); }
  /// The next `count` messages; then it stops, behind the last one's last byte.
  std::vector<Message> read(std::size_t count) {
    const detail::SteadyTime limit = detail::limit_of(patience_);
    expect_stream(limit);
    while (messages_.size() < count) {
      if (!can_read()) throw Ended(after("ended its stream", count), over_);
      if (!take_some(all, count, limit)) throw Timeout(after("was waited for" + detail::not_within(patience_), count));
    }
    std::vector<Message> taken;
    for (; taken.size() < count; messages_.pop_front()) taken.push_back(std::move(messages_.front()));
    return taken;
  }
  /// All further messages until the service ends the stream in good order. One that is cut by that is none.
  std::vector<Message> read_to_end() {
    const detail::SteadyTime limit = detail::limit_of(patience_);
    expect_stream(limit);
    while (can_read())
      if (!take_some(all, all, limit)) throw Timeout(after("did not end its stream" + detail::not_within(patience_)));
    if (over_) throw Ended(after("broke its stream"), over_);
    std::vector<Message> taken(std::make_move_iterator(messages_.begin()), std::make_move_iterator(messages_.end()));
    messages_.clear();
    return taken;
  }
  /// The whole body of an answer that is no stream of events, a refusal's text; Error for one that is.
  std::string body() {
    const detail::SteadyTime limit = detail::limit_of(patience_);
    read_head(limit);
    if (not_stream_.empty()) throw Error("sse::testing: " + name_ + " answers with a stream, which has no whole body");
    while (can_read())
      if (!take_some(all, all, limit)) throw Timeout(after("did not end its answer" + detail::not_within(patience_)));
    if (over_) throw Ended(after("broke its answer"), over_);
    rethrow_bad();
    return body_text_;
  }

  /// Takes exactly `count` bytes of what the service sends, its head and comments included, as a slow peer does. The
  /// messages that they complete wait for `read`. They may be anything.
  std::string take_bytes(std::size_t count) {
    const detail::SteadyTime limit = detail::limit_of(patience_);
    while (raw_.size() < count) {
      if (over_ || closed_) throw Ended(so_far("ended after", count), over_);
      if (!take_some(count - raw_.size(), all, limit, &raw_))
        throw Timeout(so_far("gave" + detail::not_within(patience_), count));
    }
    return std::exchange(raw_, std::string());
  }

  /// What a reconnection would send as Last-Event-ID: of the messages whose bytes were taken.
  const std::string& last_event_id() const noexcept { return parser_.last_event_id(); }
  /// The last reconnection time that the service asked for.
  std::optional<std::chrono::milliseconds> retry() const noexcept { return parser_.retry(); }

  /// Tells the peer that nothing more is sent; reading goes on.
  void end_sending() {
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
  }
  /// Closes the connection: FIN, or where bytes were not taken the system's RST.
  void close() {
    error_code ignored;
    socket_.close(ignored);
    if (!std::exchange(closed_, true)) over_ = asio::error::operation_aborted;
  }
  /// Closes it with an RST, as a peer that crashes.
  void reset() {
    error_code ignored;
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    close();
  }
  /// The address that the service sees.
  tcp::endpoint local_endpoint() const { return socket_.local_endpoint(); }

 private:
  static constexpr std::size_t all = std::numeric_limits<std::size_t>::max();

  static bool is_would_block(const error_code& error) noexcept {
    return error == asio::error::would_block || error == asio::error::try_again;
  }
  void connect(const tcp::endpoint& peer, std::size_t receive_buffer) {
    name_ = (peer.address().is_v6() ? '[' + peer.address().to_string() + ']' : peer.address().to_string()) + ':' +
            std::to_string(peer.port());
    socket_.open(peer.protocol());
    if (receive_buffer > 0)
      socket_.set_option(asio::socket_base::receive_buffer_size(
          static_cast<int>(std::min<std::size_t>(receive_buffer, std::numeric_limits<int>::max()))));
    const auto result = detail::run_until(
        *io_, detail::limit_of(patience_), [&](auto handler) { socket_.async_connect(peer, std::move(handler)); },
        [&] { close(); });
    if (!result)
      throw Timeout("sse::testing: " + name_ + " did not accept a connection" + detail::not_within(patience_));
    if (*result) throw system_error(*result, "sse::testing: cannot connect to " + name_);
    socket_.non_blocking(true);
    error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
  }
  bool wait(tcp::socket::wait_type what, detail::SteadyTime limit) {
    return detail::run_until(
               *io_, limit, [&](auto handler) { socket_.async_wait(what, std::move(handler)); },
               [&] {
                 error_code ignored;
                 socket_.cancel(ignored);
               })
        .has_value();
  }

  /// There may be more of the answer.
  bool can_read() const noexcept { return !closed_ && !bad_ && !(body_ && body_->done()); }

  /// Takes what is there, at most `max` bytes, and stops behind the message that makes `count` wait. False: nothing
  /// came in time.
  bool take_some(std::size_t max, std::size_t count, detail::SteadyTime limit, std::string* raw = nullptr) {
    std::array<char, 8192> bytes;
    error_code error;
    // Looked at first, so that what is not wanted stays with the system, where the service feels it.
    std::size_t size = socket_.receive(asio::buffer(bytes, max), asio::socket_base::message_peek, error);
    if (is_would_block(error)) return wait(tcp::socket::wait_read, limit);
    if (!error) {
      const std::string_view part(bytes.data(), size);
      size = raw ? digest(part, all), size : digest(part, count);
      if (raw) raw->append(part);
      socket_.receive(asio::buffer(bytes, size), 0, error);
    }
    if (!error) return true;
    if (std::exchange(closed_, true)) return true;
    const bool in_good_order = error == asio::error::eof && body_ && (body_->until_close() || body_->done());
    if (!in_good_order) over_ = error;
    return true;
  }

  /// Returns how many of the bytes it has used.
  std::size_t digest(std::string_view bytes, std::size_t count) {
    std::size_t used = 0;
    try {
      while (used < bytes.size() && !bad_ && (!body_ || messages_.size() < count)) {
        if (!body_) {
          used = bytes.size() - take_head(bytes.substr(used));
          continue;
        }
        // A message ends with a line.
        const std::size_t end = std::min(bytes.find_first_of("\r\n", used), bytes.size() - 1) + 1;
        body_->feed(bytes.substr(used, end - used), [&](std::string_view part) { take_body(part); });
        used = end;
      }
    } catch (const sse::detail::BadHead& bad) {
      bad_ =
          std::make_exception_ptr(BadResponse(head_ ? head_->status : 0, "sse::testing: " + name_ + ": " + bad.what()));
    }
    return bad_ ? bytes.size() : used;
  }
  /// Returns how many of the bytes come after the head.
  std::size_t take_head(std::string_view bytes) {
    if (!head_) head_.emplace(64 * 1024, 200);
    began_ = true;
    if (!head_->parser.feed(bytes, [&](std::string_view line) { head_->take_status_line(line); })) return 0;
    const std::size_t left = head_->parser.rest().size();
    if (head_->status < 200 && head_->status != 101) {  // RFC 9110, 15.2
      head_.reset();
      return left;
    }
    const unsigned status = head_->status;
    if (bodiless_ || status == 204 || status == 304) {
      sse::detail::HeadParser none(64, 1);
      none.feed("x\r\nContent-Length: 0\r\n\r\n", [](std::string_view) {});
      body_.emplace(none);
    } else {
      body_.emplace(head_->parser);
    }
    const std::string other = sse::detail::content_type_error(head_->parser);
    not_stream_ = status == 200 ? detail::shown(other) : "with status " + std::to_string(status);
    return left;
  }
  void take_body(std::string_view part) {
    if (!not_stream_.empty()) {
      body_text_.append(part);
      return;
    }
    if (behind_.size() < 200) behind_.append(part);
    const std::error_code error = parser_.feed(part, [&](Message&& message) {
      messages_.push_back(std::move(message));
      behind_.clear();
    });
    if (error) bad_ = std::make_exception_ptr(BadResponse(200, "sse::testing: " + name_ + ": " + error.message()));
  }

  void read_head() { read_head(detail::limit_of(patience_)); }
  void read_head(detail::SteadyTime limit) {
    while (!body_) {
      rethrow_bad();
      const std::string part = began_ ? " but a part" : "";
      if (closed_)
        throw Ended("sse::testing: " + name_ + " closed, and had sent no head of an answer" + part,
                    over_ ? over_ : error_code(asio::error::eof));
      if (!take_some(all, 0, limit))
        throw Timeout("sse::testing: " + name_ + " sent no head of an answer" + part + detail::not_within(patience_));
    }
  }
  void expect_stream(detail::SteadyTime limit) {
    read_head(limit);
    if (messages_.empty()) rethrow_bad();
    if (!not_stream_.empty()) throw BadResponse(head_->status, "sse::testing: " + name_ + " answers " + not_stream_);
  }
  void rethrow_bad() const {
    if (bad_) std::rethrow_exception(bad_);
  }

  std::string after(const std::string& what, std::size_t wanted = all) const {
    rethrow_bad();
    std::string text =
        "sse::testing: " + name_ + ' ' + what + "; there were " + detail::count_of(messages_, wanted, "messages");
    if (!behind_.empty()) text += "; behind them: \"" + detail::shown(behind_) + '"';
    return over_ ? text + " (" + over_.message() + ')' : text;
  }
  std::string so_far(const std::string& what, std::size_t wanted) const {
    return "sse::testing: " + name_ + ' ' + what + ' ' + std::to_string(raw_.size()) + " of " + std::to_string(wanted) +
           " bytes";
  }

  std::unique_ptr<asio::io_context> io_ = std::make_unique<asio::io_context>(1);
  tcp::socket socket_;
  std::string name_;
  std::chrono::milliseconds patience_ = default_patience;
  bool bodiless_ = false, began_ = false, closed_ = false;
  error_code over_;  ///< how it broke
  std::optional<sse::detail::ResponseHead> head_;
  std::optional<sse::detail::BodyDecoder> body_;
  std::string not_stream_;  ///< why the answer is none
  std::string body_text_;
  Parser parser_;
  std::deque<Message> messages_;
  std::string behind_;  ///< the first bytes behind the last message
  std::string raw_;     ///< what take_bytes has, for its next call
  std::exception_ptr bad_;
};

/// Both ends of a connection over loopback.
struct ConnectedPair {
  tcp::socket service;  ///< for read_request, write_events, or a session of the service's
  Client client;        ///< has sent nothing
};

/// A slow socket: the client takes what the test tells it to take, and the two systems' buffers hold no more than about
/// the bytes asked for here (Linux twice as many, and at least a few thousand; 0: the system's defaults, which may be
/// megabytes). `executor` is the service end's. Errors: sse::system_error.
inline ConnectedPair connected_pair(const asio::any_io_executor& executor, std::size_t receive_buffer = 0,
                                    std::size_t send_buffer = 0) {
  tcp::acceptor acceptor(executor, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  Client client(acceptor.local_endpoint().port(), receive_buffer);
  tcp::socket service(executor);
  do {  // whoever else has found the port
    service = tcp::socket(executor);
    acceptor.accept(service);
  } while (service.remote_endpoint() != client.local_endpoint());
  if (send_buffer > 0)
    service.set_option(asio::socket_base::send_buffer_size(
        static_cast<int>(std::min<std::size_t>(send_buffer, std::numeric_limits<int>::max()))));
  return {std::move(service), std::move(client)};
}

}  // namespace sse::inline SSE_ABI::testing

#include "sse/detail/base/pop_options.hpp"
