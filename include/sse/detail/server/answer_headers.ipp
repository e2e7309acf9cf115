// SPDX-License-Identifier: MIT
// The bodies of detail/server/answer_headers.hpp. src.hpp compiles them once; else the header includes them.

#pragma once

#include <exception>
#include <string_view>
#include <utility>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/server/answer_headers.hpp"
#include "sse/headers.hpp"
#include "sse/http_error.hpp"
#include "sse/http_options.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL void add_cors(Headers& headers, const StreamOptions& options) {
  if (!options.allow_origin.empty() && !find_header(headers, "Access-Control-Allow-Origin"))
    headers.emplace_back("Access-Control-Allow-Origin", options.allow_origin);
  for (const auto& [name, value] : options.headers) {
    const bool is_cors = same_name(std::string_view(name).substr(0, 15), "Access-Control-") || same_name(name, "Vary");
    if (is_cors && !find_header(headers, name)) headers.emplace_back(name, value);
  }
  // So that a page of another origin can obey it.
  constexpr std::string_view expose = "Access-Control-Expose-Headers";
  if (!options.allow_origin.empty() && !find_header(headers, expose)) headers.emplace_back(expose, "Retry-After");
}

SSE_DECL HttpError with_cors(const HttpError& error, const StreamOptions& options) {
  Headers headers = error.headers();
  add_cors(headers, options);
  return HttpError(error.status(), error.what(), std::move(headers));
}

SSE_DECL HttpError error_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const HttpError& error) {
    if (error.status() >= 200 && error.status() <= 599) return error;
  } catch (...) {  // it may tell what is no business of the peer's
  }
  return HttpError(500, "The server failed while answering this request");
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
