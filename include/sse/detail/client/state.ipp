// SPDX-License-Identifier: MIT
// The bodies of ClientState: the check of a client's options, and the step that waits for a message.

#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "sse/config.hpp"
#include "sse/detail/client/exchange.hpp"
#include "sse/detail/client/reader.hpp"
#include "sse/detail/client/state.hpp"
#include "sse/detail/net/coarse_timer.hpp"
#include "sse/error.hpp"
#include "sse/headers.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL ClientState::ClientState(std::string_view location, ClientOptions settings)
    : url(location), options(std::move(settings)), parser(options.max_message_size) {
  check_options();
  parser.last_event_id(options.last_event_id);
}

SSE_DECL void ClientState::check_options() const {
  const auto check_option = [](bool good, const std::string& why) {
    if (!good) throw Error(errc::invalid_client_option, "sse: ClientOptions::" + why);
  };
  check_option(is_token(options.method), "method must be a token");
  check_option(is_header_text(options.last_event_id), "last_event_id must have no control characters");
  check_option(options.last_event_id.size() <= options.max_id_size,
               "last_event_id must have at most " + std::to_string(options.max_id_size) + " bytes (max_id_size)");
  for (const auto& time : {options.retry, options.min_retry, options.max_retry})
    check_option(time.count() >= 0, "retry, min_retry and max_retry must not be negative");
  check_option(options.connect != nullptr, "connect must be a function");
  check_headers(options.headers, "headers");
}

SSE_DECL void ClientState::wake() noexcept {
  if (step) step->cancel();
}

SSE_DECL void ClientState::push(std::variant<Message, std::exception_ptr> item) {
  queue.push_back(std::move(item));
  wake();
}

SSE_DECL void ClientState::finish(const std::exception_ptr& error) {
  if (ended) return;
  if (error) push(error);
  ended = true;
  wake();
}

SSE_DECL void ClientState::close() noexcept {
  ended = true;
  queue.clear();
  wake();
  if (!reader) return;
  try {
    asio::post(reader->executor(), [self = shared_from_this()] { self->stop.emit(asio::cancellation_type::terminal); });
  } catch (...) {  // no memory: the reader sees `ended` when its operation completes
  }
}

SSE_DECL asio::awaitable<std::optional<Message>> ClientState::next(std::shared_ptr<ClientState> state) {
  struct PendingStep {
    PendingStep(ClientState& client, asio::steady_timer& timer) : state(client) { state.step = &timer; }
    ~PendingStep() { state.step = nullptr; }
    ClientState& state;
  };
  if (state->step) throw system_error(asio::error::already_started, "sse::Client::next");
  if (state->queue.empty() && !state->ended) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto cancelled_before = (co_await asio::this_coro::cancellation_state).cancelled();
    asio::steady_timer timer(executor, CoarseTimer::never);
    const PendingStep pending(*state, timer);
    if (!state->reader) ClientReader::start(state, executor);
    error_code woken;
    if (state->queue.empty() && !state->ended)
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    // A caller that cancelled would throw the message away.
    if ((co_await asio::this_coro::cancellation_state).cancelled() != cancelled_before ||
        (state->queue.empty() && !state->ended))
      throw system_error(asio::error::operation_aborted, "sse::Client::next");
  }
  if (state->queue.empty()) co_return std::nullopt;
  auto first = std::move(state->queue.front());
  state->queue.pop_front();
  if (state->queue.empty() && state->reader) state->reader->resume();
  if (const auto* const error = std::get_if<std::exception_ptr>(&first)) std::rethrow_exception(*error);
  co_return std::get<Message>(std::move(first));
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
