// SPDX-License-Identifier: MIT
// The bodies of detail/server/answer.hpp. src.hpp compiles them once; else http.hpp includes them.

#pragma once

#include <algorithm>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http1/response_text.hpp"
#include "sse/detail/hub/hub.hpp"
#include "sse/detail/server/answer.hpp"
#include "sse/detail/server/answer_headers.hpp"
#include "sse/detail/server/cors.hpp"
#include "sse/detail/server/open_tap.hpp"
#include "sse/detail/server/refusal.hpp"
#include "sse/detail/server/server.hpp"
#include "sse/event_manager.hpp"
#include "sse/event_stream.hpp"
#include "sse/headers.hpp"
#include "sse/http_error.hpp"
#include "sse/http_options.hpp"
#include "sse/metrics.hpp"
#include "sse/options.hpp"
#include "sse/reason.hpp"
#include "sse/request.hpp"
#include "sse/response.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The response with ServeOptions::script, or 304 if the browser has it already. Throws HttpError if pages of the
/// request's origin may not read.
inline Answer script_answer(Server& server, const Request& request) {
  const std::string& tag = server.script_tag;
  Answer answer;
  Response& response = answer.response;
  response.head_only = request.method == "HEAD";
  response.content_type = "text/javascript";
  response.headers = {{"ETag", tag}, {"Cache-Control", "no-cache"}};
  add_cors(response.headers, stream_options(server, request, ConnectionOptions()));
  // A proxy that compresses marks the tag as weak: W/"…".
  const std::string* const known = request.header("If-None-Match");
  if (known && known->find(tag) != known->npos)
    answer.status = 304;
  else
    response.body = server.options.script;
  return answer;
}

/// The route of a request that a handler answers, or null.
inline const HandlerRoute* route_of(const ServeOptions& options, const Request& request) {
  const auto find = [&](std::string_view method) -> const HandlerRoute* {
    for (const HandlerRoute& route : options.routes)
      if (route.method == method && fits(route, request.path)) return &route;
    return nullptr;
  };
  const HandlerRoute* const route = find(request.method);
  return route || request.method != "HEAD" ? route : find("GET");
}

/// Throws HttpError for an unknown path and for a method other than GET and HEAD.
inline void check_target(const ServeOptions& options, const Request& request) {
  if (request.method == "CONNECT") throw HttpError(405, "This server is not a proxy", {{"Allow", "GET, HEAD"}});
  const std::string allowed = methods_of(options, request.path);
  if (allowed.empty()) throw HttpError(404, "Nothing is served at this path");
  if (!is_own(options, request.path) || (request.method != "GET" && request.method != "HEAD")) {
    const std::string why = allowed == "GET, HEAD" ? "Only GET and HEAD are" : "This method is not";
    throw HttpError(405, why + " supported at this path", {{"Allow", allowed}});
  }
}

/// Calls a function of the service that may refuse the request. Throws the HttpError that the peer gets.
template <class Ask>
void authorize(const ServeOptions& options, const Request& request, Ask&& ask) {
  std::string failure = "not a std::exception";
  try {
    return ask();
  } catch (const HttpError& refusal) {
    if (refusal.status() >= 200 && refusal.status() <= 599) throw;
    failure = "HttpError has the status " + std::to_string(refusal.status()) + ", not 200 to 599: " + refusal.what();
  } catch (const std::exception& error) {
    failure = error.what();
  } catch (...) {
  }
  try {
    if (options.admit_failure) options.admit_failure(request, failure);
  } catch (...) {  // the client gets the same answer if the logger fails
  }
  throw HttpError(500, "The server failed while authorizing this request");
}

/// Names the connection of a page by its owner and the random id that sse.js sends, unless the service has named it. A
/// page whose network has vanished then takes the place of its own dead connection when it comes back. The name begins
/// with the limit_key, so no client can end the stream of another owner.
inline void name_by_page(const Request& request, ConnectionOptions& connection) {
  if (!connection.connection_id.empty() || connection.limit_key.empty()) return;
  const std::string page = request.query_value("pageId").value_or("");
  const auto is_alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  const bool is_random =
      page.size() >= 16 && page.size() <= 64 && std::all_of(page.begin(), page.end(), is_alphanumeric);
  if (is_random) connection.connection_id = connection.limit_key + '/' + page;
}

