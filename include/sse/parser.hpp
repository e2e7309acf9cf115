// SPDX-License-Identifier: MIT
// Parses the text of an event stream, exactly as WHATWG HTML, section 9.2, says. It needs no Asio.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "sse/version.hpp"
#include "sse/wire.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// One message of a stream, as a browser's MessageEvent has it: UTF-8, whatever bytes came.
struct Message {
  std::string type;           ///< "message" where the stream names none
  std::string data;           ///< its lines joined by LF
  std::string last_event_id;  ///< of this message, or of the last one before it that had an id

  friend bool operator==(const Message&, const Message&) = default;
};

/// What `Parser::feed` reports.
enum class ParserError {
  message_too_long = 1,  ///< a message passed the parser's max_message_size, and was skipped
};

/// The category of ParserError.
inline const std::error_category& parser_category() noexcept {
  struct Category final : std::error_category {
    const char* name() const noexcept override { return "sse.parser"; }
    std::string message(int value) const override {
      return value == static_cast<int>(ParserError::message_too_long)
                 ? "a message is longer than max_message_size and was skipped"
                 : "unknown error";
    }
  };
  static const Category category;
  return category;
}

/// For std::error_code's conversion.
inline std::error_code make_error_code(ParserError error) noexcept {
  return {static_cast<int>(error), parser_category()};
}

}  // namespace sse::inline SSE_ABI

template <>
struct std::is_error_code_enum<sse::ParserError> : std::true_type {};

namespace sse::inline SSE_ABI {

/// Reads `text/event-stream` as the bytes arrive, however they are cut (WHATWG HTML 9.2.5 and 9.2.6). It needs no Asio,
/// and so reports by `std::error_code` with Boost.Asio too. Not thread-safe.
///
/// A message is given out with the byte that ends it. What the end of a stream cuts is never given out.
/// The memory of the largest message so far is kept for the next ones, except what `on_message` moves away.
class Parser {
 public:
  /// `max_message_size`, in bytes, bounds what is held for one message: its decoded data, type and id together,
  /// complete or not. Comments and unknown fields may have any length: they are not held. 0 throws
  /// std::invalid_argument.
  explicit Parser(std::size_t max_message_size = 16 << 20) : max_message_size_(max_message_size) {
    if (max_message_size == 0) throw std::invalid_argument("sse::Parser: max_message_size must be at least 1, is 0");
  }

  /// Reads all of `bytes` and calls `on_message(Message&&)` for each message that they complete. A callback that takes
  /// nothing leaves the memory for the next message. It may ask the parser, but not feed, reset or destroy it.
  ///
  /// `ParserError::message_too_long`: at least one message passed the limit in these bytes. It is skipped to its end as
  /// if it had never been in the stream, and the next ones are read: go on. Its id does not move `last_event_id()`, so
  /// a reconnection before the next id asks for it again.
  ///
  /// What `on_message` throws comes out of here. Its message counts as read. The others that `bytes` complete are
  /// dropped as if they had never been in the stream, so that a reconnection asks for them again; the next feed goes on
  /// behind `bytes`. After std::bad_alloc of the parser's own, `reset` it.
  template <class OnMessage>
  std::error_code feed(std::string_view bytes, OnMessage&& on_message) {
    too_long_ = false;
    Input input(bytes);
    while (read_block(input)) {
      if (complete()) {
        try {
          on_message(std::move(message_));
        } catch (...) {
          do clear_block();
          while (read_block(input));
          throw;
        }
      }
      clear_block();
    }
    return too_long_ ? make_error_code(ParserError::message_too_long) : std::error_code();
  }

  /// The id that a reconnection sends as `Last-Event-ID`; empty: none. It has no CR, LF or NUL, unless it was set so.
  const std::string& last_event_id() const noexcept { return last_event_id_; }

  /// Sets the id to begin with. Not checked.
  void last_event_id(std::string id) noexcept { last_event_id_ = std::move(id); }

