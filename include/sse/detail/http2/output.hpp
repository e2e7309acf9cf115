// SPDX-License-Identifier: MIT
// The bytes that one turn of an HTTP/2 connection writes: frame headers, and references into batches of events.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/batch.hpp"
#include "sse/detail/net/tls_layer.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Bytes to write, in order. Long frames of events, and many at once, are not copied: the output keeps their batch.
class Output {
 public:
  /// `expected`: about as many bytes will be copied.
  explicit Output(std::size_t expected) { copied_.reserve(expected); }

  /// Bytes that have not been sent.
  std::size_t size() const noexcept { return size_; }

  void append(std::string_view bytes);
  /// Appends `size` bytes of the frames without their first `skip` bytes.
  void append(const BatchPart& part, std::size_t skip, std::size_t size);

  /// Sends to a socket without waiting, or to the TLS on it. If something is left, there is an error.
  template <class Socket>
  void send(Socket& socket, TlsLayer* tls, error_code& error) {
    while (size_ > 0 && !error) sent(tls ? send_record(*tls, error) : send_some(socket, error));
  }

 private:
  /// Bytes in a batch, or, where `data` is null, in `copied_`.
  struct Piece {
    const char* data;
    std::size_t offset, size;
  };

  template <class Socket>
  std::size_t send_some(Socket& socket, error_code& error) {
#if defined(SSE_SENDMSG)
    return send_pieces(socket.native_handle(), error);
#else
    return socket.write_some(pieces(), error);
#endif
  }
  const char* begin_of(const Piece& piece) const noexcept {
    return (piece.data ? piece.data : copied_.data()) + piece.offset;
  }
  void refer(const BatchPart& part, const char* data, std::size_t size);
  void sent(std::size_t bytes) noexcept;
  std::vector<asio::const_buffer> pieces() const;
  std::size_t send_pieces(int descriptor, error_code& error) noexcept;
  std::size_t send_record(TlsLayer& tls, error_code& error);

  std::string copied_;
  std::vector<Piece> pieces_;
  std::vector<IntrusivePtr<Batch>> batches_;
  std::size_t first_ = 0;  ///< The first piece that has not been sent.
  std::size_t size_ = 0;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/http2/output.ipp"
#endif
