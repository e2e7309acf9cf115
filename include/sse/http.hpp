#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/deadline.hpp"
#include "sse/detail/drain.hpp"
#include "sse/detail/event_writer.hpp"
#include "sse/detail/lane.hpp"
#include "sse/detail/list.hpp"
#include "sse/detail/ref.hpp"
#include "sse/event_manager.hpp"
#include "sse/event_stream.hpp"
#include "sse/metrics.hpp"
#include "sse/options.hpp"
#include "sse/request.hpp"
#include "sse/response.hpp"
#include "sse/stats.hpp"

#if defined(__GNUC__) && \
    !defined(__clang__)  // g++ 12 takes Asio's own new and delete of a coroutine's frame for a mismatch
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace sse {

using tcp = asio::ip::tcp;  ///< of whichever Asio is in use

/// What `serve` does, and for whom.
struct ServeOptions {
  ServeOptions() = default;

  std::string path = "/events";            ///< where the stream is; 404 elsewhere
  StreamOptions stream;                    ///< how it is written
  RequestLimits limits;                    ///< what a request head may cost
  std::chrono::milliseconds grace{5'000};  ///< what streams have, once `serve` is cancelled, to deliver what waits

  /// The time, within `grace`, over which they are ended then, so that the clients don't come back in one moment: each
  /// is told a `retry:` of its own, too. Few take less: at least 100 a second.
  std::chrono::milliseconds spread{0};

  /// Where the metrics are (metrics_text of the manager's stats), for all who can connect: `admit` is not asked. Empty:
  /// nowhere.
  std::string metrics_path;
  /// The origins whose pages may read the events; others get 403 before `admit`, and the observer is told. Each is as
  /// in the Origin header: `https://example.org`. One that is in the list gets StreamOptions::allow_origin for itself.
  /// A request without that header is none of a page's of another origin. Empty: any may.
  std::vector<std::string> allowed_origins;

  /// True: `?topic=a&topic=b` chooses ConnectionOptions::topics (none: every topic; more than 100: 400). False: the
  /// query has no say.
  bool topics_from_query = false;

  /// Authentication and authorisation: asked about each GET and HEAD of `path` before it is answered. To return is to
  /// admit; before, it may set any of the connection's options, which come filled from the request (connection_options,
  /// topics_from_query). HttpError refuses, with its status (200 to 599), text and headers; 204 keeps an EventSource
  /// from coming back. Anything else that it throws is a 500, of which the client learns no more. It is called on the
  /// session's strand, which it shares with other sessions, so on several threads at once: it guards what it uses, must
  /// not block, and lives as long as the last session.
  std::function<void(const Request&, ConnectionOptions&)> admit;

  /// Your logger's place: why an `admit` became a 500. Called where `admit` is; what it throws itself is ignored.
  std::function<void(const Request&, std::string_view what)> admit_failure;
};

namespace detail {

struct Server;

/// One accepted socket of `serve`, from its head to its end: first a coroutine reads the head and may answer, then it
/// is the writer of a stream. All of it runs on its lane.
class Session final : public EventWriter<Session, asio::basic_stream_socket<tcp, LaneExecutor>>,
                      public Counted,
                      public List<Session>::Hook {
 public:
  using Socket = asio::basic_stream_socket<tcp, LaneExecutor>;

  Session(std::shared_ptr<Server> owner, const Lane& lane) : server(std::move(owner)), socket(LaneExecutor(lane)) {}
  ~Session();

  /// From any thread: ends a stream in good order, unless it may finish, and what is not a stream yet at once.
  void stop();
  /// From any thread.
  void abort();

  Socket& stream() noexcept { return socket; }
  LaneExecutor get_executor() noexcept { return socket.get_executor(); }
  std::chrono::milliseconds keep_alive() const noexcept;
  std::chrono::milliseconds send_timeout() const noexcept;
  void join_sweep();
  Ref<Session> keep() noexcept { return Ref<Session>(this); }
  Ref<Session> keep_if_alive() noexcept { return Ref<Session>::if_alive(*this); }
  void ended(bool) noexcept {}

  const std::shared_ptr<Server> server;
  Socket socket;
};

/// What `serve` and its sessions share.
struct Server final : Sweep::Entry, std::enable_shared_from_this<Server> {
  Server(EventManager& manager, ServeOptions settings, asio::any_io_executor on)
      : events(manager), options(std::move(settings)), executor(std::move(on)), sweep(sweep_of(executor)) {
    for (int i = 0; i < max_lanes; ++i) lanes.emplace_back(executor);
  }
  ~Server() { sweep->remove(*this); }

  static constexpr int max_lanes = 16;  ///< more than threads that would work on one serve's sockets

  EventManager& events;
  const ServeOptions options;
  const asio::any_io_executor executor;
  const std::shared_ptr<Sweep> sweep;
  std::mutex mutex;
  List<Session> sessions;
  bool stopping = false;
  std::deque<Lane> lanes;
  EventManager latch;  ///< its one stream ends when the last session has gone

  bool add(Session& session) {
    const std::lock_guard lock(mutex);
    if (!stopping) sessions.insert(session);
    return !stopping;
  }
  void remove(Session& session) noexcept {
    {
      const std::lock_guard lock(mutex);
      sessions.erase(session);
      if (!stopping || !sessions.empty()) return;
    }
    latch.disconnect_all();
  }
  bool empty() {
    const std::lock_guard lock(mutex);
    return sessions.empty();
  }
  bool is_stopping() {
    const std::lock_guard lock(mutex);
    return stopping;
  }

  void cut() {
    for (const auto& session : all()) session->abort();
  }

  // From now on there are no more of them. They are let go of without the lock, which the last reference to one takes.
  std::vector<Ref<Session>> all() {
    std::vector<Ref<Session>> all;
    const std::lock_guard lock(mutex);
    stopping = true;
    sessions.for_each([&](Session& session) {
      if (auto alive = session.keep_if_alive()) all.push_back(std::move(alive));
    });
    return all;
  }

 private:
  void on_deadline() noexcept override {
    if (auto self = weak_from_this().lock()) post(executor, [self = std::move(self)] { self->cut(); });
  }
};

inline Session::~Session() {
  server->sweep->remove(*this);
  server->remove(*this);
}
inline void Session::stop() {
  asio::post(get_executor(), [self = keep()] {
    error_code ignored;
    const ServeOptions& options = self->server->options;
    const EventStream* const events = self->stream_of_events();
    if (!events)
      self->socket.close(ignored);
    else if (!events->lets_finish())
      CoreAccess::of(self->server->events)
          .disconnect(events->connection_id(), EndReason::drained, "The server is shutting down",
                      retry_of_drained(options.stream.retry, options.spread), events->connection_.get());
  });
}
inline void Session::abort() {
  asio::post(get_executor(), [self = keep()] {
    error_code ignored;
    self->socket.close(ignored);
  });
}
inline std::chrono::milliseconds Session::keep_alive() const noexcept {
  return server->options.stream.keep_alive;
}
inline std::chrono::milliseconds Session::send_timeout() const noexcept {
  return server->options.stream.send_timeout;
}
inline void Session::join_sweep() {
  server->sweep->add(*this, server->executor);
}

/// Waits, for a bounded time, until the peer has read a response and closed: closing while its bytes are unread would
/// make the system throw the response away (RFC 9112, 9.6).
inline asio::awaitable<void> linger(Session::Socket& socket) {
  error_code error;
  socket.shutdown(tcp::socket::shutdown_send, error);
  Deadline<Session::Socket> deadline(socket, co_await asio::this_coro::executor, std::chrono::seconds(2));
  std::array<char, 4096> ignored;
  for (std::size_t left = 1 << 20; !error && !deadline.passed() && left > ignored.size();)
    left -= co_await socket.async_read_some(asio::buffer(ignored), asio::redirect_error(asio::use_awaitable, error));
}

/// What a page of another origin may read. Throws HttpError for one that may nothing.
inline StreamOptions stream_options(Server& server, const Request& request, const ConnectionOptions& connection) {
  StreamOptions stream = server.options.stream;
  const std::vector<std::string>& allowed = server.options.allowed_origins;
  if (allowed.empty()) return stream;
  stream.headers.emplace_back("Vary", "Origin");
  const std::string* const origin = request.header("Origin");
  if (!origin) return stream;
  if (std::find(allowed.begin(), allowed.end(), *origin) == allowed.end()) {
    CoreAccess::of(server.events).refuse(connection, RefusalReason::origin);
    throw HttpError(403, "Pages of this origin may not read the events");
  }
  stream.allow_origin = *origin;
  return stream;
}

/// The answer to what a browser asks before a page of another origin sends headers of its own: `Authorization`,
/// `Last-Event-ID` (Fetch, 4.8, CORS-preflight fetch). Nullopt: it is not asked, or no origin may read. Throws
/// HttpError.
inline std::optional<std::string> preflight(Server& server, const Request& request) {
  if (request.method != "OPTIONS" || request.path != server.options.path || !request.header("Origin") ||
      !request.header("Access-Control-Request-Method"))
    return std::nullopt;
  const StreamOptions stream = stream_options(server, request, ConnectionOptions());
  if (stream.allow_origin.empty()) return std::nullopt;
  Response response;
  add_cors(response.headers, stream);
  response.headers.emplace_back("Access-Control-Allow-Methods", "GET, HEAD");
  if (const std::string* const names = request.header("Access-Control-Request-Headers"))
    response.headers.emplace_back("Access-Control-Allow-Headers", *names);
  response.headers.emplace_back("Access-Control-Max-Age", "7200");
  return response_text(204, response);
}

/// Throws HttpError for what has no path here, or another method.
inline void check_target(const ServeOptions& options, const Request& request) {
  const bool is_metrics = !options.metrics_path.empty() && request.path == options.metrics_path;
  if (request.path != options.path && !is_metrics) throw HttpError(404, "There is nothing here");
  if (request.method != "GET" && request.method != "HEAD")
    throw HttpError(405, "Only GET and HEAD are answered here", {{"Allow", "GET, HEAD"}});
}

/// The connection that a request gets. Throws HttpError: what the peer gets instead.
inline ConnectionOptions admitted(const ServeOptions& options, const Request& request, ConnectionOptions connection) {
  if (options.topics_from_query) connection.topics = request.query_values("topic");
  if (connection.topics.size() > 100) throw HttpError(400, "There are more than 100 topics");
  if (!options.admit) return connection;
  std::string failure = "not a std::exception";
  try {
    options.admit(request, connection);
    if (connection.max_queue_size != 0u) return connection;
    failure = "ConnectionOptions::max_queue_size must be at least 1, is 0";
  } catch (const HttpError& refusal) {
    if (refusal.status() >= 200 && refusal.status() <= 599) throw;
    failure = "HttpError has the status " + std::to_string(refusal.status()) + ", not 200 to 599: " + refusal.what();
  } catch (const std::exception& error) {
    failure = error.what();
  } catch (...) {
  }
  try {
    if (options.admit_failure) options.admit_failure(request, failure);
  } catch (...) {  // a logger's failure changes nothing for the client
  }
  throw HttpError(500, "The server could not decide about this request");
}

/// Throws HttpError, and Refused.
inline void start_stream(Session& session, const Request& request, const StreamOptions& options,
                         ConnectionOptions&& connection) {
  if (request.content_length.value_or(0) > 64 * 1024) throw HttpError(413, "A request for events needs no body");
  Server& server = *session.server;
  if (server.is_stopping()) {
    CoreAccess::of(server.events).refuse(connection, RefusalReason::draining);
    throw Refused(RefusalReason::draining, "The server is shutting down");
  }
  session.start(server.events.add_connection(std::move(connection)), stream_start(options));
}

/// Starts the stream, or returns the response. Throws HttpError.
inline std::optional<std::string> answer(Session& session, const Request& request) {
  const ServeOptions& options = session.server->options;
  if (std::optional<std::string> allowed = preflight(*session.server, request)) return allowed;
  check_target(options, request);
  Response response;
  response.head_only = request.method == "HEAD";
  if (request.path != options.path) {
    const std::string* const accept = request.header("Accept");
    const MetricsFormat format = metrics_format(accept ? *accept : std::string());
    response.body = metrics_text(session.server->events.stats(), format);
    response.content_type = content_type(format);
    return response_text(200, response);
  }
  ConnectionOptions connection = connection_options(request);
  const StreamOptions stream = stream_options(*session.server, request, connection);
  try {
    connection = admitted(options, request, std::move(connection));
    if (response.head_only) return stream_head(stream);
    start_stream(session, request, stream, std::move(connection));
    return std::nullopt;
  } catch (const Refused& refusal) {
    return refusal_text(request, refusal.reason(), stream);
  } catch (const HttpError& error) {
    Headers headers = error.headers();
    add_cors(headers, stream);
    throw HttpError(error.status(), error.what(), std::move(headers));
  }
}

inline asio::awaitable<void> serve_one(Ref<Session> session) {
  Session::Socket& socket = session->socket;
  std::string text;
  Response error_response;
  try {
    const Request request = co_await read_request(socket, session->server->options.limits);
    error_response.head_only = request.method == "HEAD";
    std::optional<std::string> response = answer(*session, request);
    if (!response) co_return;
    text = std::move(*response);
  } catch (const HttpError& error) {
    error_response.body = std::string(error.what()) + '\n';
    error_response.headers = error.headers();
    text = response_text(error.status(), error_response);
  }
  co_await write_text(socket, std::move(text));
  co_await linger(socket);
}

template <class Executor>
asio::awaitable<void> accept_all(asio::basic_socket_acceptor<tcp, Executor>& acceptor, std::shared_ptr<Server> server) {
  constexpr int max_accepts = 64;  // in a row, then others have their turn
  asio::steady_timer pause(server->executor);
  std::size_t lane = 0;
  Ref<Session> next;
  const auto prepare_next = [&] {
    if (!next) next = Ref<Session>(new Session(server, server->lanes[lane++ % server->lanes.size()]));
  };
  acceptor.non_blocking(true);
  set_stream_options(acceptor, server->options.stream.send_timeout);
  bool inherits = false;  // the acceptor's options; those that the system had accepted before have not got them
  for (;;) {
    error_code error;
    prepare_next();
    co_await acceptor.async_accept(next->socket, asio::redirect_error(asio::use_awaitable, error));
    for (int left = max_accepts; !error;) {
      const Ref<Session> session = std::move(next);
      if (!inherits) set_stream_options(session->socket, server->options.stream.send_timeout);
      session->socket.non_blocking(true);  // before Asio makes it so for itself, and once more for the writer
      if (server->add(*session))
        asio::co_spawn(session->get_executor(), serve_one(session), [server](std::exception_ptr) {});
      if (--left == 0) break;
      prepare_next();
      acceptor.accept(next->socket, error);
    }
    if (accepted_inherit_options && error == asio::error::would_block) inherits = true;
    if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor ||
        error == asio::error::not_socket || error == asio::error::invalid_argument ||
        error == asio::error::operation_not_supported)
      throw system_error(error, "sse::serve");
    if (error && error != asio::error::would_block && error != asio::error::try_again &&
        error != asio::error::connection_aborted && error != asio::error::connection_reset) {
      // No descriptors, no memory, or the network is down: that passes, and trying at once would only burn the
      // processor.
      pause.expires_after(std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::use_awaitable);
    }
  }
}

}  // namespace detail

/// Offers the events of `events` to every client that connects: accepts, answers GET of `options.path` with a stream,
/// HEAD with its head, and the preflight of a page that may read; 404 elsewhere, 405 with Allow, 503 past the manager's
/// max_connections, the status of HttpError to a head that is none, and what `options.admit` says. It survives a lack
/// of descriptors and peers that give up.
///
/// It returns when it is cancelled (terminal): it stops accepting, ends its streams with `disconnect` over the time
/// `options.spread`, and waits until they are delivered, at most `options.grace`; a second cancellation cuts them at
/// once. Errors: sse::system_error when the acceptor can't be used. Thread safety: its sessions run on a few strands
/// over the acceptor's executor, whichever that is; where that has several threads, the call itself needs a strand, on
/// which it is cancelled. `events` must outlive the call, which needs a coroutine of its own: it clears that
/// coroutine's cancellation state.
template <class Executor>
asio::awaitable<void> serve(asio::basic_socket_acceptor<tcp, Executor> acceptor, EventManager& events,
                            ServeOptions options = {}) {
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
  std::vector<detail::Ref<detail::Session>> sessions = server->all();
  const std::chrono::milliseconds grace = server->options.grace;
  if (grace.count() <= 0) server->cut();
  server->expire_at(detail::Sweep::after(grace));
  server->sweep->add(*server, acceptor.get_executor());
  bool cancelled_again = false;
  try {
    const auto stop = [](const detail::Ref<detail::Session>& session) { session->stop(); };
    co_await detail::end_each<asio::any_io_executor>(std::move(sessions), std::min(server->options.spread, grace),
                                                     stop);
  } catch (const system_error&) {
    cancelled_again = true;
  }
  if (cancelled_again) {
    co_await asio::this_coro::reset_cancellation_state();
    server->cut();
  }
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
