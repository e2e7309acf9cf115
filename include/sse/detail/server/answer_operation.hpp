// SPDX-License-Identifier: MIT
// One answer of answer_events over its stream, with its producer.

#pragma once

#include <array>
#include <cstddef>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include "sse/answer_options.hpp"
#include "sse/config.hpp"
#include "sse/detail/net/lowest_layer.hpp"
#include "sse/detail/net/socket_options.hpp"
#include "sse/detail/server/sender_core.hpp"
#include "sse/detail/server/socket_sink.hpp"
#include "sse/event_sender.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The operation of `answer_events`.
template <class Stream, class Producer>
class AnswerOperation final : public SenderCore {
  static constexpr bool plain = PlainSocket<Stream>;
  static constexpr bool maybe_plain = plain || requires(Stream & stream) { stream.plain_socket(); };

 public:
  AnswerOperation(Stream& stream, const Request& request, AnswerOptions&& options, Producer&& producer)
      : SenderCore(request, std::move(options)), stream_(stream), producer_(std::move(producer)) {}

 private:
  auto self() { return std::static_pointer_cast<AnswerOperation>(shared_from_this()); }
  auto& socket() noexcept { return lowest_layer(stream_); }

  // The producer's coroutine may refer to its function, which the operation owns. The handler keeps the operation until
  // the coroutine's frame is gone.
  void start_producer() override {
    asio::co_spawn(
        executor(), [this]() -> asio::awaitable<void> { return producer_(sender_); },
        asio::bind_cancellation_slot(producer_slot(), [self = self()](std::exception_ptr failure) {
          self->on_producer_done(std::move(failure));
        }));
  }
  void start_write(asio::const_buffer bytes) override {
    stream_.async_write_some(
        bytes, asio::bind_executor(
                   executor(), [self = self()](error_code error, std::size_t size) { self->on_written(error, size); }));
  }
  /// The socket, if bytes go through it as they are. Null: through a layer over it, such as TLS.
  auto* plain_socket() noexcept {
    if constexpr (plain)
      return &socket();
    else if constexpr (requires { stream_.plain_socket(); })
      return stream_.plain_socket();
    else
      return static_cast<LowestLayer<Stream>*>(nullptr);
  }

  std::size_t write_now(asio::const_buffer bytes) noexcept override {
    std::size_t size = 0;
    if constexpr (maybe_plain) {
      error_code error;
      if (auto* const plain_one = plain_socket()) size = plain_one->write_some(bytes, error);
      if constexpr (!plain) {
        if (size > 0) stream_.written_ = true;
      }
      if (error) return 0;
    }
    return size;
  }
  void start_watch() override {
    if constexpr (maybe_plain) {
      if (auto* const plain_one = plain_socket())
        return plain_one->async_wait(
            asio::socket_base::wait_read,
            asio::bind_executor(executor(), [self = self()](error_code error) { self->read(error); }));
    }
    if constexpr (!plain) {
      if (!read_buffer_) read_buffer_ = std::make_unique<std::array<char, 512>>();
      stream_.async_read_some(asio::buffer(*read_buffer_),
                              asio::bind_executor(executor(), [self = self()](error_code error, std::size_t size) {
                                self->on_peer(error, size);
                              }));
    }
  }
  /// Reads what a plain socket has.
  void read(error_code error) {
    std::array<char, 4096> ignored;
    std::size_t size = 0;
    if constexpr (maybe_plain) {
      if (!error) size = plain_socket()->read_some(asio::buffer(ignored), error);
    }
    on_peer(is_would_block(error) ? error_code() : error, size);
  }
  void prepare_stream() override {
    if constexpr (requires { stream_.on_stopping(nullptr); }) {
      stream_.on_stopping([self = std::weak_ptr<AnswerOperation>(self()), executor = executor()] {
        asio::post(executor, [self] {
          if (const auto operation = self.lock()) operation->drain();
        });
      });
    }
    set_stream_options(socket(), send_timeout());
    if constexpr (maybe_plain) {
      error_code ignored;
      auto* const plain_one = plain_socket();
      was_non_blocking_ = !plain_one || plain_one->non_blocking();
      if (!was_non_blocking_) plain_one->non_blocking(true, ignored);
    }
  }
  void restore_stream() noexcept override {
    if constexpr (requires { stream_.on_stopping(nullptr); }) stream_.on_stopping(nullptr);
    if constexpr (maybe_plain) {
      error_code ignored;
      if (!was_non_blocking_) socket().non_blocking(false, ignored);
    }
  }
  void cancel_operations() noexcept override {
    error_code ignored;
    socket().cancel(ignored);
  }
  void cut_stream() noexcept override {
    error_code ignored;
    socket().shutdown(asio::socket_base::shutdown_both, ignored);
  }
  int untaken() noexcept override {
    if constexpr (maybe_plain) {
      if (auto* const plain_one = plain_socket()) return SocketSink(*plain_one).untaken();
    }
    return 0;
  }

  struct Nothing {};

  Stream& stream_;
  Producer producer_;
  EventSender sender_{*this};
  bool was_non_blocking_ = true;
  [[no_unique_address]] std::conditional_t<plain, Nothing, std::unique_ptr<std::array<char, 512>>> read_buffer_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
