// SPDX-License-Identifier: MIT
// The interface of a decoder for the body of an answer that has a Content-Encoding.

#pragma once

#include <string_view>

#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Decodes one body. It gives little text at a time, because a few bytes may stand for very many. Not thread-safe.
class ContentDecoder {
 public:
  ContentDecoder() = default;
  ContentDecoder(const ContentDecoder&) = delete;
  ContentDecoder& operator=(const ContentDecoder&) = delete;
  virtual ~ContentDecoder() = default;

  /// Takes bytes of the body.
  virtual void feed(std::string_view bytes) = 0;
  /// The next text, at most 16 KiB, valid until the next call. Empty: it needs more bytes. Throws Error for bytes that
  /// cannot be decoded.
  virtual std::string_view decode() = 0;
  /// True if the body may end here.
  virtual bool complete() const noexcept = 0;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
