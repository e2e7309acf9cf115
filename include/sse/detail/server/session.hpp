// SPDX-License-Identifier: MIT
// One accepted socket of `serve`, and what all of its sessions share. A session is its own event writer.

#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/base/intrusive_list.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/hub/drain.hpp"
#include "sse/detail/hub/hub.hpp"
#include "sse/detail/net/coarse_timer.hpp"
#include "sse/detail/net/shared_strand.hpp"
#include "sse/detail/server/event_writer.hpp"
#include "sse/event_manager.hpp"
#include "sse/event_stream.hpp"
#include "sse/http_options.hpp"
#include "sse/reason.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

struct Server;

/// One accepted socket of `serve`, from its head to its end: first a coroutine reads the head and may answer, then it
/// is the writer of a stream. All of it runs on its lane.
class Session final : public EventWriter<Session, asio::basic_stream_socket<tcp, SharedStrandExecutor>>,
                      public RefCounted,
                      public IntrusiveList<Session>::Hook {
 public:
  using Socket = asio::basic_stream_socket<tcp, SharedStrandExecutor>;

  Session(std::shared_ptr<Server> owner, const SharedStrand& lane)
      : server(std::move(owner)), socket(SharedStrandExecutor(lane)) {}
  ~Session();

  /// From any thread: ends a stream in good order, unless it may finish, and what is not a stream yet at once.
  void stop();
  /// From any thread.
  void abort();

  Socket& stream() noexcept { return socket; }
  SharedStrandExecutor get_executor() noexcept { return socket.get_executor(); }
  std::chrono::milliseconds keep_alive() const noexcept;
  std::chrono::milliseconds send_timeout() const noexcept;
  void join_timer();
  IntrusivePtr<Session> keep() noexcept { return IntrusivePtr<Session>(this); }
  IntrusivePtr<Session> keep_if_alive() noexcept { return IntrusivePtr<Session>::if_alive(*this); }
  void ended(bool) noexcept {}

  const std::shared_ptr<Server> server;
  Socket socket;
};

/// What `serve` and its sessions share.
struct Server final : CoarseTimer::Deadline, std::enable_shared_from_this<Server> {
  Server(EventManager& manager, ServeOptions settings, asio::any_io_executor on)
      : events(manager), options(std::move(settings)), executor(std::move(on)), timer(coarse_timer_of(executor)) {
    for (int i = 0; i < max_lanes; ++i) lanes.emplace_back(executor);
  }
  ~Server() { timer->remove(*this); }

  static constexpr int max_lanes = 16;  ///< more than threads that would work on one serve's sockets

  EventManager& events;
  const ServeOptions options;
  const asio::any_io_executor executor;
  const std::shared_ptr<CoarseTimer> timer;
  std::mutex mutex;
  IntrusiveList<Session> sessions;
  bool stopping = false;
  std::deque<SharedStrand> lanes;
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
  std::vector<IntrusivePtr<Session>> all() {
    std::vector<IntrusivePtr<Session>> all;
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
  server->timer->remove(*this);
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
      HubAccess::of(self->server->events)
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

inline void Session::join_timer() {
  server->timer->add(*this, server->executor);
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
