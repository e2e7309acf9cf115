#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// The `text/event-stream` writer (WHATWG HTML 9.2.5 and 9.2.6): whatever bytes come in, what goes out is UTF-8 and
/// can't leave its line.
namespace sse::wire {

/// One step of a UTF-8 decoder over non-empty `text`.
struct Utf8Step {
  std::size_t length;  ///< bytes of this step, at least 1
  bool valid;          ///< false: a browser decodes these bytes as one U+FFFD
};

/// The first code point of `text`, or the ill-formed bytes in its place, as the WHATWG Encoding Standard's UTF-8
/// decoder cuts them.
inline Utf8Step utf8_step(std::string_view text) noexcept {
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

/// Appends `text` as UTF-8: what is ill-formed becomes U+FFFD.
inline void append_utf8(std::string& out, std::string_view text) {
  while (!text.empty()) {
    std::size_t good = 0;
    Utf8Step step{0, true};
    while (good < text.size() && (step = utf8_step(text.substr(good))).valid) good += step.length;
    out.append(text.substr(0, good));
    text.remove_prefix(good);
    if (text.empty()) return;
    out.append("\xEF\xBF\xBD");
    text.remove_prefix(step.length);
  }
}

/// Appends `text` as UTF-8 on one line: CR, LF and NUL become spaces.
inline void append_line(std::string& out, std::string_view text) {
  const std::size_t begin = out.size();
  append_utf8(out, text);
  for (std::size_t i = begin; i < out.size(); ++i)
    if (out[i] == '\r' || out[i] == '\n' || out[i] == '\0') out[i] = ' ';
}

/// Appends the field `name: value`, its value on one line.
inline void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ");
  append_line(out, value);
  out.push_back('\n');
}

/// Appends a comment, which a reader ignores; the empty line after it keeps it from joining a frame.
inline void append_comment(std::string& out, std::string_view text) {
  out.append(": ");
  append_line(out, text);
  out.append("\n\n");
}

}  // namespace sse::wire
