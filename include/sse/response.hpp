#pragma once

#include <chrono>
#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/deadline.hpp"
#include "sse/detail/event_writer.hpp"
#include "sse/detail/random.hpp"
#include "sse/event_manager.hpp"
#include "sse/event_stream.hpp"
#include "sse/options.hpp"
#include "sse/request.hpp"
#include "sse/wire.hpp"

#if defined(__GNUC__) && \
    !defined(__clang__)  // g++ 12 takes Asio's own new and delete of a coroutine's frame for a mismatch
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace sse {

/// How a client is told that a limit keeps it out.
enum class RefusalForm {
  by_client,  ///< `stream` for a browser's EventSource (is_event_source), `status` for others
  status,     ///< 503, or 429 for Options::max_connections_per_key, with Retry-After
  stream,     ///< 200, a `retry:`, a `disconnect`, and the end
};

/// How a stream is written. Times are exact to a quarter of a second.
struct StreamOptions {
  StreamOptions() = default;

  std::chrono::milliseconds keep_alive{15'000};    ///< idle time after which a comment is sent; 0: never
  std::chrono::milliseconds send_timeout{30'000};  ///< without a byte taken ends the stream; 0: never
  std::optional<std::chrono::milliseconds> retry;  ///< the browser's reconnection time
  std::string allow_origin;                        ///< Access-Control-Allow-Origin; empty: no such header
  Headers headers;                                 ///< more of the response's: Set-Cookie, Vary, Mcp-Session-Id
  RefusalForm refusal = RefusalForm::by_client;    ///< how a client is told that a limit keeps it out

  /// When a client that is refused should try again: each is told a time of its own, half to one and a half of this.
  std::chrono::milliseconds refusal_retry{30'000};
};

/// A response that is no stream.
struct Response {
  Response() = default;
  template <class Body>
  requires std::constructible_from<std::string, Body> Response(Body&& text) : body(std::forward<Body>(text)) {}

  std::string body;                                        ///< empty: none, and no Content-Type
  std::string content_type = "text/plain; charset=utf-8";  ///< of the body
  Headers headers;                                         ///< more of them
  bool head_only = false;                                  ///< the request was a HEAD
};

namespace detail {

inline void append_header(std::string& head, std::string_view name, std::string_view value) {
  wire::append_line(head, name);
  wire::append_line(head.append(": "), value);
  head.append("\r\n");
}

inline std::string stream_head(const StreamOptions& options) {
  std::string head =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nX-Accel-Buffering: "
      "no\r\nConnection: close\r\n";
  if (!options.allow_origin.empty()) {
    append_header(head, "Access-Control-Allow-Origin", options.allow_origin);
  }
  for (const auto& [name, value] : options.headers) append_header(head, name, value);
  return head.append("\r\n");
}

/// The head, and what stands before the first event.
inline std::string stream_start(const StreamOptions& options) {
  std::string start = stream_head(options);
  if (options.retry) wire::append_field(start, "retry", std::to_string(options.retry->count())), start.push_back('\n');
  return start;
}

/// Starts a WriteOperation; with a constructor because g++ 12 destroys an aggregate temporary in an awaited call twice.
template <class Stream>
class InitiateWrite {
 public:
  using executor_type = typename LowestLayer<Stream>::executor_type;
  executor_type get_executor() const noexcept { return lowest_layer(stream_).get_executor(); }

  InitiateWrite(Stream& stream, EventStream&& events, const StreamOptions& options)
      : stream_(stream), events_(std::move(events)), options_(options) {}

  template <class Handler>
  void operator()(Handler&& handler) {
    std::make_shared<WriteOperation<Stream, std::decay_t<Handler>>>(stream_, options_.keep_alive, options_.send_timeout,
                                                                    std::forward<Handler>(handler))
        ->start(std::move(events_), stream_start(options_));
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

inline std::string response_text(unsigned status, const Response& response) {
  const bool has_body = status != 204 && status != 205 && status != 304 && !response.body.empty();
  std::string text = "HTTP/1.1 " + std::to_string(status) + ' ';
  text.append(reason_phrase(status)).append("\r\n");
  if (has_body) append_header(text, "Content-Type", response.content_type);
  if (status != 204 && status != 304)
    append_header(text, "Content-Length", std::to_string(has_body ? response.body.size() : 0));
  append_header(text, "Connection", "close");
  for (const auto& [name, value] : response.headers) append_header(text, name, value);
  text.append("\r\n");
  if (has_body && !response.head_only) text.append(response.body);
  return text;
}

template <class Stream>
asio::awaitable<void> write_text(Stream& stream, std::string text) {
  Deadline<Stream> deadline(stream, co_await asio::this_coro::executor, std::chrono::seconds(30));
  error_code error;
  co_await asio::async_write(stream, asio::buffer(text), asio::redirect_error(asio::use_awaitable, error));
  if (deadline.passed()) error = asio::error::timed_out;
  if (error) throw system_error(error, "sse::write_response");
}

}  // namespace detail

/// Whether a browser's EventSource asks, which gives up for good where the status is not 200 (WHATWG HTML, 9.2.3): it
/// accepts `text/event-stream` alone, and is a browser by its `Sec-Fetch-Mode` or, over plain HTTP, where there is no
/// such header, by its `User-Agent`.
inline bool is_event_source(const Request& request) noexcept {
  const auto value = [&](std::string_view name) {
    const std::string* const header = request.header(name);
    return header ? std::string_view(*header) : std::string_view();
  };
  return value("Accept") == "text/event-stream" &&
         (!value("Sec-Fetch-Mode").empty() || value("User-Agent").starts_with("Mozilla/"));
}

namespace detail {

/// A page of another origin may read why it gets no stream, as it may read the stream.
inline void add_cors(Headers& headers, const StreamOptions& options) {
  if (!options.allow_origin.empty() && !find_header(headers, "Access-Control-Allow-Origin"))
    headers.emplace_back("Access-Control-Allow-Origin", options.allow_origin);
  for (const auto& [name, value] : options.headers) {
    const bool is_cors = same_name(std::string_view(name).substr(0, 15), "Access-Control-") || same_name(name, "Vary");
    if (is_cors && !find_header(headers, name)) headers.emplace_back(name, value);
  }
}

/// The response to one that a limit keeps out.
inline std::string refusal_text(const Request& request, RefusalReason reason, const StreamOptions& options) {
  const bool of_key = reason == RefusalReason::max_connections_per_key;
  const std::string why = reason == RefusalReason::draining ? "The server is shutting down"
                          : of_key                          ? "You have too many connections"
                                                            : "No more connections are accepted at the moment";
  const std::chrono::milliseconds retry = jittered(options.refusal_retry);
  if (options.refusal == RefusalForm::stream ||
      (options.refusal == RefusalForm::by_client && is_event_source(request))) {
    EventForm form;
    form.retry = retry;
    return stream_head(options).append(encode_notice("disconnect", form, why).frame());
  }
  Response response(why + '\n');
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(retry).count();
  response.headers = {{"Retry-After", std::to_string(seconds)}};
  add_cors(response.headers, options);
  return response_text(of_key ? 429 : 503, response);
}

}  // namespace detail

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

}  // namespace sse

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
