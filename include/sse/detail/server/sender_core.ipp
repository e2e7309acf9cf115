// SPDX-License-Identifier: MIT
// The bodies of detail/server/sender_core.hpp. src.hpp compiles them once; else the header includes them.

#pragma once

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include "sse/answer_options.hpp"
#include "sse/config.hpp"
#include "sse/detail/base/find_control.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/http1/response_text.hpp"
#include "sse/detail/net/coarse_timer.hpp"
#include "sse/detail/server/answer_headers.hpp"
#include "sse/detail/server/sender_core.hpp"
#include "sse/http_error.hpp"
#include "sse/request.hpp"
#include "sse/wire.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL void append_data(std::string& out, std::string_view data) {
  if (is_plain(data)) {  // as most are
    out.append("data: ").append(data).push_back('\n');
    return;
  }
  for (;;) {
    const std::size_t end = find_line_end(data);
    wire::append_field(out, "data", data.substr(0, end));
    if (end == data.npos) return;
    data.remove_prefix(end + (data.substr(end).starts_with("\r\n") ? 2 : 1));
  }
}

SSE_DECL SenderCore::SenderCore(const Request& request, AnswerOptions&& options)
    : options_(std::move(options)),
      is_head_(request.method == "HEAD"),
      has_interim_(request.minor_version > 0),
      chunked_(request.minor_version > 0) {}

SSE_DECL SenderCore::~SenderCore() {
  if (timer_) timer_->remove(*this);
}

SSE_DECL asio::awaitable<AnswerEnd> SenderCore::run(std::shared_ptr<SenderCore> self) {
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  std::exception_ptr failure;
  try {
    self->begin(co_await asio::this_coro::executor);
  } catch (...) {
    failure = std::current_exception();
    self->dead_ = true;
    self->stop();
  }
  while (!self->settled_) {
    if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none) {
      co_await asio::this_coro::reset_cancellation_state();
      self->cancelled_ = self->dead_ = true;
      self->stop();
    } else {
      error_code ignored;
      co_await self->finished_->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
  if (failure) std::rethrow_exception(failure);
  if (self->cancelled_) throw system_error(asio::error::operation_aborted, "sse::answer_events");
  co_return self->end_;
}

SSE_DECL void SenderCore::begin(const asio::any_io_executor& executor) {
  executor_ = executor;
  finished_.emplace(executor_, asio::steady_timer::time_point::max());
  timer_ = coarse_timer_of(executor_);
  prepare_stream();
  timer_->add(*this, executor_);
  watch();
  const auto now = Clock::now();
  begun_ = is_head_ || options_.head_delay.count() <= 0;
  head_due_ = CoarseTimer::after(options_.head_delay, now);
  finishing_ = is_head_;
  if (begun_) flush();
  set_due();
  if (is_head_ || dead_) return;
  producing_ = true;
  try {
    start_producer();
  } catch (...) {
    producing_ = false;
    throw;
  }
}

SSE_DECL asio::steady_timer& SenderCore::changed() {
  if (!changed_) changed_ = std::make_unique<asio::steady_timer>(executor_, asio::steady_timer::time_point::max());
  return *changed_;
}

SSE_DECL asio::awaitable<void> SenderCore::wait_for_change() {
  error_code ignored;
  co_await changed().async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
    throw system_error(asio::error::operation_aborted, "sse::EventSender");
}

SSE_DECL asio::awaitable<void> SenderCore::wait_for_end() {
  while (!is_closed()) {
    error_code ignored;
    co_await changed().async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if (is_closed()) co_return;  // the cancellation is due to that
    if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
      throw system_error(asio::error::operation_aborted, "sse::EventSender");
  }
}

SSE_DECL asio::awaitable<void> SenderCore::wait_for_room() {
  while (!is_closed() && !has_room()) co_await wait_for_change();
  if (is_closed()) throw system_error(asio::error::operation_aborted, "sse::EventSender: the answer has ended");
}

SSE_DECL std::string& SenderCore::begin_add() {
  if (frames_.empty()) frames_ = chunk_room();
  return frames_;
}

SSE_DECL void SenderCore::add_done() {
  begun_ = true;
  if (!writing_ && !has_room()) return flush();
  if (!writing_ && !flush_posted_) post_flush();
}

/// Writes once the producer has suspended, so that events that are ready together go out together.
SSE_DECL void SenderCore::post_flush() {
  asio::post(executor_, [self = shared_from_this()] {
    self->flush_posted_ = false;
    self->flush(true);
  });
  flush_posted_ = true;
}

/// Completes frames_ to a chunk, and returns where it begins.
SSE_DECL std::size_t SenderCore::end_chunk() {
  if (!chunked_) return 0;
  char digits[16];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, waiting_bytes(), 16);
  const auto size = static_cast<std::size_t>(end - digits);
  std::copy(digits, end, frames_.data() + chunk_room().size() - 2 - size);
  frames_.append("\r\n");
  return chunk_room().size() - 2 - size;
}

