// SPDX-License-Identifier: MIT
// Answers a request over any stream, with events or with one response. Users of `serve` do not need it.

#pragma once

#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/base/owned.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/gzip/event_chain.hpp"
#include "sse/detail/http1/response_text.hpp"
#include "sse/detail/server/open_tap.hpp"
#include "sse/detail/server/refusal.hpp"
#include "sse/detail/server/write_operation.hpp"
#include "sse/detail/server/write_text.hpp"
#include "sse/event_manager.hpp"
#include "sse/event_stream.hpp"
#include "sse/http_error.hpp"
#include "sse/http_options.hpp"
#include "sse/options.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Writes a stream, through a tap if there is one.
template <class Executor, class Stream>
asio::awaitable<void, Executor> write_stream(Stream& stream, EventStream events, StreamOptions options,
                                             Owned<EventTap> tap) {
  InitiateWrite<Stream> initiate(stream, std::move(events), options, std::move(tap));
  co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void(error_code)>(
      std::move(initiate), asio::use_awaitable_t<Executor>());
}

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

/// The options of a connection whose stream begins where the client asks for it. Only `last_event_id` and
/// `from_earliest` are set, by the first of these that the request has: the `Last-Event-ID` header, which an
/// EventSource adds to the URL that it repeats (WHATWG HTML, 9.2.4); the query's `lastEventId=<id>`, for a page that
/// reloads; its `since=<id>`; `since=earliest`, which is `from_earliest`. An empty id counts as none. The values of
/// several headers are joined by `, ` (RFC 9110, 5.3), which is no event's id, so the client is told that its place is
/// lost. `last_event_id` may be any text.
SSE_DECL ConnectionOptions connection_options(const Request& request);

/// True if the client is a browser's EventSource, which never reconnects after a status other than 200 (WHATWG HTML,
/// 9.2.3): it accepts `text/event-stream` alone, and it is a browser by its `Sec-Fetch-Mode` or, over plain HTTP, which
/// has no such header, by its `User-Agent`.
SSE_DECL bool is_event_source(const Request& request) noexcept;

/// Answers with a stream of events, uncompressed: at once the response head and the queued events, then each event as
/// it comes, and a comment when idle. Returns when the stream has ended or the peer is gone (closed, also for sending
/// alone; silent past the send time-out; or sending more than 64 KiB of its own; the manager's observer is told which),
/// and leaves the socket open. Any request may have come before, a POST too. `Executor` as for read_request.
///
/// `stream` has `async_read_some` and `async_write_some` and an Asio socket below it.
///
/// @par Errors             sse::system_error with `asio::error::operation_aborted` when it is cancelled.
/// @par Cancellation       terminal, partial, total. What waits is discarded.
/// @par Object lifetime    `stream` must outlive the call.
/// @par Thread safety      As read_request.
template <class Executor = asio::any_io_executor, class Stream>
asio::awaitable<void, Executor> write_events(Stream& stream, EventStream events, StreamOptions options = {}) {
  return detail::write_stream<Executor>(stream, std::move(events), std::move(options),
                                        detail::Owned<detail::EventTap>());
}

/// The same for a connection that is added by this very call, compressed if the manager and the client can, with
/// connection_options(request) unless `connection` is given: the events that the client has missed come first. A HEAD
/// gets the head alone, as write_response writes it, and adds no connection; a client that a limit refuses gets the
/// answer of StreamOptions::refusal. `request` need not outlive the call. Errors are otherwise those of
/// EventManager::add_connection too.
template <class Executor = asio::any_io_executor, class Stream>
asio::awaitable<void, Executor> write_events(Stream& stream, EventManager& events, const Request& request,
                                             StreamOptions options, ConnectionOptions connection) {
  detail::Owned<detail::EventTap> tap = detail::open_tap(events, request, connection, options);
  if (request.method == "HEAD") return detail::write_text<Executor>(stream, detail::stream_head(options));
  try {
    EventStream added = events.add_connection(std::move(connection));  // first: a refusal needs the options
    return detail::write_stream<Executor>(stream, std::move(added), std::move(options), std::move(tap));
  } catch (const Refused& refusal) {
    detail::leave_plain(options);
    return detail::write_text<Executor>(stream, detail::refusal_text(request, refusal.reason(), options));
  }
}

template <class Executor = asio::any_io_executor, class Stream>
asio::awaitable<void, Executor> write_events(Stream& stream, EventManager& events, const Request& request,
                                             StreamOptions options = {}) {
  return write_events<Executor>(stream, events, request, std::move(options), connection_options(request));
}

/// A response that is JSON: `co_await sse::write_response(stream, 200, sse::json_response(value))`. Make the value
/// before that: g++ 12 does not compile `{{"ok", true}}` in an expression with `co_await`. Throws sse::Error for a
/// discarded json.
SSE_DECL Response json_response(const nlohmann::json& value);

/// Answers with one response, and closes nothing. A status that has no body (204, 205, 304: RFC 9110, 15.3.5, 15.3.6,
/// 15.4.5) gets none. `Executor` as for read_request.
///
/// @par Errors             sse::system_error; `asio::error::timed_out` after 30 s.
/// @par Cancellation       terminal, partial.
/// @par Object lifetime    `stream` must outlive the call.
/// @par Thread safety      As read_request.
template <class Executor = asio::any_io_executor, class Stream>
asio::awaitable<void, Executor> write_response(Stream& stream, unsigned status, Response response = {}) {
  return detail::write_text<Executor>(stream, detail::response_text(status, response));
}

/// The same with the status, the text and the headers of an error. The text is the body, of `content_type` unless the
/// headers have a Content-Type. `head_only`: the request was a HEAD. A coroutine cannot await in a `catch`: copy the
/// error there, and answer after it.
template <class Executor = asio::any_io_executor, class Stream>
asio::awaitable<void, Executor> write_response(Stream& stream, const HttpError& error,
                                               std::string_view content_type = "text/plain; charset=utf-8",
                                               bool head_only = false) {
  return detail::write_text<Executor>(stream, detail::response_text(error, content_type, head_only));
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/server/open_tap.ipp"
#include "sse/detail/server/refusal.ipp"
#include "sse/detail/server/response.ipp"
#endif
