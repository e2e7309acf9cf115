// SPDX-License-Identifier: MIT
// One connection's events, for the coroutine or thread that reads them. EventManager::add_connection makes it.

#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/async/initiate.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/event.hpp"
#include "sse/reason.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

struct BatchPart;
class EventWriter;
class Session;

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

/// One connection's events, as an awaitable generator. Move-only; its destruction removes the connection from its
/// manager. A stream may outlive its manager: it ends. A moved-from stream can only be destroyed or assigned to.
///
/// @par Thread safety     One thread or strand at a time; the manager delivers from any thread. One wait at a time.
class EventStream {
 public:
  /// The type of get_executor().
  using executor_type = asio::any_io_executor;

  EventStream(EventStream&&) noexcept = default;
  EventStream& operator=(EventStream&& other) noexcept;
  ~EventStream();

  /// ConnectionOptions::executor; without one asio::system_executor.
  template <class System = asio::system_executor>
  executor_type get_executor() const noexcept;  // a template for compile time, see executor_of

  /// Returns the next event as soon as there is one, or nullopt at the end of the stream.
  ///
  /// @par Errors            As sse::system_error. operation_aborted: cancelled, or the stream was destroyed.
  ///                        already_started: another wait is pending. no_memory: nothing was lost.
  /// @par Cancellation      terminal, partial, total. A cancelled step takes no event.
  /// @par Object lifetime   The stream may be destroyed while the step waits.
  /// @par Thread safety     One wait at a time.
  template <class Executor = asio::any_io_executor>
  asio::awaitable<std::optional<Event>, Executor> next() {
    return next_of<Executor>(connection_);
  }

  /// Waits for the next event and takes it. An operation for every completion token; in a coroutine next() is shorter.
  ///
  /// @par Completion signature   void(error_code, Event)
  /// @par Errors                 eof: the stream has ended, also by close(). already_started: another wait is pending.
  ///                             operation_aborted: cancelled, or the stream was destroyed. no_memory: nothing was
  ///                             lost.
  /// @par Cancellation           terminal, partial, total; emit on the executor that started the wait. If it is
  ///                             cancelled before its handler runs, it takes no event.
  /// @par Object lifetime        The stream may be destroyed while the operation is pending.
  /// @par Thread safety          One wait at a time. The handler is called on its associated executor (none: the
  ///                             stream's), never from this call or from emit_event.
  template <asio::completion_token_for<void(error_code, Event)> CompletionToken = detail::DefaultToken>
  auto async_next(CompletionToken&& token = CompletionToken()) {
    return asio::async_initiate<CompletionToken, void(error_code, Event)>(detail::InitiateNext(connection_), token);
  }

  /// Waits until an event is available or the stream has ended. Consumes nothing. The pending wait is work for the
  /// handler's executor.
  ///
  /// @par Completion signature   void(error_code)
  /// @par Errors                 already_started: another wait is pending. operation_aborted: cancelled, or the stream
  ///                             was destroyed. close() completes the wait with success.
  /// @par Cancellation           terminal, partial, total; emit on the executor that started the wait, as Asio asks of
  ///                             every operation. No event is lost.
  /// @par Object lifetime        The stream may be destroyed while the wait is pending.
  /// @par Thread safety          One wait at a time. The handler is posted to its associated executor (none: the
  ///                             stream's), never invoked from this call or from emit_event.
  template <asio::completion_token_for<void(error_code)> CompletionToken = detail::DefaultToken>
  auto async_wait(CompletionToken&& token = CompletionToken()) {
    return asio::async_initiate<CompletionToken, void(error_code)>(detail::InitiateWait(connection_), token);
  }

  /// Returns the next event if one is available, otherwise nullopt. It never waits.
  [[nodiscard]] std::optional<Event> try_next();

  /// Appends the available events, notices included, at most `max` of them, and returns their number.
  std::size_t drain(std::vector<Event>& events, std::size_t max);

  /// True once the stream has ended and all of it has been read.
  [[nodiscard]] bool done() const;

  /// ConnectionOptions::connection_id, or the UUID in its place.
  const std::string& connection_id() const noexcept;
  /// ConnectionOptions::request_id.
  const std::string& request_id() const noexcept;

  /// Events lost so far, all gaps together.
  std::size_t dropped() const;

  /// Ends the stream at once: queued events are discarded, without `disconnect`. `reason` is for the manager's
  /// observer.
  void close(std::string_view reason = "stream closed");

 private:
  friend class EventManager;
  friend class detail::Session;
  friend class detail::EventWriter;
  explicit EventStream(std::shared_ptr<detail::Connection> connection) noexcept : connection_(std::move(connection)) {}

  template <class Executor>
  static asio::awaitable<std::optional<Event>, Executor> next_of(const std::shared_ptr<detail::Connection>& connection);
  /// As a coroutine, which does not suspend if there is something at once.
  template <class Executor>
  static asio::awaitable<std::optional<Event>, Executor> step(std::shared_ptr<detail::Connection> connection);

  // For the event writer.

  detail::BatchPart take_batch(Event head);
  std::string moved_place() const;
  void close(EndReason why, std::string_view reason);
  bool expires() const noexcept;
  bool has_clock() const noexcept;
  /// False: its time has not come.
  bool end_if_expired() const;
  std::chrono::system_clock::duration time_left() const;
  bool lets_finish() const noexcept;
  bool is_cut() const noexcept;

  std::shared_ptr<detail::Connection> connection_;
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"

#include "sse/detail/async/event_stream_impl.hpp"
#if defined(SSE_HEADER_ONLY)
#include "sse/detail/hub/event_stream.ipp"
#endif
