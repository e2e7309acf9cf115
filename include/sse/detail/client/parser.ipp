// SPDX-License-Identifier: MIT
// The bodies of Parser: WHATWG HTML 9.2.5 and 9.2.6, bounded and in pieces. They need no Asio.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "sse/parser.hpp"
#include "sse/wire.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

inline constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
inline constexpr std::size_t longest_field_name = 5;

class ParserCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "sse.parser"; }
  std::string message(int value) const override {
    return value == static_cast<int>(ParserError::message_too_long)
               ? "a message is longer than max_message_size and was skipped"
               : "unknown error";
  }
};

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

SSE_DECL const std::error_category& parser_category() noexcept {
  // Never destroyed: a thread may still hold an error while the process ends.
  alignas(detail::ParserCategory) static unsigned char place[sizeof(detail::ParserCategory)];
  static const std::error_category& category = *new (place) detail::ParserCategory;
  return category;
}

SSE_DECL Parser::Parser(std::size_t max_message_size) : max_message_size_(max_message_size) {
  if (max_message_size == 0) throw std::invalid_argument("sse::Parser: max_message_size must be at least 1, is 0");
}

SSE_DECL void Parser::reset() noexcept {
  clear_block();
  clear_line();
  bom_read_ = 0;
  after_cr_ = false;
}

SSE_DECL void Parser::Input::find_lf() {
  lf = (std::min)(text.find('\n', at), text.size());  // <windows.h> has macros min and max
}

SSE_DECL bool Parser::Input::take_line(std::string_view& line, bool& ends_in_cr) {
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

SSE_DECL bool Parser::read_block(Input& input) {
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

SSE_DECL void Parser::skip_blocks(Input& input) {
  do clear_block();
  while (read_block(input));
}

SSE_DECL void Parser::read_bom(Input& input) {
  constexpr std::string_view bom = detail::byte_order_mark;
  for (; bom_read_ < bom.size() && input.at < input.text.size(); ++bom_read_, ++input.at) {
    if (input.text[input.at] == bom[bom_read_]) continue;
    if (bom_read_ > 0) field_ = Field::ignored;  // a part of it begins a line, which no field's name does
    bom_read_ = bom.size();
    return;
  }
}

SSE_DECL void Parser::add_to_line(std::string_view bytes) {
  if (field_ == Field::unnamed) {
    const std::string_view head = bytes.substr(0, detail::longest_field_name + 1);
    const std::size_t colon = head.find(':');
    name_.append(head.substr(0, colon));
    if (colon == head.npos) {
      if (name_.size() > detail::longest_field_name) field_ = Field::ignored;
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

SSE_DECL void Parser::begin_value() {
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

SSE_DECL void Parser::end_line() {
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

SSE_DECL std::string* Parser::held_value() noexcept {
  return field_ == Field::data    ? &message_.data
         : field_ == Field::event ? &message_.type
         : field_ == Field::id    ? &new_id_
                                  : nullptr;
}

SSE_DECL void Parser::decode(std::string& value, std::string_view bytes) {
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

SSE_DECL void Parser::add_digits(std::string_view bytes) noexcept {
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

SSE_DECL bool Parser::skip_if_too_long(std::size_t more) noexcept {
  if (message_.data.size() + message_.type.size() + id_.size() + new_id_.size() + partial_.size() + more <=
      max_message_size_)
    return false;
  clear_block();
  field_ = Field::ignored;
  skipping_ = too_long_ = true;
  ++skipped_;
  return true;
}

SSE_DECL bool Parser::complete() {
  if (has_data_) {
    if (message_.type.empty()) message_.type = "message";
    message_.last_event_id = has_id_ ? id_ : last_event_id_;
  }
  if (has_id_) last_event_id_.swap(id_);
  return has_data_;
}

SSE_DECL void Parser::clear_block() noexcept {
  message_.data.clear();
  message_.type.clear();
  id_.clear();
  has_data_ = has_id_ = skipping_ = false;
}

SSE_DECL void Parser::clear_line() noexcept {
  field_ = Field::unnamed;
  name_.clear();
  new_id_.clear();
  partial_.clear();
}

SSE_DECL std::error_code Parser::result() const noexcept {
  return too_long_ ? make_error_code(ParserError::message_too_long) : std::error_code();
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
