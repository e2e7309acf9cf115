// SPDX-License-Identifier: MIT
// The bodies of wire.hpp.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "sse/detail/base/find_control.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/version.hpp"
#include "sse/wire.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::wire {

SSE_DECL Utf8Step utf8_step(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {1, true};
  std::size_t needed = 0;
  unsigned char lowest = 0x80, highest = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    needed = 1;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    needed = 2;
    if (lead == 0xE0) lowest = 0xA0;
    if (lead == 0xED) highest = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    needed = 3;
    if (lead == 0xF0) lowest = 0x90;
    if (lead == 0xF4) highest = 0x8F;
  } else {
    return {1, false};
  }
  for (std::size_t i = 1; i <= needed; ++i) {
    if (i == text.size() || byte(i) < lowest || byte(i) > highest) return {i, false};
    lowest = 0x80;
    highest = 0xBF;
  }
  return {needed + 1, true};
}

SSE_DECL std::size_t utf8_length(std::string_view text) noexcept {
  std::size_t length = 0;
  while (length < text.size()) {
    std::uint64_t block = 0;
    if (text.size() - length >= sizeof block) {
      std::memcpy(&block, text.data() + length, sizeof block);
      if ((block & 0x8080808080808080) == 0) {
        length += sizeof block;
        continue;
      }
    }
    const Utf8Step step = utf8_step(text.substr(length));
    if (!step.valid) break;
    length += step.length;
  }
  return length;
}

SSE_DECL void append_utf8(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t good = utf8_length(text);
    out.append(text.substr(0, good));
    text.remove_prefix(good);
    if (text.empty()) return;
    out.append(replacement);
    text.remove_prefix(utf8_step(text).length);
  }
}

SSE_DECL void append_line(std::string& out, std::string_view text) {
  const std::size_t begin = out.size();
  append_utf8(out, text);
  for (std::size_t i = begin; (i = detail::find_line_break(out, i)) != out.npos;) out[i] = ' ';
}

SSE_DECL void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ");
  append_line(out, value);
  out.push_back('\n');
}

SSE_DECL void append_comment(std::string& out, std::string_view text) {
  out.append(": ");
  append_line(out, text);
  out.append("\n\n");
}

}  // namespace sse::inline SSE_ABI::wire

#include "sse/detail/base/pop_options.hpp"
