#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/deadline.hpp"
#include "sse/detail/http_head.hpp"
#include "sse/event_manager.hpp"
#include "sse/wire.hpp"

#if __has_include(<netinet/tcp.h>)
#include <netinet/tcp.h>
#endif

#if defined(__GNUC__) && \
    !defined(__clang__)  // g++ 12 takes Asio's own new and delete of a coroutine's frame for a mismatch
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace sse {

using tcp = asio::ip::tcp;

/// A response that is due to the peer instead of what was asked for; `what()` says why.
class HttpError : public Error {
 public:
  HttpError(unsigned status, const std::string& why) : Error(why), status_(status) {}
  unsigned status() const noexcept { return status_; }

 private:
  unsigned status_;
};

/// How a stream is written. Times are exact to a quarter of a second.
struct StreamOptions {
  StreamOptions() = default;

  std::chrono::milliseconds keep_alive{15'000};    ///< idle time after which a comment is sent; 0: never
  std::chrono::milliseconds send_timeout{30'000};  ///< a write that takes longer ends the stream; 0: never
  std::optional<std::chrono::milliseconds> retry;  ///< the browser's reconnection time
  std::string allow_origin;                        ///< Access-Control-Allow-Origin; empty: no such header
};

/// What a request head may cost.
struct RequestLimits {
  RequestLimits() = default;

  std::size_t max_head_size = 16 * 1024;      ///< bytes; past it 414 in the request line, else 431
  std::size_t max_headers = 100;              ///< past it 431
  std::chrono::milliseconds timeout{10'000};  ///< from the call to the head's last byte; past it 408
};

struct ServeOptions {
  ServeOptions() = default;

  std::string path = "/events";
  StreamOptions stream;
  RequestLimits limits;
  std::chrono::milliseconds grace{5'000};  ///< what streams have, once `serve` is cancelled, to deliver what waits
};

/// A request head.
struct Request {
  Request() = default;

  std::string method;
  std::string target;  ///< as it was sent
  std::string path;    ///< of the target, not percent-decoded
  std::string query;   ///< of the target, without the `?`
  unsigned minor_version = 1;
  detail::Headers headers;  ///< names and values, as they were sent
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  std::string rest;  ///< what came after the head: the body's first bytes

  /// The first header of that name (any case), or null.
  const std::string* header(std::string_view name) const noexcept { return detail::find_header(headers, name); }
};

namespace detail {

/// Takes a request line apart (RFC 9112, 3). Throws BadHead.
inline void take_request_line(std::string_view line, Request& request) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == line.npos || first == last) throw BadHead(400, "The request line must be METHOD TARGET HTTP/1.1");
  const std::string_view version = line.substr(last + 1);
  if (version.size() != 8 || !version.starts_with("HTTP/") || !is_digit(version[5]) || version[6] != '.' ||
      !is_digit(version[7]))
    throw BadHead(400, "The request line must end with HTTP/1.1");
  if (version[5] != '1') throw BadHead(505, "Only HTTP/1.0 and HTTP/1.1 are spoken here");
  request.minor_version = version[7] == '0' ? 0 : 1;
  request.method = line.substr(0, first);
  if (!is_token(request.method)) throw BadHead(400, "The method is not a token");
  std::string_view target = line.substr(first + 1, last - first - 1);
  request.target = target;
  for (const char c : target)
    if (c <= ' ' || c > '~' || c == '#') throw BadHead(400, "The request target has a character that a URI can't have");
  if (request.method == "CONNECT" || (request.method == "OPTIONS" && target == "*")) {
    request.path = target;
    return;
  }
  if (!target.starts_with('/')) {  // the absolute form, as a proxy gets it
    const std::size_t host = target.find("://");
    if (host == target.npos || host == 0) throw BadHead(400, "The request target must begin with /");
    const std::size_t path = target.find_first_of("/?", host + 3);
    if (path == host + 3 || target.size() == host + 3) throw BadHead(400, "The request target has no host");
    target = path == target.npos ? std::string_view() : target.substr(path);
  }
  const std::size_t query = target.find('?');
  request.path = target.substr(0, query);
  if (request.path.empty()) request.path = "/";
  if (query != target.npos) request.query = target.substr(query + 1);
}

/// What a complete head means. Throws BadHead.
inline Request finish_request(Request&& request, HeadParser& head) {
  const std::string* const host = head.only("Host");
  if (!host && request.minor_version > 0) throw BadHead(400, "There is no Host header");
  const auto no_host = [](char c) {
    return c <= ' ' || c > '~' || std::string_view("\"#/<>?@\\^`{|},").find(c) != std::string_view::npos;
  };
  if (host && std::any_of(host->begin(), host->end(), no_host)) throw BadHead(400, "The Host header is not a host");
  request.chunked = head.chunked();
  if (request.chunked && request.minor_version == 0) throw BadHead(400, "Transfer-Encoding is not HTTP/1.0");
  request.content_length = head.content_length();
  request.headers = std::move(head.headers());
  request.rest = std::move(head.rest());
  return std::move(request);
}

/// Asio's own sockets take bytes at once and without a buffer of the writer's; anything in between needs its own
/// operations.
template <class Stream>
concept PlainSocket = requires(LowestLayer<Stream>& socket, const asio::const_buffer& buffer, error_code error) {
  requires !requires(Stream & stream) {
    stream.next_layer();
  };
  socket.non_blocking(true);
  socket.write_some(buffer, error);
  socket.async_wait(asio::socket_base::wait_read, [](error_code) {});
};

inline std::string stream_head(const StreamOptions& options) {
  std::string head =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nX-Accel-Buffering: "
      "no\r\nConnection: close\r\n";
  if (!options.allow_origin.empty()) {
    wire::append_line(head.append("Access-Control-Allow-Origin: "), options.allow_origin);
    head.append("\r\n");
  }
  return head.append("\r\n");
}

/// Writes one stream of events: a state machine, because a coroutine's frame is too much for each of 10,000 idle
/// connections. All of it runs on the handler's executor. It waits for events, for the peer's end, and for room to
/// write; the deadline is the keep-alive's or the write's.
template <class Stream, class Handler>
class EventWriter final : public std::enable_shared_from_this<EventWriter<Stream, Handler>>, Sweep::Entry {
  using Executor = asio::associated_executor_t<Handler, typename LowestLayer<Stream>::executor_type>;
  static constexpr bool plain = PlainSocket<Stream>;
  static constexpr std::size_t max_batch =
      64;                                ///< frames of one gathered write: what Asio passes to the system at most
  static constexpr int max_batches = 4;  ///< then others have their turn
  static constexpr std::size_t max_unasked = 64 * 1024;

 public:
  EventWriter(Stream& stream, EventStream&& events, const StreamOptions& options, Handler&& handler)
      : stream_(stream),
        executor_(asio::get_associated_executor(handler, lowest_layer(stream).get_executor())),
        sweep_(sweep_of(executor_)),
        events_(std::move(events)),
        keep_alive_(options.keep_alive),
        send_timeout_(options.send_timeout),
        handler_(std::move(handler)) {}
  ~EventWriter() { sweep_->remove(*this); }

  void start(const StreamOptions& options) {
    auto slot = asio::get_associated_cancellation_slot(*handler_);
    if (slot.is_connected())
      slot.assign([weak = this->weak_from_this()](asio::cancellation_type type) {
        const auto self = weak.lock();
        if (!self || type == asio::cancellation_type::none) return;
        self->finish(asio::error::operation_aborted, "Cancelled by the service");
        self->settle();
      });
    step([&] {
      sweep_->add(*this, executor_);
      prepare_socket();
      std::string head = stream_head(options);
      if (options.retry)
        wire::append_field(head, "retry", std::to_string(options.retry->count())), head.push_back('\n');
      unsent_.push_back(raw_frame(std::move(head)));
      wait_for_peer();
      write();
    });
  }

 private:
  // What each operation completes with: the next step, on the handler's executor.
  struct Next {
    using executor_type = Executor;
    executor_type get_executor() const noexcept { return self->executor_; }

    Next(std::shared_ptr<EventWriter> writer, void (EventWriter::*step)(error_code, std::size_t)) noexcept
        : self(std::move(writer)), then(step) {
      ++self->pending_;
    }
    Next(Next&&) noexcept = default;
    ~Next() {
      if (self) --self->pending_;  // the operation could not be started
    }
    void operator()(error_code error, std::size_t size = 0) {
      const std::shared_ptr<EventWriter> writer = std::move(self);
      --writer->pending_;
      writer->step([&] { (writer.get()->*then)(error, size); });
    }

    std::shared_ptr<EventWriter> self;
    void (EventWriter::*then)(error_code, std::size_t);
  };
  struct Turn {
    Next next;
    void operator()() { next({}); }
  };
  Next next(void (EventWriter::*then)(error_code, std::size_t)) { return Next(this->shared_from_this(), then); }

  template <class Function>
  void step(Function&& function) {
    try {
      if (!finished_) function();
    } catch (const std::exception& error) {
      finish({}, error.what());
    }
    settle();
  }

  void prepare_socket() {
    auto& socket = lowest_layer(stream_);
    error_code ignored;
    if constexpr (plain) {
      was_non_blocking_ = socket.non_blocking();
      socket.non_blocking(true, ignored);
    }
    if constexpr (requires { socket.set_option(tcp::no_delay(true), ignored); }) {
      socket.set_option(tcp::no_delay(true), ignored);
      socket.set_option(asio::socket_base::keep_alive(true), ignored);
#if defined(TCP_USER_TIMEOUT)
      const auto timeout =
          static_cast<unsigned>(std::clamp<std::int64_t>(send_timeout_.count(), 0, std::numeric_limits<int>::max()));
      ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout);
#endif
    }
  }

  void write() {
    if (writing_) return;
    for (int batches = 0;; ++batches) {
      if (unsent_.empty() && batches == max_batches) return asio::post(executor_, Turn{next(&EventWriter::on_turn)});
      if (unsent_.empty() && events_.drain(unsent_, max_batch) == 0) break;
      if (!send()) return;
      unsent_.clear();
    }
    if (events_.done()) return finish({}, "The stream ended");
    std::vector<Event>().swap(unsent_);
    set_due(keep_alive_);
    if (waiting_) return;
    waiting_ = true;
    events_.async_wait(next(&EventWriter::on_event));
  }

  void on_turn(error_code, std::size_t) {
    write();
  }
  void on_event(error_code error, std::size_t) {
    waiting_ = false;
    if (error) return finish(error, error.message());
    write();
  }

  // True: all of `unsent_` has been taken; else on_sent comes.
  bool send() {
    std::array<asio::const_buffer, max_batch> buffers;
    for (;;) {
      std::size_t skip = sent_, count = 0;
      for (const Event& event : unsent_) {
        const std::size_t cut = std::min(skip, event.frame().size());
        skip -= cut;
        if (cut < event.frame().size()) buffers[count++] = asio::buffer(event.frame().substr(cut));
      }
      if (count == 0) break;
      const std::span<const asio::const_buffer> rest(buffers.data(), count);
      if constexpr (plain) {
        error_code error;
        sent_ += lowest_layer(stream_).write_some(rest, error);
        if (!error) continue;
        if (error != asio::error::would_block && error != asio::error::try_again) {
          lose_peer(error);
          return false;
        }
      }
      writing_ = true;
      set_due(send_timeout_);
      if constexpr (plain)
        lowest_layer(stream_).async_wait(asio::socket_base::wait_write, next(&EventWriter::on_sent));
      else
        stream_.async_write_some(std::vector<asio::const_buffer>(rest.begin(), rest.end()),
                                 next(&EventWriter::on_sent));
      return false;
    }
    sent_ = 0;
    return true;
  }

  void on_sent(error_code error, std::size_t size) {
    writing_ = false;
    sent_ += size;
    if (error) return lose_peer(error);
    if (send()) {
      unsent_.clear();
      write();
    }
  }

  void wait_for_peer() {
    if constexpr (plain) {
      lowest_layer(stream_).async_wait(asio::socket_base::wait_read, next(&EventWriter::on_peer));
    } else {
      if (!read_buffer_) read_buffer_ = std::make_unique<std::array<char, 512>>();
      stream_.async_read_some(asio::buffer(*read_buffer_), next(&EventWriter::on_peer));
    }
  }

  void on_peer(error_code error, std::size_t size) {
    unasked_ += size;
    if constexpr (plain) {
      std::array<char, 4096> ignored;
      while (!error && unasked_ <= max_unasked)
        unasked_ += lowest_layer(stream_).read_some(asio::buffer(ignored), error);
      if (error == asio::error::would_block || error == asio::error::try_again) error = {};
    }
    if (error) return lose_peer(error);
    if (unasked_ > max_unasked) return finish({}, "The peer sent more than 64 KiB after its request");
    wait_for_peer();
  }

  void lose_peer(error_code error) {
    finish({}, error == asio::error::operation_aborted ? "Cut by the service" : "The peer is gone: " + error.message());
  }

  void set_due(std::chrono::milliseconds time) {
    due_ = Sweep::after(time);
    expire_at(due_);
  }
  void on_deadline() noexcept override {
    auto self = this->weak_from_this().lock();
    if (!self) return;
    post(executor_, [self = std::move(self)] {
      if (self->finished_)
        self->cancel();
      else
        self->step([&] { self->on_time(); });
    });
  }
  void on_time() {
    if (Sweep::Clock::now() < due_) return expire_at(due_);  // something was written meanwhile
    if (writing_) return finish({}, "Sending timed out after " + std::to_string(send_timeout_.count()) + " ms");
    static const Event comment = raw_frame(": keep-alive\n\n");
    unsent_.push_back(comment);
    write();
  }

  void finish(error_code result, std::string_view reason) {
    if (std::exchange(finished_, true)) return;
    result_ = result;
    events_.close(reason);
    cancel();
  }

  // Again and again until all has come back: between two steps of a composed operation there is nothing to cancel.
  void cancel() {
    if (!handler_) return;
    expire_at(Sweep::Clock::now());
    error_code ignored;
    lowest_layer(stream_).cancel(ignored);
  }

  // Completes once nothing refers to the stream any more.
  void settle() {
    if (!finished_ || pending_ != 0 || !handler_) return;
    expire_at(Sweep::never);
    error_code ignored;
    if constexpr (plain) lowest_layer(stream_).non_blocking(was_non_blocking_, ignored);
    Completion<Handler> completion{std::move(*handler_), result_};
    handler_.reset();
    asio::post(executor_, std::move(completion));
  }

  Stream& stream_;
  const Executor executor_;
  const std::shared_ptr<Sweep> sweep_;
  EventStream events_;
  std::vector<Event> unsent_;
  std::size_t sent_ = 0;  ///< bytes of `unsent_`
  std::size_t unasked_ = 0;
  std::unique_ptr<std::array<char, 512>> read_buffer_;
  Sweep::Clock::time_point due_ = Sweep::never;
  const std::chrono::milliseconds keep_alive_, send_timeout_;
  std::optional<Handler> handler_;
  error_code result_;
  unsigned pending_ = 0;
  bool waiting_ = false, writing_ = false, finished_ = false, was_non_blocking_ = false;
};

/// Starts an EventWriter; with a constructor because g++ 12 destroys an aggregate temporary in an awaited call twice.
template <class Stream>
class InitiateWrite {
 public:
  using executor_type = typename LowestLayer<Stream>::executor_type;
  executor_type get_executor() const noexcept { return lowest_layer(stream_).get_executor(); }

  InitiateWrite(Stream& stream, EventStream&& events, const StreamOptions& options)
      : stream_(stream), events_(std::move(events)), options_(options) {}

  template <class Handler>
  void operator()(Handler&& handler) {
    std::make_shared<EventWriter<Stream, std::decay_t<Handler>>>(stream_, std::move(events_), options_,
                                                                 std::forward<Handler>(handler))
        ->start(options_);
  }

 private:
  Stream& stream_;
  EventStream events_;
  const StreamOptions& options_;
};

inline std::string_view reason_phrase(unsigned status) noexcept {
  switch (status) {
    case 200: return "OK";
    case 204: return "No Content";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "";
  }
}

}  // namespace detail

/// A response that is no stream.
struct Response {
  Response() = default;
  template <class Body>
  requires std::constructible_from<std::string, Body> Response(Body&& text) : body(std::forward<Body>(text)) {}

  std::string body;
  std::string content_type = "text/plain; charset=utf-8";
  detail::Headers headers;  ///< more of them
  bool head_only = false;   ///< the request was a HEAD
};

/// Reads one request head from a stream (anything with `async_read_some` and an Asio socket below it, TLS for example).
///
/// Errors: HttpError with the status that the peer should get (400, 408, 413, 414, 431, 501, 505; RFC 9112 and 9110),
/// or sse::system_error: `asio::error::eof` when the peer closed, `operation_aborted` when it is cancelled.
/// Cancellation: terminal and partial; what was read is lost then. The time-out cancels every operation on the socket.
/// Thread safety: the coroutine runs on one thread at a time: on a strand, where several threads run its context.
template <class Stream>
asio::awaitable<Request> read_request(Stream& stream, RequestLimits limits = {}) {
  detail::Deadline<Stream> deadline(stream, co_await asio::this_coro::executor, limits.timeout);
  detail::HeadParser head(limits.max_head_size, limits.max_headers);
  Request request;
  std::array<char, 2048> bytes;
  for (;;) {
    error_code error;
    const std::size_t size =
        co_await stream.async_read_some(asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, error));
    if (deadline.passed())
      throw HttpError(408, "The request head did not come within " + std::to_string(limits.timeout.count()) + " ms");
    if (error) throw system_error(error, "sse::read_request");
    try {
      const auto take_line = [&](std::string_view line) { detail::take_request_line(line, request); };
      if (head.feed({bytes.data(), size}, take_line)) co_return detail::finish_request(std::move(request), head);
    } catch (const detail::BadHead& bad) {
      throw HttpError(bad.status, bad.what());
    }
  }
}

/// Answers with a stream of events: the response head and whatever waits at once, then each event as it comes and a
/// comment when idle. It returns when the stream has ended or the peer is gone (closed, silent past the send time-out,
/// or sending more than 64 KiB of its own; the manager's observer is told which), and leaves the socket open. Any
/// request may have come before, a POST too.
///
/// `stream` has `async_read_some` and `async_write_some` and an Asio socket below it; it must outlive the call.
/// Errors: sse::system_error with `asio::error::operation_aborted` when it is cancelled. Cancellation: terminal,
/// partial and total; what waits is discarded. Thread safety: as read_request's.
template <class Stream>
asio::awaitable<void> write_events(Stream& stream, EventStream events, StreamOptions options = {}) {
  detail::InitiateWrite<Stream> initiate(stream, std::move(events), options);
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void(error_code)>(std::move(initiate),
                                                                                 asio::use_awaitable);
}

/// Answers with everything that is not a stream, and closes nothing. Errors: sse::system_error;
/// `asio::error::timed_out` after 30 s. Thread safety: as read_request's.
template <class Stream>
asio::awaitable<void> write_response(Stream& stream, unsigned status, Response response = {}) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + ' ';
  text.append(detail::reason_phrase(status)).append("\r\n");
  const auto header = [&](std::string_view name, std::string_view value) {
    wire::append_line(text, name);
    wire::append_line(text.append(": "), value);
    text.append("\r\n");
  };
  if (!response.body.empty()) header("Content-Type", response.content_type);
  if (status != 204) header("Content-Length", std::to_string(response.body.size()));
  header("Connection", "close");
  for (const auto& [name, value] : response.headers) header(name, value);
  text.append("\r\n");
  if (!response.head_only) text.append(response.body);
  detail::Deadline<Stream> deadline(stream, co_await asio::this_coro::executor, std::chrono::seconds(30));
  error_code error;
  co_await asio::async_write(stream, asio::buffer(text), asio::redirect_error(asio::use_awaitable, error));
  if (deadline.passed()) error = asio::error::timed_out;
  if (error) throw system_error(error, "sse::write_response");
}

