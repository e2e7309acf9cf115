// Lines out of a stream of bytes that comes in pieces of any size.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cast {

struct Line {
  std::size_t number;     // from 1
  std::size_t length;     // in bytes, without the line's end
  std::string_view text;  // empty where the line is too long
  bool too_long;
};

/// LF and CRLF end a line; a CR elsewhere belongs to it. Never holds more than one line of `max_length` bytes: of a
/// longer one only the length is kept.
class LineSplitter {
 public:
  explicit LineSplitter(std::size_t max_length) : max_length_(max_length) {}

  template <class F>
  void feed(std::string_view bytes, F&& on_line) {
    for (;;) {
      const std::size_t end = bytes.find('\n');
      append(bytes.substr(0, end));
      if (end == std::string_view::npos) return;
      finish_line(on_line);
      bytes.remove_prefix(end + 1);
    }
  }

  /// The end of the input ends a line that has begun.
  template <class F>
  void finish(F&& on_line) {
    if (length_ > 0) finish_line(on_line);
  }

 private:
  void append(std::string_view part) {
    if (part.empty()) return;
    length_ += part.size();
    ends_with_cr_ = part.back() == '\r';
    if (length_ <= max_length_ + 1)  // one more: it may be the CR of a CRLF
      text_ += part;
  }

  template <class F>
  void finish_line(F&& on_line) {
    const std::size_t length = length_ - (ends_with_cr_ ? 1 : 0);
    const bool too_long = length > max_length_;
    const std::string_view text = too_long ? std::string_view() : std::string_view(text_).substr(0, length);
    on_line(Line{++number_, length, text, too_long});
    text_.clear();
    length_ = 0;
    ends_with_cr_ = false;
  }

  std::size_t max_length_;
  std::string text_;
  std::size_t length_ = 0;
  std::size_t number_ = 0;
  bool ends_with_cr_ = false;
};

}  // namespace cast