/// `at_once`: the system may take the bytes within this call, which saves the turn of the executor that a completion
/// costs. A producer that does not wait must have that turn, so that others get theirs.
SSE_DECL void SenderCore::flush(bool at_once) {
  if (dead_ || settled_ || writing_ || final_) return;
  if (!response_.empty()) {
    head_sent_ = final_ = true;
    return write(response_, 0, at_once);
  }
  std::string head;
  if (!head_sent_) {
    if (!begun_ && !finishing_) return;
    head_sent_ = begun_ = true;
    head = stream_head(options_.stream, chunked_);
    if (options_.stream.retry && !is_head_) {
      std::string retry;
      wire::append_field(retry, "retry", std::to_string(options_.stream.retry->count()));
      begin_add().insert(chunk_room().size(), retry.append("\n"));
    }
  }
  const std::size_t begin = waiting_bytes() > 0 ? end_chunk() : 0;
  final_ = finishing_ && !cut_;
  if (final_ && chunked_ && !is_head_) frames_.append("0\r\n\r\n");
  if (!head.empty()) {
    head.append(frames_, begin);
    frames_.clear();
    return write(head, 0, at_once);
  }
  if (!frames_.empty()) return write(frames_, begin, at_once);
  if (!finishing_) return;
  if (cut_) {
    dead_ = true;
    cut_stream();
  }
  settle();
}

/// Writes `text` from `begin`, and leaves it without bytes. What the system does not take at once is kept in text_.
SSE_DECL void SenderCore::write(std::string& text, std::size_t begin, bool at_once) {
  if (at_once) begin += write_now(asio::const_buffer(text.data() + begin, text.size() - begin));
  if (begin == text.size()) {
    text.clear();
    return on_text_written();
  }
  text_.swap(text);
  text.clear();
  sent_ = begin;
  writing_ = true;
  progress_ = Clock::now();
  untaken_ = untaken();
  write_rest();
}

SSE_DECL void SenderCore::write_rest() {
  try {
    ++pending_;
    start_write(asio::const_buffer(text_.data() + sent_, text_.size() - sent_));
    set_due();
  } catch (...) {  // no memory for it
    --pending_;
    lose_peer();
  }
}

SSE_DECL void SenderCore::on_written(error_code error, std::size_t size) {
  --pending_;
  if (dead_) return settle();
  if (error) return lose_peer();
  sent_ += size;
  progress_ = Clock::now();
  if (sent_ < text_.size()) return write_rest();
  on_text_written();
}

SSE_DECL void SenderCore::on_text_written() {
  constexpr std::size_t max_kept = 1024;  // bytes of memory that an idle answer keeps for each of the two
  text_.clear();
  if (text_.capacity() > max_kept) text_ = std::string();
  if (frames_.empty() && frames_.capacity() > max_kept) frames_ = std::string();
  writing_ = false;
  tell();
  flush();
  if (!writing_) set_due();
  settle();
}

SSE_DECL void SenderCore::watch() {
  try {
    ++pending_;
    start_watch();
  } catch (...) {  // no memory for it
    --pending_;
    lose_peer();
  }
}

SSE_DECL void SenderCore::on_peer(error_code error, std::size_t size) {
  constexpr std::size_t max_bytes = 64 * 1024;
  --pending_;
  if (dead_ || settled_) return settle();
  if (final_ && !writing_) return settle();
  unexpected_bytes_ += static_cast<std::uint32_t>(std::min(size, max_bytes + 1));
  if (error || unexpected_bytes_ > max_bytes) return lose_peer();
  watch();
}

SSE_DECL void SenderCore::lose_peer() {
  if (dead_) return;
  dead_ = true;
  end_ = AnswerEnd::peer_gone;
  stop();
}

SSE_DECL void SenderCore::drain() {
  if (options_.let_finish || is_closed()) return;
  drained_ = true;
  stop();
}

/// Cancels the producer, and tells its waits.
SSE_DECL void SenderCore::stop() {
  tell();
  if (producing_ && options_.cancel_producer) cancel_producer_.emit(asio::cancellation_type::terminal);
  settle();
}