namespace detail {

struct Server;

/// One accepted socket of `serve`, from its head to its end, whichever of the two states it is in: a coroutine that
/// reads the head and may answer, or the handler of an EventWriter.
struct Session : std::enable_shared_from_this<Session> {
  Session(std::shared_ptr<Server> owner, tcp::socket accepted)
      : server(std::move(owner)), socket(std::move(accepted)), strand(asio::make_strand(socket.get_executor())) {}
  ~Session();

  void abort() {
    asio::post(strand, [self = shared_from_this()] {
      error_code ignored;
      self->socket.close(ignored);
    });
  }

  const std::shared_ptr<Server> server;
  tcp::socket socket;
  const asio::strand<asio::any_io_executor> strand;
  std::string connection_id;  ///< once it is a stream; guarded by the server's mutex
};

/// What `serve` and its sessions share.
struct Server final : Sweep::Entry, std::enable_shared_from_this<Server> {
  Server(EventManager& manager, ServeOptions settings, asio::any_io_executor on)
      : events(manager), options(std::move(settings)), executor(std::move(on)), sweep(sweep_of(executor)) {}
  ~Server() { sweep->remove(*this); }

  EventManager& events;
  const ServeOptions options;
  const asio::any_io_executor executor;
  const std::shared_ptr<Sweep> sweep;
  std::mutex mutex;
  std::unordered_set<Session*> sessions;
  bool stopping = false;
  EventManager latch;  ///< its one stream ends when the last session has gone

