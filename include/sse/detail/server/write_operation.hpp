// SPDX-License-Identifier: MIT
// The asynchronous operation behind write_events. It is a write loop that completes a handler.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/async/wait_operation.hpp"
#include "sse/detail/base/owned.hpp"
#include "sse/detail/gzip/event_chain.hpp"
#include "sse/detail/http1/response_text.hpp"
#include "sse/detail/net/coarse_timer.hpp"
#include "sse/detail/net/lowest_layer.hpp"
#include "sse/detail/net/socket_options.hpp"
#include "sse/detail/server/event_writer.hpp"
#include "sse/detail/server/write_loop.hpp"
#include "sse/event_stream.hpp"
#include "sse/http_options.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The operation of `write_events`: a write loop that completes a handler.
template <class Stream, class Handler>
class WriteOperation final : public WriteLoop<WriteOperation<Stream, Handler>, Stream>,
                             public std::enable_shared_from_this<WriteOperation<Stream, Handler>> {
 public:
  using executor_type = asio::associated_executor_t<Handler, typename LowestLayer<Stream>::executor_type>;

  WriteOperation(Stream& stream, EventWriter::Times times, Handler&& handler)
      : stream_(stream),
        executor_(asio::get_associated_executor(handler, lowest_layer(stream).get_executor())),
        timer_(coarse_timer_of(executor_)),
        times_(times),
        handler_(std::move(handler)) {}
  ~WriteOperation() { timer_->remove(*this); }

  void start(EventStream&& events, std::string head, Owned<EventTap> tap) {
    auto slot = asio::get_associated_cancellation_slot(*handler_);
    if (slot.is_connected())
      slot.assign([weak = this->weak_from_this()](asio::cancellation_type type) {
        const auto alive = weak.lock();
        if (alive && type != asio::cancellation_type::none) alive->cancel_stream();
      });
    set_stream_options(lowest_layer(stream_), times_.send_timeout);
    WriteLoop<WriteOperation, Stream>::start(std::move(events), std::move(head), std::move(tap));
  }

  Stream& stream() noexcept { return stream_; }
  executor_type get_executor() const noexcept { return executor_; }
  EventWriter::Times times() const noexcept { return times_; }
  void join_timer() { timer_->add(*this, executor_); }
  CoarseTimer& timer() noexcept { return *timer_; }
  void time_is_up() { this->on_time(); }
  auto keep() { return this->shared_from_this(); }
  auto keep_if_alive() noexcept { return this->weak_from_this().lock(); }
  void ended(bool cancelled) {
    const error_code result = cancelled ? asio::error::operation_aborted : error_code();
    Completion<Handler> completion{std::move(*handler_), result};
    handler_.reset();
    asio::post(executor_, std::move(completion));
  }

 private:
  Stream& stream_;
  const executor_type executor_;
  const std::shared_ptr<CoarseTimer> timer_;
  const EventWriter::Times times_;
  std::optional<Handler> handler_;
};

/// Starts a WriteOperation; with a constructor because g++ 12 destroys an aggregate temporary in an awaited call twice.
template <class Stream>
class InitiateWrite {
 public:
  using executor_type = typename LowestLayer<Stream>::executor_type;
  executor_type get_executor() const noexcept { return lowest_layer(stream_).get_executor(); }

  InitiateWrite(Stream& stream, EventStream&& events, const StreamOptions& options, Owned<EventTap> tap)
      : stream_(stream), events_(std::move(events)), options_(options), tap_(std::move(tap)) {}

  template <class Handler>
  void operator()(Handler&& handler) {
    const EventWriter::Times times{options_.keep_alive, options_.send_timeout};
    std::make_shared<WriteOperation<Stream, std::decay_t<Handler>>>(stream_, times, std::forward<Handler>(handler))
        ->start(std::move(events_), stream_start(options_), std::move(tap_));
  }

 private:
  Stream& stream_;
  EventStream events_;
  const StreamOptions& options_;
  Owned<EventTap> tap_;  ///< After events_, which keep its chain.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
