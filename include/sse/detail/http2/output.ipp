// SPDX-License-Identifier: MIT
// The bodies of detail/http2/output.hpp. http2_src.hpp compiles them once; else the header includes them.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/base/platform.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/batch.hpp"
#include "sse/detail/http2/output.hpp"
#include "sse/detail/net/tls_layer.hpp"

#if defined(SSE_SENDMSG)
#include <cerrno>
#endif

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL void Output::append(std::string_view bytes) {
  if (bytes.empty()) return;
  if (!pieces_.empty() && !pieces_.back().data)
    pieces_.back().size += bytes.size();
  else
    pieces_.push_back({nullptr, copied_.size(), bytes.size()});
  copied_.append(bytes);
  size_ += bytes.size();
}

SSE_DECL void Output::append(const BatchPart& part, std::size_t skip, std::size_t size) {
  constexpr std::size_t long_enough = 256;  // a copy of fewer bytes costs less than a piece of its own
  if (size >= 4 * long_enough && part.bytes() < part.size * long_enough) {
    for (std::size_t i = 0; i < part.begin; ++i) skip += part.batch->frames()[i].size();
    return refer(part, part.batch->text() + skip, size);
  }
  for (std::size_t i = 0; i < part.size && size > 0; ++i) {
    asio::const_buffer frame = part.frames()[i];
    const std::size_t cut = std::min(skip, frame.size());
    skip -= cut;
    frame += cut;
    const std::string_view bytes(static_cast<const char*>(frame.data()), std::min(size, frame.size()));
    size -= bytes.size();
    if (bytes.size() < long_enough) {
      append(bytes);
      continue;
    }
    refer(part, bytes.data(), bytes.size());
  }
}

SSE_DECL void Output::refer(const BatchPart& part, const char* data, std::size_t size) {
  if (batches_.empty() || &*batches_.back() != &*part.batch) batches_.push_back(part.batch);
  pieces_.push_back({data, 0, size});
  size_ += size;
}

SSE_DECL void Output::sent(std::size_t bytes) noexcept {
  size_ -= bytes;
  while (bytes > 0) {
    Piece& piece = pieces_[first_];
    const std::size_t taken = std::min(bytes, piece.size);
    piece.offset += taken;
    piece.size -= taken;
    bytes -= taken;
    if (piece.size == 0) ++first_;
  }
}

SSE_DECL std::vector<asio::const_buffer> Output::pieces() const {
  std::vector<asio::const_buffer> buffers;
  for (std::size_t i = first_; i < pieces_.size(); ++i) buffers.emplace_back(begin_of(pieces_[i]), pieces_[i].size);
  return buffers;
}

#if defined(SSE_SENDMSG)
SSE_DECL std::size_t Output::send_pieces(int descriptor, error_code& error) noexcept {
  std::array<iovec, 512> pieces;
  std::size_t count = 0;
  for (std::size_t i = first_; i < pieces_.size() && count < pieces.size(); ++i)
    pieces[count++] = {const_cast<char*>(begin_of(pieces_[i])), pieces_[i].size};
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(count);
  ssize_t taken = 0;
  do {
    taken = ::sendmsg(descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (taken < 0 && errno == EINTR);
  if (taken >= 0) return static_cast<std::size_t>(taken);
  error.assign(errno, asio::error::get_system_category());
  return 0;
}
#endif

/// The bytes of a record are the same again after would_block, because nothing is appended meanwhile.
SSE_DECL std::size_t Output::send_record(TlsLayer& tls, error_code& error) {
  std::array<char, TlsLayer::max_record> record;
  std::size_t size = 0;
  for (std::size_t i = first_; i < pieces_.size() && size < record.size(); ++i) {
    const std::size_t more = std::min(pieces_[i].size, record.size() - size);
    std::memcpy(record.data() + size, begin_of(pieces_[i]), more);
    size += more;
  }
  return tls.write_some(asio::buffer(record.data(), size), error);
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
