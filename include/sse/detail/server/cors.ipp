// SPDX-License-Identifier: MIT
// The bodies of detail/server/cors.hpp. src.hpp compiles them once; else http.hpp includes them.

#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http1/response_text.hpp"
#include "sse/detail/hub/hub.hpp"
#include "sse/detail/server/answer_headers.hpp"
#include "sse/detail/server/cors.hpp"
#include "sse/detail/server/server.hpp"
#include "sse/event_manager.hpp"
#include "sse/http_error.hpp"
#include "sse/http_options.hpp"
#include "sse/options.hpp"
#include "sse/reason.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL StreamOptions stream_options(Server& server, const Request& request, const ConnectionOptions& connection) {
  StreamOptions stream = server.options.stream;
  const std::vector<std::string>& allowed = server.options.allowed_origins;
  if (allowed.empty()) return stream;
  stream.headers.emplace_back("Vary", "Origin");
  const std::string* const origin = request.header("Origin");
  if (!origin) return stream;
  if (std::find(allowed.begin(), allowed.end(), *origin) == allowed.end()) {
    HubAccess::of(server.manager).refuse(connection, RefusalReason::origin);
    throw HttpError(403, "Pages of this origin may not read the events", {{"Vary", "Origin"}});
  }
  stream.allow_origin = *origin;
  return stream;
}

SSE_DECL bool fits(const HandlerRoute& route, std::string_view path) noexcept {
  const std::string_view wanted = route.path;
  return wanted.ends_with('*') ? path.starts_with(wanted.substr(0, wanted.size() - 1)) : path == wanted;
}

SSE_DECL bool is_script(const ServeOptions& options, std::string_view path) noexcept {
  return !options.script.empty() && path == options.script_path && path != options.path;
}

SSE_DECL bool is_own(const ServeOptions& options, std::string_view path) noexcept {
  const bool is_metrics = !options.metrics_path.empty() && path == options.metrics_path;
  return path == options.path || is_metrics || is_script(options, path);
}

SSE_DECL std::string methods_of(const ServeOptions& options, std::string_view path) {
  std::vector<std::string_view> methods;
  const auto add = [&](std::string_view method) {
    if (std::find(methods.begin(), methods.end(), method) == methods.end()) methods.push_back(method);
    return method == "GET";
  };
  if (is_own(options, path) && add("GET")) add("HEAD");
  for (const HandlerRoute& route : options.routes)
    if (fits(route, path) && add(route.method)) add("HEAD");
  std::string text;
  for (const std::string_view method : methods) text.append(text.empty() ? "" : ", ").append(method);
  return text;
}

SSE_DECL std::optional<Answer> preflight(Server& server, const Request& request) {
  const ServeOptions& options = server.options;
  const auto has_path = [&](const HandlerRoute& route) { return fits(route, request.path); };
  if (request.method != "OPTIONS" || !request.header("Origin") || !request.header("Access-Control-Request-Method") ||
      (request.path != options.path && std::none_of(options.routes.begin(), options.routes.end(), has_path)))
    return std::nullopt;
  const StreamOptions stream = stream_options(server, request, ConnectionOptions());
  if (stream.allow_origin.empty()) return std::nullopt;
  std::optional<Answer> answer(std::in_place);
  answer->status = 204;
  Response& response = answer->response;
  add_cors(response.headers, stream);
  response.headers.emplace_back("Access-Control-Allow-Methods", methods_of(options, request.path));
  if (const std::string* const names = request.header("Access-Control-Request-Headers"))
    response.headers.emplace_back("Access-Control-Allow-Headers", *names);
  response.headers.emplace_back("Access-Control-Max-Age", "7200");
  return answer;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
