// SPDX-License-Identifier: MIT
// Reads one bounded request head from a stream. `serve` does the same for each socket that it accepts.

#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/http1/head_parser.hpp"
#include "sse/detail/http1/request_reader.hpp"
#include "sse/detail/net/stream_timeout.hpp"
#include "sse/http_error.hpp"
#include "sse/http_options.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// Reads one request head from a stream (anything with `async_read_some` and an Asio socket below it, TLS for example).
///
/// Errors: HttpError with the status that the peer should get (400, 408, 413, 414, 431, 501, 505; RFC 9112 and 9110),
/// or sse::system_error: `asio::error::eof` when the peer closed, `operation_aborted` when it is cancelled.
/// Cancellation: terminal and partial; what was read is lost then. The time-out cancels every operation on the socket.
/// Thread safety: the coroutine runs on one thread at a time: on a strand, where several threads run its context.
template <class Stream>
asio::awaitable<Request> read_request(Stream& stream, RequestLimits limits = {}) {
  detail::StreamTimeout<Stream> deadline(stream, co_await asio::this_coro::executor, limits.timeout);
  detail::HeadParser head(limits.max_head_size, limits.max_headers);
  Request request;
  std::array<char, 2048> bytes;
  for (;;) {
    error_code error;
    const std::size_t size =
        co_await stream.async_read_some(asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, error));
    if (deadline.passed())
      throw HttpError(408, "The request head did not come within " + std::to_string(limits.timeout.count()) + " ms");
    if (error) throw system_error(error, "sse::read_request");
    try {
      const auto take_line = [&](std::string_view line) { detail::take_request_line(line, request); };
      if (!head.feed({bytes.data(), size}, take_line)) continue;
      request.remote_address = detail::remote_address_of(stream);
      co_return detail::finish_request(std::move(request), head);
    } catch (const detail::BadHead& bad) {
      throw HttpError(bad.status, bad.what());
    }
  }
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
