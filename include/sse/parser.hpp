// SPDX-License-Identifier: MIT
// Parses the text of an event stream, exactly as WHATWG HTML, section 9.2, says. It needs no Asio.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include "sse/detail/base/enum_names.hpp"
#include "sse/detail/base/separate_compilation.hpp"
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

/// Reads `text/event-stream` as the bytes arrive, however they are cut (WHATWG HTML 9.2.5 and 9.2.6). It needs no Asio,
/// and so reports by `std::error_code` with Boost.Asio too. Not thread-safe.
///
/// A message is given out with the byte that ends it. A message that the end of a stream cuts is never given out. The
/// memory of the largest message so far is kept for the next ones, except the parts that `on_message` moves away.
class Parser {
 public:
  /// `max_message_size`, in bytes, bounds the bytes that are held for one message: its decoded data, type and id
  /// together, complete or not. Comments and unknown fields may have any length: they are not held. Throws
  /// std::invalid_argument for 0.
  explicit Parser(std::size_t max_message_size = 16 << 20);

  /// Reads all of `bytes` and calls `on_message(Message&&)` for each message that they complete. A callback that takes
  /// nothing leaves the memory for the next message. It may ask the parser, but not feed, reset or destroy it.
  ///
  /// Returns ParserError::message_too_long where at least one message passed the limit in these bytes. It is skipped to
  /// its end as if it had never been in the stream, and the next ones are read: go on. Its id does not move
  /// `last_event_id()`, so a reconnection before the next id asks for it again.
  ///
  /// An exception of `on_message` leaves the call. Its message counts as read. The others that `bytes` complete are
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
          skip_blocks(input);
          throw;
        }
      }
      clear_block();
    }
    return result();
  }

  /// The id that a reconnection sends as `Last-Event-ID`; empty: none. It has no CR, LF or NUL, unless it was set so.
  const std::string& last_event_id() const noexcept { return last_event_id_; }

  /// Sets the id to begin with. Not checked.
  void last_event_id(std::string id) noexcept { last_event_id_ = std::move(id); }

  /// The last reconnection time that the stream asked for, in a skipped message too. At most `milliseconds::max()`,
  /// which is more than a clock can add: cap it.
  std::optional<std::chrono::milliseconds> retry() const noexcept { return retry_; }

  /// The number of messages so far that passed the limit and were skipped. `on_message` may ask, to tell them in place.
  std::size_t skipped() const noexcept { return skipped_; }

  /// Begins a new connection: an incomplete message is discarded; `last_event_id` and `retry` stay.
  void reset() noexcept;

 private:
  enum class Field : unsigned char { unnamed, data, event, id, retry, ignored };

  /// The bytes of one feed.
  struct Input {
    explicit Input(std::string_view bytes) : text(bytes) { find_lf(); }
    void find_lf();
    /// Takes the part of the line that is in this input. True: its end is, too.
    bool take_line(std::string_view& line, bool& ends_in_cr);

    std::string_view text;
    std::size_t at = 0, lf = 0;
  };

  /// Reads through the next empty line; false: `input` is used up before.
  bool read_block(Input& input);
  /// Reads the rest of `input` as if it had no message.
  void skip_blocks(Input& input);
  void read_bom(Input& input);
  void add_to_line(std::string_view bytes);
  void begin_value();
  void end_line();
  std::string* held_value() noexcept;
  /// Appends `bytes` to `value` as UTF-8; a sequence that they end in waits in `partial_` for its rest.
  void decode(std::string& value, std::string_view bytes);
  void add_digits(std::string_view bytes) noexcept;
  /// True: with `more` bytes the message passes the limit; it is dropped, and its rest will be.
  bool skip_if_too_long(std::size_t more) noexcept;
  /// An empty line has ended the block; true: it is a message.
  bool complete();
  void clear_block() noexcept;
  void clear_line() noexcept;
  std::error_code result() const noexcept;

  std::size_t max_message_size_;
  std::size_t skipped_ = 0;
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
  bool too_long_ = false;  // a message of this feed was skipped
};

/// The errors of `Parser::feed`.
enum class ParserError {
  message_too_long = 1,  ///< a message passed the parser's max_message_size, and was skipped
};

/// The category of ParserError.
SSE_DECL const std::error_category& parser_category() noexcept;

/// Makes the std::error_code of a ParserError.
inline std::error_code make_error_code(ParserError error) noexcept {
  return {static_cast<int>(error), parser_category()};
}

}  // namespace sse::inline SSE_ABI

namespace sse::inline SSE_ABI::detail {

template <>
struct Names<ParserError> {
  static constexpr std::array<std::string_view, 2> all = {"success", "message_too_long"};
};

}  // namespace sse::inline SSE_ABI::detail

template <>
struct std::is_error_code_enum<sse::ParserError> : std::true_type {};

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/client/parser.ipp"
#endif
