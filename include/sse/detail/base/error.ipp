// SPDX-License-Identifier: MIT
// The bodies of error.hpp: the category and its messages.

#pragma once

#include <string>
#include <system_error>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/error.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

inline const char* message_of(errc error) noexcept {
  switch (error) {
    case errc::unspecified: return "the library reported an error";
    case errc::queue_size_zero: return "max_queue_size must be at least 1";
    case errc::event_too_large: return "the event's JSON is longer than max_event_size";
    case errc::discarded_json: return "the event's data contains a discarded json";
    case errc::max_connections: return "max_connections is reached";
    case errc::max_connections_per_key: return "max_connections_per_key is reached";
    case errc::draining: return "the service is shutting down";
    case errc::origin_not_allowed: return "the request's origin is not allowed";
    case errc::no_random_bytes: return "the system's source of random bytes failed";
    case errc::http_error: return "the request is answered with an error status";
    case errc::invalid_url: return "the text is not an http or https URL";
    case errc::invalid_client_option: return "a member of ClientOptions is out of range";
    case errc::no_connector: return "the URL's scheme needs ClientOptions::connect";
    case errc::bad_response: return "the server's answer is not an event stream";
    case errc::bad_redirect: return "the server's redirect cannot be followed";
    case errc::stream_ended: return "the stream has ended";
    case errc::log_without_history: return "history_size must be at least 1 with a log";
    case errc::log_error: return "a call of the log has failed";
    case errc::invalid_gzip_option: return "a member of GzipOptions is out of range";
  }
  return "unknown error";
}

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

SSE_DECL const std::error_category& error_category() noexcept {
  struct Category final : std::error_category {
    const char* name() const noexcept override { return "sse"; }
    std::string message(int value) const override { return detail::message_of(static_cast<errc>(value)); }
  };
  // Never destroyed: an error may be looked at while the process ends.
  static const Category* const category = new Category;
  return *category;
}

SSE_DECL std::error_code make_error_code(errc error) noexcept {
  return {static_cast<int>(error), error_category()};
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