/// Asks `admit`, and returns the options of the request's connection. Throws the HttpError that the peer gets.
inline ConnectionOptions admitted(const ServeOptions& options, const Request& request, ConnectionOptions connection) {
  if (options.topics_from_query) connection.topics = request.query_values("topic");
  if (connection.topics.size() > 100) throw HttpError(400, "A request must not name more than 100 topics");
  if (!options.admit) return connection;
  authorize(options, request, [&] {
    options.admit(request, connection);
    if (connection.max_queue_size == 0u)
      throw std::invalid_argument("ConnectionOptions::max_queue_size must be at least 1, is 0");
  });
  name_by_page(request, connection);
  return connection;
}

/// Adds the connection and starts the stream. Throws HttpError and Refused.
inline void start_stream(Server& server, Requester& requester, const Request& request, const StreamOptions& options,
                         ConnectionOptions&& connection) {
  if (request.content_length.value_or(0) > 64 * 1024) throw HttpError(413, "A request for events needs no body");
  if (server.is_stopping()) {
    HubAccess::of(server.manager).refuse(connection, RefusalReason::draining);
    throw Refused(RefusalReason::draining, "The server is shutting down");
  }
  requester.start_stream(HubAccess::add(server.manager, std::move(connection), requester.lane), options);
}

/// Admits a request and starts its handler. Throws the HttpError that the peer gets.
inline void start_handler(Server& server, Requester& requester, const Request& request, const HandlerRoute& route) {
  ConnectionOptions connection = connection_options(request);
  StreamOptions stream = stream_options(server, request, connection);
  try {
    connection = admitted(server.options, request, std::move(connection));
    if (server.is_stopping()) throw HttpError(503, "The server is shutting down", {{"Retry-After", "1"}});
    if (!server.begin_handler()) throw HttpError(503, "Too many requests are being answered", {{"Retry-After", "1"}});
  } catch (const HttpError& error) {
    throw with_cors(error, stream);
  }
  requester.start_handler(request, std::move(connection), std::move(stream), route);
}

SSE_DECL std::optional<Answer> answer(Server& server, Requester& requester, const Request& request) {
  const ServeOptions& options = server.options;
  if (std::optional<Answer> allowed = preflight(server, request)) return allowed;
  if (const HandlerRoute* const route = route_of(options, request)) {
    if (requester.takes_handlers()) start_handler(server, requester, request, *route);
    return std::nullopt;
  }
  check_target(options, request);
  if (is_script(options, request.path)) return script_answer(server, request);
  Answer answer;
  Response& response = answer.response;
  response.head_only = request.method == "HEAD";
  if (request.path != options.path) {
    if (options.admit_metrics) authorize(options, request, [&] { options.admit_metrics(request); });
    const std::string* const accept = request.header("Accept");
    const MetricsFormat format = metrics_format(accept ? *accept : std::string());
    response.body = metrics_text(server.manager.stats(), format);
    response.content_type = content_type(format);
    forbid_storing(response.headers);
    return answer;
  }
  ConnectionOptions connection = connection_options(request);
  StreamOptions stream = stream_options(server, request, connection);
  try {
    connection = admitted(options, request, std::move(connection));
    if (requester.compresses) requester.tap = open_tap(server.manager, request, connection, stream);
    if (!response.head_only) {
      start_stream(server, requester, request, stream, std::move(connection));
      return std::nullopt;
    }
    answer.stream = stream;
    return answer;
  } catch (const Refused& refusal) {
    leave_plain(stream);
    return refusal_answer(request, refusal.reason(), stream);
  } catch (const HttpError& error) {
    throw with_cors(error, stream);
  }
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
