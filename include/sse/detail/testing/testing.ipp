// SPDX-License-Identifier: MIT
// The bodies of the test kit: the taking of a stream's events, the observer that remembers, and the server.

#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/testing/run_until.hpp"
#include "sse/detail/testing/text.hpp"
#include "sse/testing.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::testing {

namespace detail {

/// False: the time is up.
inline bool wait_for_event(EventStream& stream, SteadyTime limit) {
  asio::io_context io(1);
  asio::cancellation_signal stop;
  const auto result = run_until(
      io, limit,
      [&](auto handler) {
        stream.async_wait(
            asio::bind_cancellation_slot(stop.slot(), asio::bind_executor(io.get_executor(), std::move(handler))));
      },
      [&] { stop.emit(asio::cancellation_type::terminal); });
  if (result && *result) throw system_error(*result, "sse::testing::take");
  return result.has_value();
}

}  // namespace detail

SSE_DECL std::vector<Event> take(EventStream& stream, std::size_t count, std::chrono::milliseconds patience) {
  const detail::SteadyTime limit = detail::limit_of(patience);
  std::vector<Event> events;
  while (events.size() < count) {
    if (stream.drain(events, count - events.size()) > 0) continue;
    if (stream.done()) throw Ended("sse::testing: the stream ended after " + detail::count_of(events, count, "events"));
    if (!detail::wait_for_event(stream, limit))
      throw Timeout("sse::testing: the stream gave" + detail::not_within(patience) + ' ' +
                    detail::count_of(events, count, "events"));
  }
  return events;
}

SSE_DECL std::vector<Event> take_all(EventStream& stream, std::chrono::milliseconds patience) {
  constexpr std::size_t all = std::numeric_limits<std::size_t>::max();
  const detail::SteadyTime limit = detail::limit_of(patience);
  std::vector<Event> events;
  for (;;) {
    if (stream.drain(events, all) > 0) continue;
    if (stream.done()) return events;
    if (!detail::wait_for_event(stream, limit))
      throw Timeout("sse::testing: the stream did not end" + detail::not_within(patience) + ", and gave " +
                    detail::count_of(events, all, "events"));
  }
}

struct ObserverLog::State {
  std::mutex mutex;
  std::condition_variable changed;   ///< One of the vectors has grown.
  std::vector<ConnectionRow> added;  ///< Guarded by mutex.
  std::vector<Removed> removed;      ///< Guarded by mutex.
  std::vector<Loss> losses;          ///< Guarded by mutex.
  std::vector<StateChange> states;   ///< Guarded by mutex.

  template <class Thing>
  void add(std::vector<Thing>& things, Thing thing) {
    const std::lock_guard lock(mutex);
    things.push_back(std::move(thing));
    changed.notify_all();
  }
  template <class Thing>
  std::vector<Thing> wait(const std::vector<Thing>& things, std::size_t count, std::chrono::milliseconds patience,
                          const std::string& name) {
    std::unique_lock lock(mutex);
    if (changed.wait_until(lock, detail::limit_of(patience), [&] { return things.size() >= count; })) return things;
    throw Timeout("sse::testing: there were" + detail::not_within(patience) + ' ' + std::to_string(things.size()) +
                  " of " + std::to_string(count) + ' ' + name);
  }
};

SSE_DECL ObserverLog::ObserverLog() : state_(std::make_shared<State>()) {}

SSE_DECL Observer ObserverLog::observer() const {
  Observer observer;
  observer.connection_added = [state = state_](const ConnectionRow& row) { state->add(state->added, row); };
  observer.connection_removed = [state = state_](const ConnectionRow& row, std::string_view reason) {
    state->add(state->removed, Removed{row, std::string(reason)});
  };
  observer.loss = [state = state_](const ConnectionRow& row, const LostEvents& lost) {
    state->add(state->losses, Loss{row, lost});
  };
  observer.log_state = [state = state_](LogState now, std::string_view what) {
    state->add(state->states, StateChange{now, std::string(what)});
  };
  return observer;
}

SSE_DECL ObserverLog::StateChange ObserverLog::log_state(LogState wanted, std::chrono::milliseconds patience) const {
  std::unique_lock lock(state_->mutex);
  const auto find = [&] {
    return std::find_if(state_->states.begin(), state_->states.end(),
                        [&](const StateChange& one) { return one.state == wanted; });
  };
  if (state_->changed.wait_until(lock, detail::limit_of(patience), [&] { return find() != state_->states.end(); }))
    return *find();
  std::string came;
  for (const StateChange& one : state_->states) came.append(" ").append(to_string(one.state));
  throw Timeout("sse::testing: the log was not " + std::string(to_string(wanted)) + detail::not_within(patience) +
                ", but:" + came);
}

SSE_DECL void ObserverLog::forget_log_states() {
  const std::lock_guard lock(state_->mutex);
  state_->states.clear();
}

SSE_DECL std::vector<ConnectionRow> ObserverLog::added(std::size_t count, std::chrono::milliseconds patience) const {
  return state_->wait(state_->added, count, patience, "added connections");
}

SSE_DECL std::vector<ObserverLog::Removed> ObserverLog::removed(std::size_t count,
                                                                std::chrono::milliseconds patience) const {
  return state_->wait(state_->removed, count, patience, "removed connections");
}

SSE_DECL std::vector<ObserverLog::Loss> ObserverLog::losses(std::size_t count,
                                                            std::chrono::milliseconds patience) const {
  return state_->wait(state_->losses, count, patience, "gaps");
}

SSE_DECL Server::Server(EventManager& events, ServeOptions options) {
  tcp::acceptor acceptor(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  port_ = acceptor.local_endpoint().port();
  asio::co_spawn(
      io_, serve(std::move(acceptor), events, std::move(options)),
      asio::bind_cancellation_slot(stop_.slot(), [this](const std::exception_ptr& error) { failure_ = error; }));
  thread_ = std::thread([this] { io_.run(); });
}

SSE_DECL Server::~Server() {
  io_.stop();
  if (thread_.joinable()) thread_.join();
}

SSE_DECL void Server::stop() {
  if (!thread_.joinable()) return;
  asio::post(io_, [this] { stop_.emit(asio::cancellation_type::terminal); });
  thread_.join();
  if (failure_) std::rethrow_exception(failure_);
}

}  // namespace sse::inline SSE_ABI::testing

#include "sse/detail/base/pop_options.hpp"