SSE_DECL void SenderCore::on_producer_done(std::exception_ptr failure) {
  producing_ = false;
  if (failure && !dead_) {
    if (drained_) failure = std::make_exception_ptr(HttpError(503, "The server is shutting down"));
    end_ = drained_ ? AnswerEnd::drained : AnswerEnd::failed;
    fail(failure);
  }
  finishing_ = true;
  flush();
  settle();
}

SSE_DECL void SenderCore::fail(const std::exception_ptr& failure) {
  try {
    if (options_.on_failure && !drained_) options_.on_failure(failure);
  } catch (...) {  // the peer gets the same answer if the logger fails
  }
  try {
    HttpError error = error_of(failure);
    if (!begun_) {
      Headers headers = error.headers();
      for (const auto& header : options_.stream.headers) headers.push_back(header);
      add_cors(headers, options_.stream);
      response_ = response_text(HttpError(error.status(), error.what(), std::move(headers)),
                                "text/plain; charset=utf-8", false);
    } else if (options_.failure_form == FailureForm::event) {
      add_error_event(failure, error.what());
    } else {
      cut_ = true;
    }
  } catch (...) {  // error_data has failed, or there is no memory
    cut_ = true;
  }
}

SSE_DECL void SenderCore::add_error_event(const std::exception_ptr& failure, std::string_view message) {
  std::string data;
  if (options_.error_data) {
    data = options_.error_data(failure);
  } else {
    append_quoted(data.append("{\"error\":{\"message\":"), message);
    data.append("}}");
  }
  std::string& out = begin_add();
  if (!options_.error_type.empty()) wire::append_field(out, "event", options_.error_type);
  append_data(out, data);
  out.push_back('\n');
}

SSE_DECL void SenderCore::set_due() {
  if (settled_) return expire_at(CoarseTimer::never);
  const auto now = Clock::now();
  constexpr std::chrono::milliseconds longest{1'000};  // soon enough for a time-out
  if (writing_) {
    const std::chrono::milliseconds timeout = options_.stream.send_timeout;
    return expire_at(CoarseTimer::after(timeout.count() > 0 ? std::min(timeout, longest) : longest, now));
  }
  const auto idle = CoarseTimer::after(options_.stream.keep_alive, now);
  if (head_sent_) return expire_at(idle);
  expire_at(options_.interim_responses && has_interim_ ? std::min(head_due_, idle) : head_due_);
}

SSE_DECL void SenderCore::post_time(CoarseTimer::Owners& owners) noexcept {
  auto self = weak_from_this().lock();
  if (!self) return;
  owners.keep(self);
  post(executor_, [self = std::move(self)] { self->on_time(); });
}

SSE_DECL void SenderCore::on_time() {
  if (settled_ || !expired()) return;
  if (dead_ || (final_ && !writing_)) return settle();
  if (writing_) return look_at_peer();
  if (!producing_) return set_due();
  if (!head_sent_ && Clock::now() < head_due_) {
    if (!options_.interim_responses || !has_interim_) return set_due();
    std::string interim = "HTTP/1.1 102 Processing\r\n\r\n";
    return write(interim, 0, false);
  }
  begun_ = true;
  wire::append_comment(begin_add(), "keep-alive");
  flush();
}

/// Gives the peer up that has taken no byte for the send time-out. The bytes that its system takes count, because a
/// full socket becomes writable only when a good part of its buffer is free.
SSE_DECL void SenderCore::look_at_peer() {
  const auto now = Clock::now();
  const int left = untaken();
  if (std::exchange(untaken_, left) > left) progress_ = now;
  const std::chrono::milliseconds timeout = options_.stream.send_timeout;
  if (timeout.count() > 0 && now - progress_ >= timeout) return lose_peer();
  set_due();
}

/// Completes `run` once the producer has ended, nothing is to be written, and each operation has come back. Until then
/// they are cancelled with each tick, because between two steps of a composed operation there is nothing to cancel.
SSE_DECL void SenderCore::settle() {
  if (settled_ || (!dead_ && (!final_ || writing_))) return;
  if (pending_ != 0) {
    expire_at(Clock::now());
    return cancel_operations();
  }
  if (producing_) return;
  settled_ = true;
  expire_at(CoarseTimer::never);
  restore_stream();
  if (finished_) finished_->cancel();
}

SSE_DECL void SenderCore::tell() noexcept {
  try {
    if (changed_) changed_->cancel();
  } catch (...) {  // Asio's own cancel does not fail
  }
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
