// SPDX-License-Identifier: MIT
// Writes one text to a stream within 30 s. write_response and the short answers of write_events use it.

#pragma once

#include <chrono>
#include <string>

#include "sse/config.hpp"
#include "sse/detail/net/stream_timeout.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

template <class Executor, class Stream>
asio::awaitable<void, Executor> write_text(Stream& stream, std::string text) {
  StreamTimeout<Stream> deadline(stream, co_await asio::this_coro::executor, std::chrono::seconds(30));
  error_code error;
  co_await asio::async_write(stream, asio::buffer(text),
                             asio::redirect_error(asio::use_awaitable_t<Executor>(), error));
  if (deadline.passed()) error = asio::error::timed_out;
  if (error) throw system_error(error, "sse::write_response");
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
