// SPDX-License-Identifier: MIT
// The answer that the test kit's client reads, without a socket: its head, its messages or its text, and its fault.

#pragma once

#include <cstddef>
#include <deque>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http1/response_reader.hpp"
#include "sse/parser.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::testing::detail {

/// An answer, as far as it has come. It is checked as sse::Client checks it.
class Answer {
 public:
  /// `peer`: the name in error texts.
  explicit Answer(std::string peer) : peer_(std::move(peer)) {}

  /// Notes that the request was a HEAD: no body follows.
  void expect_no_body(bool none) noexcept { bodiless_ = none; }
  /// Takes bytes until `count` messages are available. Returns the number of bytes that it has used.
  std::size_t take(std::string_view bytes, std::size_t count);

  bool has_begun() const noexcept { return begun_; }
  bool has_head() const noexcept { return body_.has_value(); }
  /// True: more bytes may belong to the answer.
  bool can_grow() const noexcept { return !bad_ && !(body_ && body_->done()); }
  /// True: the end of the connection is the regular end of the answer.
  bool may_end() const noexcept { return body_ && (body_->until_close() || body_->done()); }
  /// Throws BadResponse if the answer breaks HTTP or the limits of a message.
  void rethrow_if_bad() const {
    if (bad_) std::rethrow_exception(bad_);
  }

  const sse::detail::ResponseHead& head() const noexcept { return *head_; }
  /// The reason why it is not a stream of events. Empty: it is one.
  const std::string& not_stream() const noexcept { return not_stream_; }
  /// The body of an answer that is not a stream.
  const std::string& text() const noexcept { return text_; }
  std::deque<Message>& messages() noexcept { return messages_; }
  const std::deque<Message>& messages() const noexcept { return messages_; }
  /// The first bytes behind the last message.
  const std::string& behind() const noexcept { return behind_; }
  const Parser& parser() const noexcept { return parser_; }

 private:
  /// Returns the number of bytes behind the head.
  std::size_t take_head(std::string_view bytes);
  void begin_body();
  void take_body(std::string_view part);

  const std::string peer_;
  bool bodiless_ = false, begun_ = false;
  std::optional<sse::detail::ResponseHead> head_;
  std::optional<sse::detail::BodyDecoder> body_;  ///< Empty until the head is complete.
  std::string not_stream_, text_;
  Parser parser_;
  std::deque<Message> messages_;
  std::string behind_;
  std::exception_ptr bad_;
};

}  // namespace sse::inline SSE_ABI::testing::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/testing/answer.ipp"
#endif
