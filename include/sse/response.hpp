// SPDX-License-Identifier: MIT
// Answers a request over any stream: with events, or with one response. `serve` needs none of it from a user.

#pragma once

#include <string>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/http1/response_text.hpp"
#include "sse/detail/server/refusal.hpp"
#include "sse/detail/server/write_operation.hpp"
#include "sse/event_manager.hpp"
#include "sse/event_stream.hpp"
#include "sse/headers.hpp"
#include "sse/http_error.hpp"
#include "sse/http_options.hpp"
#include "sse/options.hpp"
#include "sse/read_request.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// Where the client wants its stream to go on; all other options are unset. In this order: the `Last-Event-ID` header,
/// which an EventSource adds to the URL that it repeats (WHATWG HTML, 9.2.4); the query's `lastEventId=<id>`, for a
/// page that reloads; its `since=<id>`; `since=earliest`, which is `from_earliest`. An empty id is none. Several
/// headers are one whose values are joined by `, ` (RFC 9110, 5.3), so no event's id: the client is told that its place
/// is lost. What the client wrote is in `last_event_id` and nowhere else, and may be any text.
inline ConnectionOptions connection_options(const Request& request) {
  ConnectionOptions options;
  std::string id;
  for (const auto& [name, value] : request.headers)
    if (detail::same_name(name, "Last-Event-ID") && !value.empty()) id.append(id.empty() ? "" : ", ").append(value);
  if (id.empty()) id = request.query_value("lastEventId").value_or("");
  if (id.empty()) {
    id = request.query_value("since").value_or("");
    options.from_earliest = id == "earliest";
  }
  if (!id.empty() && !options.from_earliest) options.last_event_id = std::move(id);
  return options;
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

/// The same for a connection that is added by this very call, with connection_options(request) unless `connection` is
/// given: what the client has missed comes first. A HEAD gets the head alone, as write_response writes it, and adds no
/// connection; a client that a limit keeps out is told so (StreamOptions::refusal). `request` need not outlive the
/// call. Errors are otherwise those of EventManager::add_connection too.
template <class Stream>
asio::awaitable<void> write_events(Stream& stream, EventManager& events, const Request& request, StreamOptions options,
                                   ConnectionOptions connection) {
  if (request.method == "HEAD") return detail::write_text(stream, detail::stream_head(options));
  try {
    EventStream added = events.add_connection(std::move(connection));  // first: a refusal needs the options
    return write_events(stream, std::move(added), std::move(options));
  } catch (const Refused& refusal) {
    return detail::write_text(stream, detail::refusal_text(request, refusal.reason(), options));
  }
}

template <class Stream>
asio::awaitable<void> write_events(Stream& stream, EventManager& events, const Request& request,
                                   StreamOptions options = {}) {
  return write_events(stream, events, request, std::move(options), connection_options(request));
}

/// Answers with everything that is not a stream, and closes nothing. A status that has no body (204, 205, 304: RFC
/// 9110, 15.3.5, 15.3.6, 15.4.5) gets none. Errors: sse::system_error; `asio::error::timed_out` after 30 s. Thread
/// safety: as read_request's.
template <class Stream>
asio::awaitable<void> write_response(Stream& stream, unsigned status, Response response = {}) {
  return detail::write_text(stream, detail::response_text(status, response));
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
