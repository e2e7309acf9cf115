// SPDX-License-Identifier: MIT
// The bodies of ClientReader. Everything in them runs on the client's executor.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "sse/any_stream.hpp"
#include "sse/compression.hpp"
#include "sse/config.hpp"
#include "sse/detail/base/content_decoder.hpp"
#include "sse/detail/client/exchange.hpp"
#include "sse/detail/client/reader.hpp"
#include "sse/detail/http1/head_parser.hpp"
#include "sse/detail/net/stream_timeout.hpp"
#include "sse/parser.hpp"
#include "sse/url.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL ClientReader::ClientReader(std::shared_ptr<ClientState> state, const asio::any_io_executor& executor)
    : state_(std::move(state)), executor_(executor), timer_(executor), backoff_(state_->options) {
  state_->reader = this;
}

SSE_DECL ClientReader::~ClientReader() {
  state_->reader = nullptr;
}

SSE_DECL void ClientReader::start(const std::shared_ptr<ClientState>& state, const asio::any_io_executor& executor) {
  auto on_end = [state](const std::exception_ptr& error) {
    if (error) state->finish(error);
  };
  asio::co_spawn(executor, run(std::make_unique<ClientReader>(state, executor)),
                 asio::bind_executor(executor, asio::bind_cancellation_slot(state->stop.slot(), std::move(on_end))));
}

SSE_DECL void ClientReader::resume() {
  if (std::exchange(paused_, false)) timer_.cancel();
}

SSE_DECL void ClientReader::reconnect_now() noexcept {
  if (!interruptible_) return;
  reconnect_now_ = true;
  timer_.cancel();
}

SSE_DECL asio::awaitable<void> ClientReader::run(std::unique_ptr<ClientReader> self) {
  co_await self->read_all();
}

SSE_DECL asio::awaitable<void> ClientReader::read_all() {
  while (!state_->ended) {
    connected_.reset();
    got_message_ = false;
    std::exception_ptr error;
    try {
      if (!co_await read_once()) break;
    } catch (...) {
      error = std::current_exception();
    }
    const auto wait = wait_after(error);
    if (!wait) co_return;
    timer_.expires_after(*wait);
    co_await interruptible_wait();
    if (std::exchange(reconnect_now_, false)) backoff_.reset();
  }
  state_->finish(nullptr);
}

SSE_DECL std::optional<std::chrono::milliseconds> ClientReader::wait_after(const std::exception_ptr& error) {
  const ClientOptions& options = state_->options;
  if (state_->ended) return std::nullopt;
  const auto [reason, may_pass, retry_after] = explain(error);
  if (connected_) state_->notify(options.observer.disconnected, reason);
  if (!may_pass || !options.reconnect.value_or(options.method == "GET")) {
    state_->finish(error);
    return std::nullopt;
  }
  using Milliseconds = std::chrono::milliseconds;
  const auto lasted = connected_ ? CoarseTimer::Clock::now() - *connected_ : CoarseTimer::Clock::duration(0);
  backoff_.end_attempt(got_message_, std::chrono::duration_cast<Milliseconds>(lasted));
  if (options.max_failures > 0 && backoff_.failures() >= options.max_failures) {
    state_->finish(error ? error : std::make_exception_ptr(Unavailable(200, reason)));
    return std::nullopt;
  }
  const auto wait = backoff_.next(state_->parser.retry(), retry_after, std::uniform_real_distribution<>()(random_));
  if (!state_->ended) state_->notify(options.observer.retrying, wait, reason);
  return state_->ended ? std::nullopt : std::optional(wait);
}

SSE_DECL ClientReader::Failure ClientReader::explain(const std::exception_ptr& error) {
  try {
    if (!error) return {"The server has ended the stream", true, {}};
    std::rethrow_exception(error);
  } catch (const Unavailable& unavailable) {
    return {unavailable.what(), true, unavailable.retry_after().value_or(std::chrono::milliseconds(0))};
  } catch (const system_error& failure) {
    return {failure.what(), true, {}};
  } catch (const std::exception& fatal) {
    return {fatal.what(), false, {}};
  } catch (...) {
    return {"An exception of an unknown type", false, {}};
  }
}

SSE_DECL std::string_view ClientReader::sendable_id() const {
  const std::string& id = state_->parser.last_event_id();
  const std::string fault = id_fault(id, state_->options.max_id_size);
  if (fault.empty()) return id;
  state_->notify(state_->options.observer.id_not_sent, id, fault);
  return {};
}

SSE_DECL asio::awaitable<bool> ClientReader::read_once() {
  const ClientOptions& options = state_->options;
  CookieJar* const cookies = options.keep_cookies ? &cookies_ : nullptr;
  ClientRequest request{state_->url, options.method};
  for (std::size_t redirects = 0;; ++redirects) {
    AnyStream stream = co_await connect(request.url, redirects == 0);
    Exchange exchange(options, stream);
    ResponseHead head = co_await exchange.run(request.text(options, headers_, sendable_id(), cookies));
    if (cookies) cookies->take(request.url, head.parser.headers(), std::chrono::system_clock::now());
    if (head.status == 204) co_return false;
    if (!is_redirect(head.status)) {
      if (const auto rejection = rejection_of(head, options.decoder ? options.decoder->coding() : ""))
        rejection->raise(head, co_await exchange.read_error_body(head));
      connected_ = CoarseTimer::Clock::now();
      state_->notify(options.observer.connected, request.url);
      co_await read_body(stream, head);
      co_return true;
    }
    if (redirects >= options.max_redirects)
      throw BadResponse(head.status, "The server sent more than " + std::to_string(redirects) + " redirects in a row",
                        head.parser.headers());
    request.redirect(head);
  }
}