  bool add(Session& session) {
    const std::lock_guard lock(mutex);
    if (!stopping) sessions.insert(&session);
    return !stopping;
  }
  /// False: it is too late for a stream.
  bool name(Session& session, const std::string& connection_id) {
    const std::lock_guard lock(mutex);
    session.connection_id = connection_id;
    return !stopping;
  }
  void remove(Session& session) noexcept {
    {
      const std::lock_guard lock(mutex);
      sessions.erase(&session);
      if (!stopping || !sessions.empty()) return;
    }
    latch.disconnect_all();
  }
  bool empty() {
    const std::lock_guard lock(mutex);
    return sessions.empty();
  }

  /// Ends the streams in good order, and what is not a stream yet at once.
  void stop() {
    for (const auto& [session, connection_id] : all()) {
      if (connection_id.empty())
        session->abort();
      else
        events.disconnect(connection_id, "The server is shutting down");
    }
  }
  void cut() {
    for (const auto& [session, connection_id] : all()) session->abort();
  }

 private:
  // From now on there are no more of them. They are let go of without the lock, which the last reference to one takes.
  std::vector<std::pair<std::shared_ptr<Session>, std::string>> all() {
    std::vector<std::pair<std::shared_ptr<Session>, std::string>> all;
    const std::lock_guard lock(mutex);
    stopping = true;
    for (Session* session : sessions)
      if (auto alive = session->weak_from_this().lock()) all.emplace_back(std::move(alive), session->connection_id);
    return all;
  }
  void on_deadline() noexcept override {
    if (auto self = weak_from_this().lock()) post(executor, [self = std::move(self)] { self->cut(); });
  }
};

inline Session::~Session() {
  server->remove(*this);
}

/// Keeps a session while its stream is written.
struct StreamEnd {
  using executor_type = asio::strand<asio::any_io_executor>;
  executor_type get_executor() const noexcept { return session->strand; }
  void operator()(error_code) const noexcept {}

