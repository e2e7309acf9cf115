// SPDX-License-Identifier: MIT
// Reads one bounded request head from a stream. `serve` does the same for each socket that it accepts.

#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http1/request_reader.hpp"
#include "sse/detail/net/stream_timeout.hpp"
#include "sse/http_options.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// Reads one request head from a stream: anything with `async_read_some` and an Asio socket below it, TLS for example.
/// `Executor` is that of the awaiting coroutine, where it is not the default of an `asio::awaitable`:
/// `co_await sse::read_request<asio::io_context::executor_type>(stream)`.
///
/// @par Errors             HttpError with the status that the peer should get (400, 408, 413, 414, 431, 501, 505; RFC
///                         9112 and 9110); sse::system_error: `asio::error::eof` when the peer closed,
///                         `operation_aborted` when it is cancelled.
/// @par Cancellation       terminal, partial. Bytes that were read are lost. The time-out cancels every operation on
///                         the socket.
/// @par Object lifetime    `stream` must outlive the call.
/// @par Thread safety      The coroutine runs on one thread at a time: on a strand, where several threads run its
///                         context.
template <class Executor = asio::any_io_executor, class Stream>
asio::awaitable<Request, Executor> read_request(Stream& stream, RequestLimits limits = {}) {
  detail::StreamTimeout<Stream> deadline(stream, co_await asio::this_coro::executor, limits.timeout);
  detail::RequestReader reader(limits);
  std::array<char, 2048> bytes;
  for (;;) {
    error_code error;
    const std::size_t size = co_await stream.async_read_some(
        asio::buffer(bytes), asio::redirect_error(asio::use_awaitable_t<Executor>(), error));
    if (deadline.passed()) throw detail::head_timeout(limits);
    if (error) throw system_error(error, "sse::read_request");
    if (reader.feed({bytes.data(), size})) co_return reader.take(detail::remote_address_of(stream));
  }
}

/// The network of an address, as a ConnectionOptions::limit_key: a user of IPv6 has 2^64 addresses and more, so that a
/// limit for each address limits nobody. `2001:db8::1` is in `2001:db8::/64`, and with `ipv4_bits` 24 `192.0.2.1` in
/// `192.0.2.0/24`. A prefix of all bits, and what is no IP address, is returned as it is.
SSE_DECL std::string address_prefix(std::string_view address, unsigned ipv6_bits = 64, unsigned ipv4_bits = 32);

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
