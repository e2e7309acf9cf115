// SPDX-License-Identifier: MIT
// The bodies of detail/http1/body_reader.hpp. src.hpp compiles them once; else the header includes them.

#pragma once

#include <string>
#include <string_view>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http1/body_reader.hpp"
#include "sse/detail/http1/head_parser.hpp"
#include "sse/headers.hpp"
#include "sse/http_error.hpp"
#include "sse/http_options.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

inline HttpError body_too_large(std::size_t max_size) {
  return HttpError(413, "The body is longer than " + std::to_string(max_size) + " bytes");
}

SSE_DECL BodyReader::BodyReader(const Request& request, const BodyLimits& limits)
    : decoder_(request.chunked, request.content_length), max_size_(limits.max_size) {
  if (!request.chunked && request.content_length.value_or(0) > max_size_) throw body_too_large(max_size_);
  const std::string* const expectation = request.minor_version > 0 ? request.header("Expect") : nullptr;
  if (expectation && !same_name(*expectation, "100-continue"))
    throw HttpError(417, "The only expectation that is supported is 100-continue");
  feed(request.rest);
  expects_continue_ = expectation && request.rest.empty() && !done();
}

SSE_DECL void BodyReader::feed(std::string_view bytes) {
  try {
    decoder_.feed(bytes, [this](std::string_view part) {
      if (part.size() > max_size_ - body_.size()) throw body_too_large(max_size_);
      body_.append(part);
    });
    if (decoder_.left() > max_size_ - body_.size()) throw body_too_large(max_size_);  // a chunk that is announced
  } catch (const BadHead& bad) {
    throw HttpError(400, bad.what());
  }
}

SSE_DECL HttpError body_timeout(const BodyLimits& limits) {
  return HttpError(408, "The body did not arrive within " + std::to_string(limits.timeout.count()) + " ms");
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