SSE_DECL asio::awaitable<AnyStream> ClientReader::connect(Url url, bool first) {
  std::shared_ptr<ConnectAttempt> attempt;
  while (!attempt) attempt = co_await try_to_connect(url, first);
  AnyStream stream = attempt->take_stream();
  if (first) {
    check_headers(attempt->headers(), "make_headers");
    headers_ = merge_headers(state_->options.headers, attempt->headers());
  }
  co_return stream;
}

SSE_DECL asio::awaitable<std::shared_ptr<ConnectAttempt>> ClientReader::try_to_connect(Url url, bool first) {
  const auto time = state_->options.connect_timeout;
  timer_.expires_at(CoarseTimer::after(time));
  const auto attempt = ConnectAttempt::start({state_, &state_->options}, executor_, std::move(url), first, timer_);
  bool again = false;
  try {
    while (!attempt->done() && !again) {
      const error_code error = co_await interruptible_wait();
      again = std::exchange(reconnect_now_, false) && !attempt->done();
      if (!error && !attempt->done() && !again)
        throw system_error(asio::error::timed_out, "No connection within " + std::to_string(time.count()) + " ms");
    }
  } catch (...) {
    attempt->give_up();
    throw;
  }
  attempt->give_up();
  co_return again ? nullptr : attempt;
}

SSE_DECL asio::awaitable<error_code> ClientReader::interruptible_wait() {
  error_code error;
  interruptible_ = true;
  co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, error));
  interruptible_ = false;
  co_return error;
}

SSE_DECL asio::awaitable<void> ClientReader::read_body(AnyStream& stream, const ResponseHead& head) {
  state_->parser.reset();
  keep_alive_ = KeepAliveLine();
  const std::string* const coding = find_header(head.parser.headers(), "Content-Encoding");
  const auto& decoder = state_->options.decoder;
  decoder_ = decoder && coding && is_coding(*coding, decoder->coding()) ? decoder->make_decoder() : nullptr;
  std::optional<BodyDecoder> body;
  try {
    body.emplace(head.parser);
  } catch (const BadHead& bad) {
    throw BadResponse(head.status, bad.what());
  }
  feed(*body, head.parser.rest());
  for (;;) {
    if (decoder_) co_await decode();
    co_await wait_until_read();
    if (state_->ended) co_return;
    if (body->done()) co_return check_complete();
    error_code error;
    const std::chrono::milliseconds time = longest_silence();
    const StreamTimeout<AnyStream> time_limit(stream, executor_, time);
    const std::size_t size = co_await stream.read_some(asio::buffer(buffer_), error);
    feed(*body, {buffer_.data(), size});
    if (!error) continue;
    if (time_limit.passed())
      throw system_error(asio::error::timed_out, "The server sent nothing for " + std::to_string(time.count()) + " ms");
    if (error != asio::error::eof) throw system_error(error, "The stream was cut");
    if (!body->until_close()) throw Unavailable(head.status, "The stream was cut in the middle of its body");
    if (decoder_) co_await decode();
    co_return check_complete();
  }
}

SSE_DECL std::chrono::milliseconds ClientReader::longest_silence() const noexcept {
  const std::chrono::milliseconds time = state_->options.idle_timeout;
  return time.count() > 0 ? keep_alive_.silence().value_or(time) : time;
}

SSE_DECL asio::awaitable<void> ClientReader::wait_until_read() {
  while (!state_->queue.empty() && !state_->ended) {
    paused_ = true;
    timer_.expires_at(CoarseTimer::never);
    error_code ignored;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

SSE_DECL asio::awaitable<void> ClientReader::decode() {
  for (;;) {
    std::string_view text;
    try {
      text = decoder_->decode();
    } catch (const Error& bad) {
      throw Unavailable(200, bad.what());
    }
    if (text.empty()) co_return;
    read_text(text);
    co_await wait_until_read();
    if (state_->ended) co_return;
  }
}

SSE_DECL void ClientReader::check_complete() const {
  if (decoder_ && !decoder_->complete())
    throw Unavailable(200, "The stream was cut in the middle of its compressed text");
}

SSE_DECL void ClientReader::read_text(std::string_view text) {
  Parser& parser = state_->parser;
  const auto report_skipped = [&] {
    for (; reported_skips_ < parser.skipped(); ++reported_skips_)
      state_->push(std::make_exception_ptr(std::system_error(make_error_code(ParserError::message_too_long), "sse")));
  };
  const auto on_message = [&](Message&& message) {
    report_skipped();  // in their place, before this one
    state_->push(std::move(message));
    got_message_ = true;
  };
  keep_alive_.read(text);
  parser.feed(text, on_message);
  report_skipped();
}

SSE_DECL void ClientReader::feed(BodyDecoder& body, std::string_view bytes) {
  try {
    body.feed(bytes, [&](std::string_view part) {
      if (decoder_)
        decoder_->feed(part);
      else
        read_text(part);
    });
  } catch (const BadHead& bad) {
    throw Unavailable(200, bad.what());
  }
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