  std::shared_ptr<Session> session;
};

/// Waits, for a bounded time, until the peer has read a response and closed: closing while its bytes are unread would
/// make the system throw the response away (RFC 9112, 9.6).
inline asio::awaitable<void> linger(tcp::socket& socket) {
  error_code error;
  socket.shutdown(tcp::socket::shutdown_send, error);
  Deadline<tcp::socket> deadline(socket, co_await asio::this_coro::executor, std::chrono::seconds(2));
  std::array<char, 4096> ignored;
  for (std::size_t left = 1 << 20; !error && !deadline.passed() && left > ignored.size();)
    left -= co_await socket.async_read_some(asio::buffer(ignored), asio::redirect_error(asio::use_awaitable, error));
}

/// Starts the stream that a request asks for; else the status and the response that it gets.
inline std::optional<std::pair<unsigned, Response>> start_stream(const std::shared_ptr<Session>& session,
                                                                 const Request& request) {
  Server& server = *session->server;
  Response response;
  response.head_only = request.method == "HEAD";
  const auto refuse = [&](unsigned status, std::string why) {
    response.body = why.append("\n");
    return std::make_optional(std::make_pair(status, std::move(response)));
  };
  if (request.path != server.options.path) return refuse(404, "There is nothing here");
  if (request.method != "GET" && request.method != "HEAD") {
    response.headers.emplace_back("Allow", "GET, HEAD");
    return refuse(405, "Only GET and HEAD are answered here");
  }
  if (request.content_length.value_or(0) > 64 * 1024) return refuse(413, "A request for events needs no body");
  try {
    EventStream stream = server.events.add_connection();
    if (!server.name(*session, stream.connection_id())) return refuse(503, "The server is shutting down");
    InitiateWrite<tcp::socket>(session->socket, std::move(stream), server.options.stream)(StreamEnd{session});
    return std::nullopt;
  } catch (const Error&) {
    response.headers.emplace_back("Retry-After", "5");
    return refuse(503, "No more connections are accepted at the moment");
  }
}

inline asio::awaitable<void> serve_one(std::shared_ptr<Session> session) {
  tcp::socket& socket = session->socket;
  const ServeOptions& options = session->server->options;
  std::optional<std::pair<unsigned, Response>> refusal;
  try {
    const Request request = co_await read_request(socket, options.limits);
    if (request.method == "HEAD" && request.path == options.path) {
      const std::string head = stream_head(options.stream);
      co_await asio::async_write(socket, asio::buffer(head), asio::use_awaitable);
      co_return co_await linger(socket);
    }
    refusal = start_stream(session, request);
  } catch (const HttpError& error) {
    refusal.emplace(error.status(), Response(std::string(error.what()) + '\n'));
  }
  if (!refusal) co_return;
  co_await write_response(socket, refusal->first, std::move(refusal->second));
  co_await linger(socket);
}

inline asio::awaitable<void> accept_all(tcp::acceptor& acceptor, std::shared_ptr<Server> server) {
  asio::steady_timer pause(acceptor.get_executor());
  for (;;) {
    error_code error;
    tcp::socket socket = co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (!error) {
      auto session = std::make_shared<Session>(server, std::move(socket));
      if (server->add(*session)) asio::co_spawn(session->strand, serve_one(session), asio::detached);
    } else if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor ||
               error == asio::error::not_socket || error == asio::error::invalid_argument ||
               error == asio::error::operation_not_supported) {
      throw system_error(error, "sse::serve");
    } else if (error != asio::error::connection_aborted && error != asio::error::connection_reset) {
      // No descriptors, no memory, or the network is down: that passes, and trying at once would only burn the
      // processor.
      pause.expires_after(std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::use_awaitable);
    }
  }
}

}  // namespace detail

