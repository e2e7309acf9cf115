// SPDX-License-Identifier: MIT
// One answer of answer_events, without its stream: the frames that wait, the head, the producer and the end.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sse/answer_options.hpp"
#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/net/coarse_timer.hpp"
#include "sse/http_error.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Appends a `data:` field for each line of `data`.
SSE_DECL void append_data(std::string& out, std::string_view data);

/// The state of one answer. All of it runs on its executor. Its pending operations and its producer keep it alive; a
/// class that knows the stream derives from it.
class SenderCore : public CoarseTimer::Deadline, public std::enable_shared_from_this<SenderCore> {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t max_gathered = 16 * 1024;  ///< Bytes of frames past which a send waits.

  SenderCore(const Request& request, AnswerOptions&& options);
  SenderCore(const SenderCore&) = delete;
  SenderCore& operator=(const SenderCore&) = delete;

  /// Runs the answer to its end, on the executor of the awaiting coroutine.
  static asio::awaitable<AnswerEnd> run(std::shared_ptr<SenderCore> self);

  // For the sender:
  bool is_closed() const noexcept { return dead_ || drained_ || finishing_; }
  bool has_room() const noexcept { return waiting_bytes() < max_gathered; }
  bool all_sent() const noexcept { return waiting_bytes() == 0 && !writing_; }
  /// Waits for room, or for the answer's end.
  asio::awaitable<void> wait_for_room();
  /// Waits for the answer's end, and does not throw for it.
  asio::awaitable<void> wait_for_end();
  /// Waits for the next change of the state.
  asio::awaitable<void> wait_for_change();
  /// The text to which the next frame is appended. `add_done` must follow.
  std::string& begin_add();
  void add_done();

  /// Ends the answer because `serve` is being stopped. From the answer's executor.
  void drain();

 protected:
  ~SenderCore();

  const asio::any_io_executor& executor() const noexcept { return executor_; }
  std::chrono::milliseconds send_timeout() const noexcept { return options_.stream.send_timeout; }
  asio::cancellation_slot producer_slot() noexcept { return cancel_producer_.slot(); }

  void on_written(error_code error, std::size_t size);
  void on_peer(error_code error, std::size_t size);
  void on_producer_done(std::exception_ptr failure);

 private:
  // The stream. A started operation ends with one of the functions above.
  virtual void start_producer() = 0;
  virtual void start_write(asio::const_buffer bytes) = 0;
  /// Returns the number of bytes that the system has taken without a wait. A failure is 0: the next `start_write` has
  /// it, too.
  virtual std::size_t write_now(asio::const_buffer bytes) noexcept = 0;
  virtual void start_watch() = 0;
  virtual void prepare_stream() = 0;
  virtual void restore_stream() noexcept = 0;
  virtual void cancel_operations() noexcept = 0;
  virtual void cut_stream() noexcept = 0;
  virtual int untaken() noexcept = 0;

  // Defined in the class, so that it is no key function.
  void on_deadline(CoarseTimer::Owners& owners) noexcept override { post_time(owners); }
  CoarseTimer& coarse_timer() noexcept override { return *timer_; }
  void post_time(CoarseTimer::Owners& owners) noexcept;
  void on_time();
  void look_at_peer();
  void set_due();

  void begin(const asio::any_io_executor& executor);
  asio::steady_timer& changed();
  std::size_t waiting_bytes() const noexcept { return frames_.size() - (frames_.empty() ? 0 : chunk_room().size()); }
  std::string_view chunk_room() const noexcept { return chunked_ ? "00000000\r\n" : ""; }
  std::size_t end_chunk();
  void post_flush();
  void flush(bool at_once = false);
  void write(std::string& text, std::size_t begin, bool at_once);
  void write_rest();
  void on_text_written();
  void watch();
  void lose_peer();
  void stop();
  void fail(const std::exception_ptr& failure);
  void add_error_event(const std::exception_ptr& failure, std::string_view message);
  void settle();
  void tell() noexcept;

  asio::any_io_executor executor_;      ///< Immutable once the answer runs.
  std::shared_ptr<CoarseTimer> timer_;  ///< Likewise.
  const AnswerOptions options_;         ///< Immutable.
  asio::cancellation_signal cancel_producer_;
  std::unique_ptr<asio::steady_timer> changed_;  ///< The producer's waits. Null: there was none yet.
  std::optional<asio::steady_timer> finished_;   ///< The wait of `run`.
  std::string frames_;                           ///< Frames that wait, after the room for their chunk's size.
  std::string text_;            ///< Bytes that are being written, and that the system has not taken at once.
  std::string response_;        ///< The answer with a status, in place of the stream.
  std::size_t sent_ = 0;        ///< Bytes of text_ that were sent.
  Clock::time_point progress_;  ///< The time at which the peer last took bytes.
  Clock::time_point head_due_ = CoarseTimer::never;
  int untaken_ = 0;                     ///< Bytes in the system's buffer, at the last check.
  std::uint32_t unexpected_bytes_ = 0;  ///< Bytes that the peer has sent after its request.
  std::uint16_t pending_ = 0;           ///< Operations on the stream that have not completed.
  AnswerEnd end_ = AnswerEnd::complete;
  const bool is_head_;         ///< The request is a HEAD.
  const bool has_interim_;     ///< The peer understands responses such as 102.
  const bool chunked_;         ///< The body is chunked.
  bool begun_ = false;         ///< An event was sent, or the head is due: no status is possible.
  bool head_sent_ = false;     ///< The head was written, or is being written.
  bool writing_ = false;       ///< text_ is being written.
  bool flush_posted_ = false;  ///< A flush is posted.
  bool producing_ = false;     ///< The producer runs.
  bool drained_ = false;       ///< `serve` is being stopped: nothing but the failure is sent.
  bool finishing_ = false;     ///< The last frame has been added.
  bool cut_ = false;           ///< After the last frame the body is cut.
  bool final_ = false;         ///< The end of the body was written, or is being written.
  bool dead_ = false;          ///< Nothing more is written.
  bool cancelled_ = false;     ///< By the caller.
  bool settled_ = false;       ///< The stream is of no more use.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/server/sender_core.ipp"
#endif
