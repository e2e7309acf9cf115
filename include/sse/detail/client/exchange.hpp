// SPDX-License-Identifier: MIT
// One request of the client and the head of its answer: how the request is written, how a redirect changes it, and
// which answers are a stream.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "sse/any_stream.hpp"
#include "sse/client_options.hpp"
#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http1/response_reader.hpp"
#include "sse/headers.hpp"
#include "sse/url.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// An answer, or a break in it, after which a new attempt may succeed.
struct Unavailable final : BadResponse {
  using BadResponse::BadResponse;
  std::chrono::milliseconds retry_after{0};  ///< What the server asks for; 0: nothing.
};

/// The request that a client sends next. A redirect changes it as WHATWG Fetch says.
struct ClientRequest {
  Url url;
  std::string method;
  bool foreign = false;   ///< A redirect has led to another origin: it gets no credentials.
  bool with_body = true;  ///< No redirect has turned the method into GET.

  /// The request's bytes, body included.
  std::string text(const ClientOptions& options, std::string_view last_event_id) const;
  /// Follows a redirect. Throws BadResponse for one that cannot be followed.
  void redirect(const ResponseHead& head);
};

SSE_DECL bool is_redirect(unsigned status) noexcept;

/// No control characters: it can be a header's value.
SSE_DECL bool is_header_text(std::string_view text) noexcept;

/// Why an id cannot be sent as Last-Event-ID: a server refuses the request for good. Empty: it can.
SSE_DECL std::string id_fault(std::string_view id, std::size_t max_size);

/// The milliseconds that a Retry-After header asks for, at most a year; 0: none, or not in seconds.
SSE_DECL std::chrono::milliseconds retry_after_of(const Headers& headers) noexcept;

/// Throws BadResponse where the answer is no stream of events: Unavailable where a later one may be.
SSE_DECL void check_is_stream(const ResponseHead& head);

/// Sends a request and reads the head of its answer. `timeout` bounds both together. Throws BadResponse for what is not
/// HTTP, sse::system_error where the connection breaks.
class Exchange {
 public:
  Exchange(const ClientOptions& options, AnyStream& stream) : options_(options), stream_(stream) {}
  asio::awaitable<ResponseHead> run(std::string request);

 private:
  asio::awaitable<ResponseHead> read_final_head();
  /// Reads one head. `unread_` has the bytes before and behind it.
  asio::awaitable<void> read_head(ResponseHead& head);

  const ClientOptions& options_;
  AnyStream& stream_;
  std::string unread_;
  unsigned status_ = 0;     ///< Of the last status line; 0: none has come.
  error_code write_error_;  ///< A server may answer and close before it has read a long body: its answer counts.
  std::array<char, 4096> buffer_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/client/exchange.ipp"
#endif