/// Offers the events of `events` to every client that connects: accepts, answers GET of `options.path` with a stream
/// and HEAD with its head, 404 elsewhere, 405 with Allow, 503 past the manager's max_connections, and the status of
/// HttpError to a head that is none. It survives a lack of descriptors and peers that give up.
///
/// It returns when it is cancelled (terminal): it stops accepting, ends its streams with `disconnect`, and waits until
/// they are delivered, at most `options.grace`; a second cancellation cuts them at once. Errors: sse::system_error when
/// the acceptor can't be used. Thread safety: its sessions run on strands of their own over the acceptor's executor.
/// `events` must outlive the call, which needs a coroutine of its own: it clears that coroutine's cancellation state.
inline asio::awaitable<void> serve(tcp::acceptor acceptor, EventManager& events, ServeOptions options = {}) {
  const auto server = std::make_shared<detail::Server>(events, std::move(options), acceptor.get_executor());
  std::exception_ptr failure;
  try {
    co_await detail::accept_all(acceptor, server);
  } catch (const system_error& error) {
    if (error.code() != asio::error::operation_aborted) failure = std::current_exception();
  } catch (...) {
    failure = std::current_exception();
  }
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await asio::this_coro::reset_cancellation_state();
  error_code ignored;
  acceptor.close(ignored);
  EventStream gone = server->latch.add_connection();
  while (gone.try_next()) {
  }
  server->stop();
  if (server->options.grace.count() <= 0) server->cut();
  server->expire_at(detail::Sweep::after(server->options.grace));
  server->sweep->add(*server, acceptor.get_executor());
  while (!server->empty()) {
    error_code cancelled;
    co_await gone.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    if (!cancelled) break;
    co_await asio::this_coro::reset_cancellation_state();
    server->cut();
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
  if (failure) std::rethrow_exception(failure);
}

}  // namespace sse

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
