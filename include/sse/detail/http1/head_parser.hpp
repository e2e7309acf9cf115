// SPDX-License-Identifier: MIT
// Parses the lines of an HTTP/1.1 head, bounded and strict (RFC 9112). Requests and responses share it.

#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "sse/headers.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// A head that is not as RFC 9112 says; `status` is what a server answers to it.
struct BadHead : std::runtime_error {
  BadHead(unsigned code, const std::string& why) : std::runtime_error(why), status(code) {}
  unsigned status;
};

/// The head of an HTTP/1.x message, line by line as it comes (RFC 9112), bounded and strict: what two parsers could
/// read in two ways is an error. The start line is the caller's.
class HeadParser {
 public:
  HeadParser(std::size_t max_size, std::size_t max_headers) : max_size_(max_size), max_headers_(max_headers) {}

  /// Takes the next bytes; true: the head is complete. Throws BadHead, or what `take_start_line(std::string_view)`
  /// throws.
  template <class TakeStartLine>
  bool feed(std::string_view bytes, TakeStartLine&& take_start_line) {
    rest_.append(bytes);
    for (; scanned_ < rest_.size(); ++scanned_) {
      if (consumed_ + scanned_ >= max_size_)
        throw BadHead(started_ ? 431 : 414, "The head is longer than " + std::to_string(max_size_) + " bytes");
      const auto c = static_cast<unsigned char>(rest_[scanned_]);
      const bool after_cr = scanned_ > 0 && rest_[scanned_ - 1] == '\r';
      if (after_cr != (c == '\n')) throw BadHead(400, "A line must end with CR LF, and have neither of them elsewhere");
      if ((c < ' ' && c != '\t' && c != '\r' && c != '\n') || c == 0x7F)
        throw BadHead(400, "A control character in the head");
      if (c != '\n') continue;
      const std::string_view line = std::string_view(rest_).substr(0, scanned_ - 1);
      const bool complete = started_ && line.empty();
      if (started_ && !complete) take_header(line);
      if (!started_ && !line.empty()) {  // RFC 9112, 2.2: empty lines before the start line are ignored
        take_start_line(line);
        started_ = true;
      }
      consumed_ += scanned_ + 1;
      rest_.erase(0, scanned_ + 1);
      if (complete) return true;
      scanned_ = std::string::npos;  // 0 after the loop's step
    }
    return false;
  }

  Headers& headers() noexcept { return headers_; }
  const Headers& headers() const noexcept { return headers_; }
  /// What came after the head.
  std::string& rest() noexcept { return rest_; }
  const std::string& rest() const noexcept { return rest_; }

  /// The header of that name, of which there may be one only; or null.
  const std::string* unique_header(std::string_view name) const {
    const std::string* found = nullptr;
    for (const auto& [key, value] : headers_)
      if (same_name(key, name) && std::exchange(found, &value))
        throw BadHead(400, "There are two headers " + std::string(name));
    return found;
  }

  /// The body's length where it is told (RFC 9112, 6.2). Throws BadHead.
  std::optional<std::uint64_t> content_length() const {
    const std::string* const text = unique_header("Content-Length");
    if (!text) return std::nullopt;
    if (text->empty() || !std::all_of(text->begin(), text->end(), is_digit))
      throw BadHead(400, "Content-Length is not a number");
    std::uint64_t value = 0;
    if (std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc())
      throw BadHead(413, "Content-Length is larger than a body can be");
    return value;
  }

  /// Whether the body is chunked, which is the only transfer coding understood (RFC 9112, 6.1). Throws BadHead.
  bool chunked() const {
    const std::string* const coding = unique_header("Transfer-Encoding");
    if (!coding) return false;
    if (find_header(headers_, "Content-Length")) throw BadHead(400, "There are Content-Length and Transfer-Encoding");
    if (same_name(*coding, "chunked")) return true;
    for (std::string_view rest = *coding; !rest.empty();) {
      std::string_view one = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(one.size() + 1, rest.size()));
      one = trimmed(one);
      if (same_name(one, "chunked")) break;
      if (!one.empty()) throw BadHead(501, "The only transfer coding understood here is chunked");
    }
    throw BadHead(400, "The last transfer coding, and no other, must be chunked");
  }

 private:
  void take_header(std::string_view line) {
    if (line.front() == ' ' || line.front() == '\t') throw BadHead(400, "A header line that begins with white space");
    if (headers_.size() == max_headers_)
      throw BadHead(431, "There are more than " + std::to_string(max_headers_) + " headers");
    const std::size_t colon = line.find(':');
    if (colon == line.npos || !is_token(line.substr(0, colon))) throw BadHead(400, "A header line must be NAME: VALUE");
    headers_.emplace_back(line.substr(0, colon), trimmed(line.substr(colon + 1)));
  }

  const std::size_t max_size_, max_headers_;
  Headers headers_;
  std::string rest_;
  std::size_t scanned_ = 0;
  std::size_t consumed_ = 0;
  bool started_ = false;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
