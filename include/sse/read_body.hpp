// SPDX-License-Identifier: MIT
// Reads the bounded body of a request whose head has been read, for POST and its like.

#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "sse/config.hpp"
#include "sse/detail/http1/body_reader.hpp"
#include "sse/detail/net/stream_timeout.hpp"
#include "sse/http_options.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Tells the peer to send the body that it holds back. Streams of `serve` do not take it for the answer.
template <class Executor, class Stream>
asio::awaitable<void, Executor> write_continue(Stream& stream, error_code& error) {
  constexpr std::string_view text = "HTTP/1.1 100 Continue\r\n\r\n";
  co_await asio::async_write(stream, asio::buffer(text.data(), text.size()),
                             asio::redirect_error(asio::use_awaitable_t<Executor>(), error));
}

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

/// Reads the body of `request`, whose head was read from `stream`: by its Content-Length, or chunked. Without either
/// the body is empty. A peer that waits for it (`Expect: 100-continue`) gets a 100 first. `limits` may be the number of
/// bytes alone: `co_await sse::read_body(stream, request, 64 * 1024)`. Call it once for a request; bytes after the body
/// are discarded. `Executor` as for read_request.
///
/// @par Errors             HttpError with the status that the peer should get: 413 past the limit, before any of a body
///                         with a longer Content-Length is read; 400 for a chunked body that is malformed; 408; 417 for
///                         an expectation other than 100-continue. sse::system_error: `asio::error::eof` when the peer
///                         closed within the body, `operation_aborted` when it is cancelled.
/// @par Cancellation       terminal, partial. Bytes that were read are lost. The time-out cancels every operation on
///                         the socket.
/// @par Object lifetime    `stream` and `request` must outlive the call.
/// @par Thread safety      As read_request.
template <class Executor = asio::any_io_executor, class Stream>
asio::awaitable<std::string, Executor> read_body(Stream& stream, const Request& request, BodyLimits limits = {}) {
  detail::StreamTimeout<Stream> deadline(stream, co_await asio::this_coro::executor, limits.timeout);
  detail::BodyReader reader(request, limits);
  error_code error;
  if (reader.expects_continue()) co_await detail::write_continue<Executor>(stream, error);
  std::array<char, 4096> bytes;
  while (!error && !reader.done()) {
    const std::size_t size = co_await stream.async_read_some(
        asio::buffer(bytes), asio::redirect_error(asio::use_awaitable_t<Executor>(), error));
    if (!error) reader.feed({bytes.data(), size});
  }
  if (error && deadline.passed()) throw detail::body_timeout(limits);
  if (error) throw system_error(error, "sse::read_body");
  co_return reader.take();
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
