// SPDX-License-Identifier: MIT
// The library's exceptions and their error codes. It depends on nothing else of the library but the version.

#pragma once

#include <array>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

#include "sse/detail/base/enum_names.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// The library's own failures, for `std::error_code` and, with Boost.Asio, `boost::system::error_code`.
enum class errc {
  unspecified = 1,          ///< an Error that was made without a code
  queue_size_zero,          ///< max_queue_size is 0
  event_too_large,          ///< an event's JSON is longer than Options::max_event_size
  discarded_json,           ///< an event's data contains a discarded json
  max_connections,          ///< Options::max_connections is reached
  max_connections_per_key,  ///< Options::max_connections_per_key is reached
  draining,                 ///< the manager or `serve` is being shut down
  origin_not_allowed,       ///< ServeOptions::allowed_origins does not name the request's origin
  no_random_bytes,          ///< the system's source of random bytes failed
  http_error,               ///< a request that is answered with an error status: HttpError
  invalid_url,              ///< a text is not an http or https URL
  invalid_client_option,    ///< a member of ClientOptions is out of range
  no_connector,             ///< the URL's scheme needs ClientOptions::connect
  bad_response,             ///< the server's answer is not an event stream: BadResponse
  bad_redirect,             ///< a redirect has no Location, or leaves https
  stream_ended,             ///< a stream ended before the events that a test waits for
  log_without_history,      ///< Options::log is set and Options::history_size is 0
  log_error,                ///< a call of an EventLog has failed: LogError
  invalid_gzip_option,      ///< a member of GzipOptions is out of range
};

/// The category of errc, "sse".
const std::error_category& error_category() noexcept;

/// Makes the std::error_code of an errc.
std::error_code make_error_code(errc error) noexcept;

}  // namespace sse::inline SSE_ABI

namespace sse::inline SSE_ABI::detail {

template <>
struct Names<errc> {
  static constexpr std::array<std::string_view, 20> all = {"success",
                                                           "unspecified",
                                                           "queue_size_zero",
                                                           "event_too_large",
                                                           "discarded_json",
                                                           "max_connections",
                                                           "max_connections_per_key",
                                                           "draining",
                                                           "origin_not_allowed",
                                                           "no_random_bytes",
                                                           "http_error",
                                                           "invalid_url",
                                                           "invalid_client_option",
                                                           "no_connector",
                                                           "bad_response",
                                                           "bad_redirect",
                                                           "stream_ended",
                                                           "log_without_history",
                                                           "log_error",
                                                           "invalid_gzip_option"};
};

}  // namespace sse::inline SSE_ABI::detail

template <>
struct std::is_error_code_enum<sse::errc> : std::true_type {};

namespace sse::inline SSE_ABI {

/// Thrown by the library for a caller's mistake or a limit that is reached. `what()` names the argument and the limit.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  Error(errc code, const std::string& what) : std::runtime_error(what), code_(code) {}

  /// The failure; errc::unspecified where none was given.
  std::error_code code() const noexcept { return code_; }

 private:
  errc code_ = errc::unspecified;
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/base/error.ipp"
#endif
