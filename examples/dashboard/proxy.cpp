#include "proxy.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <functional>
#include <iostream>
#include <utility>

#include "pause.hpp"

namespace dashboard {
namespace {

Exchange::Limits exchange_limits(std::chrono::milliseconds silence) {
  Exchange::Limits limits;
  limits.silence = silence;
  return limits;
}

/// Until `done` or for `limit`, whichever is sooner; true: done.
asio::awaitable<bool> wait_until(const std::function<bool()>& done, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!done() && std::chrono::steady_clock::now() < end) co_await pause(std::chrono::milliseconds(20));
  co_return done();
}

}  // namespace

Proxy::Proxy(const UpstreamAddress& upstream, const sse::Options& options, std::size_t max_connections,
             std::chrono::milliseconds silence, local_host::Allowed hosts)
    : shared_(upstream, options, exchange_limits(silence), std::move(hosts)), max_connections_(max_connections) {}

asio::awaitable<void> Proxy::accept(tcp::acceptor& acceptor) {
  const auto executor = co_await asio::this_coro::executor;
  // Told from a later turn of the loop: the count is right then, whoever came or went.
  sse::Observer observer;
  observer.connection_added = [this, executor](const auto&) { asio::post(executor, [this] { tell_watchers(); }); };
  observer.connection_removed = [this, executor](const auto&, auto) {
    asio::post(executor, [this] { tell_watchers(); });
  };
  shared_.events.set_observer(std::move(observer));
  asio::co_spawn(executor, sweep(), asio::detached);
  asio::co_spawn(executor, tell_stats(), asio::detached);

  while (!shared_.stopping) {
    if (sessions_.size() >= max_connections_ && !make_room()) {
      co_await pause(std::chrono::milliseconds(20));  // the others wait in the system's queue
      continue;
    }
    error_code error;
    tcp::socket socket = co_await acceptor.async_accept(to(error));
    if (!acceptor.is_open()) co_return;
    if (error) {  // out of descriptors, or the client has gone again: neither is a reason to end
      co_await pause(std::chrono::milliseconds(error == asio::error::connection_aborted ? 0 : 100));
      continue;
    }
    asio::co_spawn(executor, serve(std::move(socket)), [](std::exception_ptr problem) {
      try {
        if (problem) std::rethrow_exception(problem);
      } catch (const std::exception& what) {
        std::cerr << "dashboard: a connection was ended: " << what.what() << std::endl;
      }
    });
  }
}

bool Proxy::make_room() {
  Session* oldest = nullptr;
  for (Session& session : sessions_)
    if (session.can_give_way() && (!oldest || session.entered() < oldest->entered())) oldest = &session;
  if (oldest) oldest->stop();
  return oldest != nullptr;
}

asio::awaitable<void> Proxy::serve(tcp::socket socket) {
  error_code error;
  const tcp::endpoint address = socket.remote_endpoint(error);
  if (error) co_return;
  Session session(shared_, std::move(socket), address);
  sessions_.push_back(session);
  co_await session.run();
}

asio::awaitable<void> Proxy::sweep() {
  while (!shared_.stopping || !sessions_.empty()) {
    const auto now = Deadline::Clock::now();
    for (Session& session : sessions_) session.sweep(now);
    shared_.upstream.sweep();
    co_await pause(std::chrono::milliseconds(100));
  }
}

void Proxy::tell_watchers() {
  const std::size_t count = shared_.events.get_connection_count();
  if (std::exchange(last_watchers_, count) != count) tell("watchers", {{"count", count}});
}

asio::awaitable<void> Proxy::tell_stats() {
  while (!shared_.stopping) {
    if (shared_.events.get_connection_count() > 0) tell("stats", shared_.events.stats());
    co_await pause(std::chrono::seconds(1));
  }
}

/// For events that hold for the moment only: a client that comes back later does not want them.
void Proxy::tell(std::string_view type, const nlohmann::json& data) {
  sse::EmitOptions options;
  options.transient = true;
  try {
    shared_.events.emit_event(type, data, options);
  } catch (const std::exception& error) {
    std::cerr << "dashboard: an event was not sent: " << error.what() << std::endl;
  }
}

bool Proxy::requests_run() const {
  return std::any_of(sessions_.begin(), sessions_.end(), [](const Session& session) { return session.answers(); });
}

asio::awaitable<void> Proxy::stop() {
  shared_.stopping = true;
  shared_.upstream.close();
  for (Session& session : sessions_) session.stop();
  const std::function<bool()> requests_have_ended = [this] { return !requests_run(); };
  const bool ended = co_await wait_until(requests_have_ended, std::chrono::seconds(3));
  if (!ended) {
    for (Session& session : sessions_)
      if (session.answers()) session.cut();
    co_await wait_until(requests_have_ended, std::chrono::milliseconds(500));
  }
  co_await shared_.events.drain(std::chrono::seconds(2), std::chrono::seconds(1), "server is shutting down");
  const std::function<bool()> all_have_gone = [this] { return sessions_.empty(); };
  const bool gone = co_await wait_until(all_have_gone, std::chrono::seconds(2));
  if (!gone)
    for (Session& session : sessions_) session.cut();
  co_await wait_until(all_have_gone, std::chrono::milliseconds(500));
}

}  // namespace dashboard
