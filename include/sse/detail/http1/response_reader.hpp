// SPDX-License-Identifier: MIT
// Parses a response: its status line and its body, chunked or not. The client and the test kit use it, and a request's
// body is decoded by it.

#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "sse/detail/http1/head_parser.hpp"
#include "sse/headers.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The head of a response, and its status.
struct ResponseHead {
  ResponseHead(std::size_t max_size, std::size_t max_headers) : parser(max_size, max_headers) {}

  HeadParser parser;
  unsigned status = 0;

  /// Takes a status line (RFC 9112, 4). Throws BadHead.
  void take_status_line(std::string_view line) {
    const bool good = line.size() >= 12 && line.starts_with("HTTP/1.") && is_digit(line[7]) && line[8] == ' ' &&
                      std::all_of(line.begin() + 9, line.begin() + 12, is_digit) &&
                      (line.size() == 12 || line[12] == ' ') && line[9] >= '1' && line[9] <= '5';
    if (!good) throw BadHead(502, "The answer does not begin with a status line of HTTP/1.1");
    std::from_chars(line.data() + 9, line.data() + 12, status);
  }
};

/// Whether a Content-Encoding is `coding` alone. (`x-gzip` is `gzip`: RFC 9110, 8.4.1.3.)
inline bool is_coding(std::string_view content_encoding, std::string_view coding) noexcept {
  return same_name(content_encoding, coding) || (coding == "gzip" && same_name(content_encoding, "x-gzip"));
}

/// The reason why a response with status 200 is not a stream of events (WHATWG HTML, 9.2.3). Empty: it is one. Throws
/// BadHead. `decodable`: a Content-Encoding that it may have. Empty: none.
inline std::string content_type_error(const HeadParser& head, std::string_view decodable = {}) {
  const std::string* const type = head.unique_header("Content-Type");
  if (!type || !same_name(trimmed(std::string_view(*type).substr(0, type->find(';'))), "text/event-stream"))
    return "with Content-Type " + (type ? *type : "none") + ", and not text/event-stream";
  const std::string* const coding = find_header(head.headers(), "Content-Encoding");
  const bool can_decode = coding && !decodable.empty() && is_coding(*coding, decodable);
  if (coding && !coding->empty() && !same_name(*coding, "identity") && !can_decode)
    return "with Content-Encoding " + *coding + ", and not identity";
  return {};
}

/// Decodes the body of an HTTP/1.1 message from the bytes after its head (RFC 9112, 6.3 and 7.1): chunked, of a given
/// length, or until the peer closes. Chunk extensions and trailers are read over. It holds at most one line.
class BodyDecoder {
 public:
  static constexpr std::size_t max_line_size = 4096;      ///< of a chunk's size and extensions, or of a trailer
  static constexpr std::size_t max_trailer_size = 16384;  ///< of all trailers

  /// Throws BadHead for a head that is ambiguous.
  explicit BodyDecoder(const HeadParser& head)
      : chunked_(head.chunked()), until_close_(!chunked_ && !head.content_length()) {
    if (!chunked_) left_ = head.content_length().value_or(std::numeric_limits<std::uint64_t>::max());
    done_ = !chunked_ && left_ == 0;
  }

  /// The body of a request. It is empty without a length.
  BodyDecoder(bool chunked, std::optional<std::uint64_t> length)
      : chunked_(chunked),
        until_close_(false),
        done_(!chunked && length.value_or(0) == 0),
        left_(chunked ? 0 : length.value_or(0)) {}

  /// Calls `sink(std::string_view)` for each part of the body in `bytes`. Throws BadHead for a coding that is broken.
  template <class Sink>
  void feed(std::string_view bytes, Sink&& sink) {
    while (!done_ && !bytes.empty()) {
      if (left_ > 0) {
        const std::string_view part =
            bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())));
        bytes.remove_prefix(part.size());
        if (!until_close_) left_ -= part.size();
        done_ = !chunked_ && left_ == 0;
        sink(part);
        continue;
      }
      const std::string_view part = bytes.substr(0, bytes.find('\n'));
      if (line_.size() + part.size() > max_line_size)
        throw BadHead(502, "A line of the chunked body is longer than " + std::to_string(max_line_size) + " bytes");
      line_.append(part);
      if (part.size() == bytes.size()) return;
      bytes.remove_prefix(part.size() + 1);
      take_line();
      line_.clear();
    }
  }

  /// True: the whole body has been read. Always false for a body that ends when the peer closes.
  bool done() const noexcept { return done_; }
  bool until_close() const noexcept { return until_close_; }
  /// The bytes that have yet to come of the chunk, or of the body that is not chunked.
  std::uint64_t left() const noexcept { return left_; }

 private:
  enum class Next { size, end_of_data, trailer };

  void take_line() {
    if (!line_.ends_with('\r') || line_.find_first_of(std::string_view("\r\0", 2)) != line_.size() - 1)
      throw BadHead(502, "A line of the chunked body does not end with CR LF");
    line_.pop_back();
    if (next_ == Next::trailer) {
      done_ = line_.empty();
      trailer_size_ += line_.size();
      if (trailer_size_ > max_trailer_size)
        throw BadHead(502, "The trailers are longer than " + std::to_string(max_trailer_size) + " bytes");
    } else if (next_ == Next::end_of_data) {
      if (!line_.empty()) throw BadHead(502, "A chunk is longer than its size");
      next_ = Next::size;
    } else {
      const char* const end = line_.data() + line_.size();
      const auto [last, error] = std::from_chars(line_.data(), end, left_, 16);
      const std::string_view extension = trimmed({last, static_cast<std::size_t>(end - last)});
      if (error != std::errc() || !(extension.empty() || extension.starts_with(';')))
        throw BadHead(502, "The size of a chunk is not a hexadecimal number of at most 64 bits");
      next_ = left_ > 0 ? Next::end_of_data : Next::trailer;
    }
  }

  bool chunked_, until_close_, done_ = false;
  Next next_ = Next::size;
  std::uint64_t left_ = 0;
  std::string line_;
  std::size_t trailer_size_ = 0;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
