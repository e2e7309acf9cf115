// SPDX-License-Identifier: MIT
// One request of the client and the head of its answer: how the request is written, how a redirect changes it, and
// which answers are a stream.

#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "sse/any_stream.hpp"
#include "sse/client_options.hpp"
#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/client/cookies.hpp"
#include "sse/detail/http1/response_reader.hpp"
#include "sse/headers.hpp"
#include "sse/url.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The request that a client sends next. A redirect changes it as WHATWG Fetch says.
struct ClientRequest {
  Url url;
  std::string method;
  bool foreign = false;   ///< A redirect has led to another origin: it gets no credentials.
  bool with_body = true;  ///< No redirect has turned the method into GET.

  /// The request's bytes, body included.
  std::string text(const ClientOptions& options, const Headers& headers, std::string_view last_event_id,
                   const CookieJar* cookies) const;
  /// Follows a redirect. Throws BadResponse for one that cannot be followed.
  void redirect(const ResponseHead& head);
};

SSE_DECL bool is_redirect(unsigned status) noexcept;

/// True if it has no control characters, so that it can be a header's value.
SSE_DECL bool is_header_text(std::string_view text) noexcept;

/// The reason why an id cannot be sent as Last-Event-ID (a server would refuse the request every time). Empty: it can.
SSE_DECL std::string id_fault(std::string_view id, std::size_t max_size);

/// Throws Error for headers that the client cannot send, or sets itself.
SSE_DECL void check_headers(const Headers& headers, const std::string& option);

/// `headers` without those that `more` has too, and then `more`.
SSE_DECL Headers merge_headers(const Headers& headers, const Headers& more);

/// The reason why an answer is not a stream of events.
struct Rejection {
  std::string why;
  bool may_pass;  ///< True: a later attempt may succeed.

  [[noreturn]] void raise(ResponseHead& head, std::string body) const;
};
/// `coding`: a Content-Encoding that the client can decode. Empty: none.
SSE_DECL std::optional<Rejection> rejection_of(const ResponseHead& head, std::string_view coding);

/// Sends a request and reads the head of its answer. `timeout` bounds both together. Throws BadResponse if the answer
/// is not HTTP, sse::system_error if the connection breaks.
class Exchange {
 public:
  Exchange(const ClientOptions& options, AnyStream& stream) : options_(options), stream_(stream) {}
  asio::awaitable<ResponseHead> run(std::string request);
  /// Reads the beginning of an answer's body, as much of it as comes within a second.
  asio::awaitable<std::string> read_error_body(const ResponseHead& head);

 private:
  asio::awaitable<ResponseHead> read_final_head();
  /// Reads one head. Before: `unread_` has its first bytes. After: the bytes behind it.
  asio::awaitable<void> read_head(ResponseHead& head);

  const ClientOptions& options_;
  AnyStream& stream_;
  std::string unread_;
  unsigned status_ = 0;  ///< Of the last status line; 0: none has come.
  /// Kept, because a server may answer and close before it has read a long body: then its answer counts.
  error_code write_error_;
  std::array<char, 4096> buffer_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/client/exchange.ipp"
#endif
