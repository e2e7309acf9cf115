// SPDX-License-Identifier: MIT
// The bodies of GzipDecoder. See gzip_decoder.hpp.

#pragma once

#include <zlib.h>

#include <memory>
#include <new>
#include <string>
#include <string_view>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/gzip/gzip_decoder.hpp"
#include "sse/error.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL GzipDecoder::~GzipDecoder() {
  if (stream_) inflateEnd(stream_);
  delete stream_;
}

SSE_DECL void GzipDecoder::feed(std::string_view bytes) {
  bytes_.erase(0, done_);
  done_ = 0;
  bytes_.append(bytes);
}

SSE_DECL void GzipDecoder::begin_member() {
  constexpr int only_gzip = 16 + MAX_WBITS;
  if (stream_) {
    if (inflateReset(stream_) != Z_OK) throw std::bad_alloc();
  } else {
    auto stream = std::make_unique<z_stream_s>();
    if (inflateInit2(stream.get(), only_gzip) != Z_OK) throw std::bad_alloc();
    stream_ = stream.release();
  }
  between_ = false;
}

SSE_DECL std::string_view GzipDecoder::decode() {
  while (done_ < bytes_.size() || more_) {
    if (between_) begin_member();
    stream_->next_in = reinterpret_cast<Bytef*>(bytes_.data() + done_);
    stream_->avail_in = static_cast<uInt>(bytes_.size() - done_);
    stream_->next_out = reinterpret_cast<Bytef*>(text_.data());
    stream_->avail_out = static_cast<uInt>(text_.size());
    const int result = inflate(stream_, Z_SYNC_FLUSH);
    done_ = bytes_.size() - stream_->avail_in;
    if (result == Z_MEM_ERROR) throw std::bad_alloc();
    const std::string_view text(text_.data(), text_.size() - stream_->avail_out);
    const bool broken = result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR;
    if (broken && text.empty())
      throw Error(errc::bad_response, std::string("The compressed stream is broken: ") +
                                          (stream_->msg ? stream_->msg : "it cannot be decoded"));
    between_ = result == Z_STREAM_END;
    more_ = broken || (stream_->avail_out == 0 && !between_);  // zlib says again that it is broken
    if (!text.empty()) return text;
    if (result == Z_BUF_ERROR) break;
  }
  return {};
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
