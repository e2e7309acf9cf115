// SPDX-License-Identifier: MIT
// UTF-8 and the fields of an event stream. Everything that is written to a client passes through here.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

/// Writes `text/event-stream` (WHATWG HTML 9.2.5 and 9.2.6). The output is UTF-8 and stays on its line, for any input.
/// The functions share no state, and may be called from any thread.
namespace sse::inline SSE_ABI::wire {

/// One step of a UTF-8 decoder over non-empty `text`.
struct Utf8Step {
  std::size_t length;  ///< Bytes of this step, at least 1.
  bool valid;          ///< False: a browser decodes these bytes as one U+FFFD.
};

/// The first code point of `text`, or the ill-formed bytes in its place, as the WHATWG Encoding Standard's UTF-8
/// decoder cuts them.
Utf8Step utf8_step(std::string_view text) noexcept;

/// The number of bytes of well-formed UTF-8 that `text` begins with.
std::size_t utf8_length(std::string_view text) noexcept;

/// U+FFFD: a browser shows it in the place of ill-formed bytes.
inline constexpr std::string_view replacement = "\xEF\xBF\xBD";

/// Appends `text` as UTF-8. Ill-formed bytes become U+FFFD.
void append_utf8(std::string& out, std::string_view text);

/// Appends `text` as UTF-8 on one line: CR, LF and NUL become spaces.
void append_line(std::string& out, std::string_view text);

/// Appends the field `name: value`, its value on one line.
void append_field(std::string& out, std::string_view name, std::string_view value);

/// Appends a comment, which a reader ignores. The empty line after it keeps it from joining a frame.
void append_comment(std::string& out, std::string_view text);

}  // namespace sse::inline SSE_ABI::wire

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/frame/wire.ipp"
#endif
