#pragma once

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
#include "sse/detail/event_writer.hpp"
#include "sse/detail/lane.hpp"
#include "sse/detail/list.hpp"
#include "sse/detail/ref.hpp"
#include "sse/event_manager.hpp"
#include "sse/event_stream.hpp"
#include "sse/options.hpp"
#include "sse/request.hpp"
#include "sse/response.hpp"

#if defined(__GNUC__) && \
    !defined(__clang__)  // g++ 12 takes Asio's own new and delete of a coroutine's frame for a mismatch
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace sse {

using tcp = asio::ip::tcp;

struct ServeOptions {
  ServeOptions() = default;

  std::string path = "/events";
  StreamOptions stream;
  RequestLimits limits;
  std::chrono::milliseconds grace{5'000};  ///< what streams have, once `serve` is cancelled, to deliver what waits

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

  /// From any thread: ends a stream in good order, and what is not a stream yet at once.
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

  void stop() {
    for (const auto& session : all()) session->stop();
  }
  void cut() {
    for (const auto& session : all()) session->abort();
  }

 private:
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
    if (const EventStream* const events = self->stream_of_events())
      self->server->events.disconnect(events->connection_id(), "The server is shutting down");
    else
      self->socket.close(ignored);
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

/// The connection that a request gets. Throws HttpError: what the peer gets instead.
inline ConnectionOptions admitted(const ServeOptions& options, const Request& request) {
  if (request.path != options.path) throw HttpError(404, "There is nothing here");
  if (request.method != "GET" && request.method != "HEAD")
    throw HttpError(405, "Only GET and HEAD are answered here", {{"Allow", "GET, HEAD"}});
  ConnectionOptions connection = connection_options(request);
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

/// Throws HttpError, as `admitted`.
inline void start_stream(Session& session, const Request& request, ConnectionOptions&& connection) {
  Server& server = *session.server;
  if (request.content_length.value_or(0) > 64 * 1024) throw HttpError(413, "A request for events needs no body");
  std::optional<EventStream> stream;
  try {
    stream.emplace(server.events.add_connection(std::move(connection)));
  } catch (const Error&) {
    throw HttpError(503, "No more connections are accepted at the moment", {{"Retry-After", "5"}});
  }
  if (server.is_stopping()) throw HttpError(503, "The server is shutting down");
  session.start(std::move(*stream), stream_start(server.options.stream));
}

inline asio::awaitable<void> serve_one(Ref<Session> session) {
  Session::Socket& socket = session->socket;
  const ServeOptions& options = session->server->options;
  unsigned status = 0;
  Response response;
  try {
    const Request request = co_await read_request(socket, options.limits);
    response.head_only = request.method == "HEAD";
    ConnectionOptions connection = admitted(options, request);
    if (!response.head_only) {
      start_stream(*session, request, std::move(connection));
      co_return;
    }
    const std::string head = stream_head(options.stream);
    co_await asio::async_write(socket, asio::buffer(head), asio::use_awaitable);
    co_return co_await linger(socket);
  } catch (const HttpError& error) {
    status = error.status();
    response.body = std::string(error.what()) + '\n';
    response.headers = error.headers();
  }
  co_await write_response(socket, status, std::move(response));
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

/// Offers the events of `events` to every client that connects: accepts, answers GET of `options.path` with a stream
/// and HEAD with its head, 404 elsewhere, 405 with Allow, 503 past the manager's max_connections, the status of
/// HttpError to a head that is none, and what `options.admit` says. It survives a lack of descriptors and peers that
/// give up.
///
/// It returns when it is cancelled (terminal): it stops accepting, ends its streams with `disconnect`, and waits until
/// they are delivered, at most `options.grace`; a second cancellation cuts them at once. Errors: sse::system_error when
/// the acceptor can't be used. Thread safety: its sessions run on a few strands over the acceptor's executor, whichever
/// that is. `events` must outlive the call, which needs a coroutine of its own: it clears that coroutine's cancellation
/// state.
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
