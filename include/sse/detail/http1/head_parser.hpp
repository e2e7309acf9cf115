// SPDX-License-Identifier: MIT
// Parses the lines of an HTTP/1.1 head, bounded and strict (RFC 9112). Requests and responses share it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/headers.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Thrown for a head that breaks RFC 9112 or a limit. `status`: the status of a server's answer.
struct BadHead : std::runtime_error {
  BadHead(unsigned code, const std::string& why) : std::runtime_error(why), status(code) {}
  unsigned status;
};

/// The head of an HTTP/1.x message, line by line as it arrives (RFC 9112), bounded and strict: a head that two parsers
/// could read in two ways is an error. The caller parses the start line. Its memory grows with the bytes that have
/// arrived.
class HeadParser {
 public:
  HeadParser(std::size_t max_size, std::size_t max_headers) : max_size_(max_size), max_headers_(max_headers) {}

  /// Takes the next bytes. True: the head is complete. Throws BadHead, and the exceptions of
  /// `take_start_line(std::string_view)`.
  template <class TakeStartLine>
  bool feed(std::string_view bytes, TakeStartLine&& take_start_line) {
    text_.append(bytes);
    while (const std::optional<std::string_view> line = next_line()) {
      if (started_) {
        if (take_header(*line)) return true;
      } else if (!line->empty()) {  // RFC 9112, 2.2: empty lines before the start line are ignored
        take_start_line(*line);
        headers_begin_ = line_begin_;
        started_ = true;
      }
    }
    return false;
  }

  /// The headers of a complete head.
  Headers& headers() noexcept { return headers_; }
  const Headers& headers() const noexcept { return headers_; }
  /// The bytes after a complete head.
  std::string& rest() noexcept { return text_; }
  const std::string& rest() const noexcept { return text_; }

  /// The header of that name, or null. Throws BadHead if there are several.
  const std::string* unique_header(std::string_view name) const;

  /// The body's length by Content-Length (RFC 9112, 6.2). Nullopt: there is none. Throws BadHead.
  std::optional<std::uint64_t> content_length() const;

  /// True if the body is chunked, the only transfer coding that is supported (RFC 9112, 6.1). Throws BadHead.
  bool chunked() const;

 private:
  std::optional<std::string_view> next_line();
  bool take_header(std::string_view line);
  void make_headers();

  const std::size_t max_size_, max_headers_;
  Headers headers_;
  std::string text_;               ///< The head. Once it is complete: the bytes after it.
  std::size_t scanned_ = 0;        ///< bytes of text_ that were looked at
  std::size_t line_begin_ = 0;     ///< of the line that is not complete
  std::size_t headers_begin_ = 0;  ///< of the first line after the start line
  std::size_t count_ = 0;          ///< header lines
  bool started_ = false;           ///< the start line has been taken
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/http1/head_parser.ipp"
#endif