  /// The last reconnection time that the stream asked for, in a skipped message too. At most `milliseconds::max()`,
  /// which is more than a clock can add: cap it.
  std::optional<std::chrono::milliseconds> retry() const noexcept { return retry_; }

  /// A new connection begins: what is incomplete is discarded; `last_event_id` and `retry` stay.
  void reset() noexcept {
    clear_block();
    clear_line();
    bom_read_ = 0;
    after_cr_ = false;
  }

 private:
  static constexpr std::string_view bom = "\xEF\xBB\xBF";
  static constexpr std::size_t longest_name = 5;

  enum class Field : unsigned char { unnamed, data, event, id, retry, ignored };

  /// The bytes of one feed.
  struct Input {
    explicit Input(std::string_view bytes) : text(bytes) { find_lf(); }
    void find_lf() { lf = (std::min)(text.find('\n', at), text.size()); }  // <windows.h> has macros min and max

    /// Takes what the line has in this input; true: its end too.
    bool take_line(std::string_view& line, bool& ends_in_cr) {
      // The place of the LF is kept: to look for it anew after each CR would take quadratic time.
      if (lf < at) find_lf();
      line = text.substr(at, lf - at);
      const std::size_t cr = line.find('\r');
      ends_in_cr = cr != line.npos;
      line = line.substr(0, cr);
      at += line.size();
      if (at == text.size()) return false;
      ++at;
      return true;
    }

    std::string_view text;
    std::size_t at = 0, lf = 0;
  };

  /// Reads through the next empty line; false: `input` is used up before.
  bool read_block(Input& input) {
    read_bom(input);
    while (input.at < input.text.size()) {
      if (std::exchange(after_cr_, false) && input.text[input.at] == '\n') {
        ++input.at;
        continue;
      }
      std::string_view line;
      const bool ends = input.take_line(line, after_cr_);
      add_to_line(line);
      if (!ends) continue;
      if (field_ == Field::unnamed && name_.empty()) return true;
      end_line();
    }
    return false;
  }

  void read_bom(Input& input) {
    for (; bom_read_ < bom.size() && input.at < input.text.size(); ++bom_read_, ++input.at) {
      if (input.text[input.at] == bom[bom_read_]) continue;
      if (bom_read_ > 0) field_ = Field::ignored;  // a part of it begins a line, which no field's name does
      bom_read_ = bom.size();
      return;
    }
  }

  void add_to_line(std::string_view bytes) {
    if (field_ == Field::unnamed) {
      const std::string_view head = bytes.substr(0, longest_name + 1);
      const std::size_t colon = head.find(':');
      name_.append(head.substr(0, colon));
      if (colon == head.npos) {
        if (name_.size() > longest_name) field_ = Field::ignored;
        return;
      }
      begin_value();
      bytes.remove_prefix(colon + 1);
    }
    if (bytes.empty()) return;
    if (std::exchange(before_value_, false) && bytes.front() == ' ') bytes.remove_prefix(1);
    if (field_ == Field::retry)
      add_digits(bytes);
    else if (std::string* const value = held_value())
      decode(*value, bytes);
  }

  void begin_value() {
    before_value_ = true;
    if (name_ == "retry") {
      field_ = Field::retry;
      digits_ = -1;
    } else if (skipping_) {
      field_ = Field::ignored;
    } else if (name_ == "data") {
      field_ = Field::data;
      if (std::exchange(has_data_, true)) message_.data.push_back('\n');
    } else if (name_ == "event") {
      field_ = Field::event;
      message_.type.clear();
    } else if (name_ == "id") {
      field_ = Field::id;
    } else {
      field_ = Field::ignored;
    }
  }

  void end_line() {
    if (field_ == Field::unnamed) begin_value();
    if (std::string* const value = held_value()) {
      if (!partial_.empty()) value->append(wire::replacement);
      partial_.clear();
      skip_if_too_long(0);
    }
    if (field_ == Field::id && new_id_.find('\0') == new_id_.npos) {
      id_.swap(new_id_);
      has_id_ = true;
    }
    if (field_ == Field::retry && digits_ >= 0) retry_ = std::chrono::milliseconds(digits_);
    clear_line();
  }

