// SPDX-License-Identifier: MIT
// The fields of an HTTP/2 response. Those of HTTP/1.1's connections are left out, and no value can break the block.

#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http1/response_text.hpp"
#include "sse/headers.hpp"
#include "sse/http_options.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The fields of one response.
class HeaderBlock {
 public:
  /// Those of a stream of events.
  explicit HeaderBlock(const StreamOptions& options);
  /// Those of a response.
  HeaderBlock(unsigned status, const Response& response);
  /// Those of a response of HTTP/1.1.
  HeaderBlock(unsigned status, const Headers& headers);

  /// The fields, which refer to this object.
  std::vector<nghttp2_nv> fields() const;

 private:
  struct Field {
    std::size_t name, value, end;  ///< Places in the text.
  };

  /// Adds a field in lower case. Ignores one that HTTP/2 does not have (RFC 9113, 8.2.2), and one that is no field.
  void add(std::string_view name, std::string_view value);
  void push(std::string_view name, std::string_view value);

  std::string text_;
  std::vector<Field> fields_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/http2/header_block.ipp"
#endif
