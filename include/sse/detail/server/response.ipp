// SPDX-License-Identifier: MIT
// The bodies of response.hpp. src.hpp compiles them once; else the header includes them.

#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/json_text.hpp"
#include "sse/headers.hpp"
#include "sse/http_options.hpp"
#include "sse/options.hpp"
#include "sse/request.hpp"
#include "sse/response.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

SSE_DECL ConnectionOptions connection_options(const Request& request) {
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

SSE_DECL bool is_event_source(const Request& request) noexcept {
  const auto value = [&](std::string_view name) {
    const std::string* const header = request.header(name);
    return header ? std::string_view(*header) : std::string_view();
  };
  return value("Accept") == "text/event-stream" &&
         (!value("Sec-Fetch-Mode").empty() || value("User-Agent").starts_with("Mozilla/"));
}

SSE_DECL Response json_response(const nlohmann::json& value) {
  Response response(detail::dump(value));
  response.content_type = "application/json";
  return response;
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