  std::string* held_value() noexcept {
    return field_ == Field::data    ? &message_.data
           : field_ == Field::event ? &message_.type
           : field_ == Field::id    ? &new_id_
                                    : nullptr;
  }

  /// Appends `bytes` to `value` as UTF-8; a sequence that they end in waits in `partial_` for its rest.
  void decode(std::string& value, std::string_view bytes) {
    if (!partial_.empty()) {
      const std::size_t known = partial_.size();
      partial_.append(bytes.substr(0, 4 - known));
      const wire::Utf8Step step = wire::utf8_step(partial_);
      const bool cut = !step.valid && step.length == partial_.size();
      bytes.remove_prefix(step.length - known);
      if (!cut) {
        value.append(step.valid ? std::string_view(partial_).substr(0, step.length) : wire::replacement);
        partial_.clear();
      }
    }
    // Decoding never makes text shorter, so nothing is held past the limit and then measured.
    while (!skip_if_too_long(bytes.size()) && !bytes.empty()) {
      const std::size_t good = wire::utf8_length(bytes);
      value.append(bytes.substr(0, good));
      bytes.remove_prefix(good);
      if (bytes.empty()) return;
      const std::size_t bad = wire::utf8_step(bytes).length;
      if (bad == bytes.size())
        partial_ = bytes;
      else
        value.append(wire::replacement);
      bytes.remove_prefix(bad);
    }
  }

  void add_digits(std::string_view bytes) noexcept {
    constexpr std::int64_t most = (std::chrono::milliseconds::max)().count();
    for (const char c : bytes) {
      if (c < '0' || c > '9') {
        field_ = Field::ignored;
        return;
      }
      const std::int64_t digit = c - '0';
      digits_ = digits_ < 0 ? digit : digits_ > (most - digit) / 10 ? most : digits_ * 10 + digit;
    }
  }

  /// True: with `more` bytes the message passes the limit; it is dropped, and its rest will be.
  bool skip_if_too_long(std::size_t more) noexcept {
    if (message_.data.size() + message_.type.size() + id_.size() + new_id_.size() + partial_.size() + more <=
        max_message_size_)
      return false;
    clear_block();
    field_ = Field::ignored;
    skipping_ = too_long_ = true;
    return true;
  }

  /// An empty line has ended the block; true: it is a message.
  bool complete() {
    if (has_data_) {
      if (message_.type.empty()) message_.type = "message";
      message_.last_event_id = has_id_ ? id_ : last_event_id_;
    }
    if (has_id_) last_event_id_.swap(id_);
    return has_data_;
  }

  void clear_block() noexcept {
    message_.data.clear();
    message_.type.clear();
    id_.clear();
    has_data_ = has_id_ = skipping_ = false;
  }

  void clear_line() noexcept {
    field_ = Field::unnamed;
    name_.clear();
    new_id_.clear();
    partial_.clear();
  }

  std::size_t max_message_size_;
  std::string last_event_id_;
  std::optional<std::chrono::milliseconds> retry_;

  // The block up to the next empty line.
  Message message_;
  std::string id_;
  bool has_data_ = false, has_id_ = false;
  bool skipping_ = false;

  // The line.
  Field field_ = Field::unnamed;
  std::string name_;
  bool before_value_ = false;  // the next byte is the value's first, which may be the space to leave out
  std::string new_id_;         // of an `id` line: it counts when the line ends without a NUL in it
  std::int64_t digits_ = -1;   // of a `retry` line; -1: none yet
  std::string partial_;        // at most 3 bytes of UTF-8

  std::size_t bom_read_ = 0;
  bool after_cr_ = false;  // a LF that comes next belongs to the CR
  bool too_long_ = false;
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
