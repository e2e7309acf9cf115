// SPDX-License-Identifier: MIT
// Sends frames to a socket without waiting, and asks the system how much of them the peer has taken. It knows no stream
// of events.

#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/base/platform.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/batch.hpp"
#include "sse/detail/net/lowest_layer.hpp"
#include "sse/detail/net/tls_layer.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// A socket of Asio's own, which can be written and waited for without asynchronous operations of its stream. A layer
/// around it, such as TLS, needs those.
template <class Stream>
concept PlainSocket = requires(LowestLayer<Stream>& socket, const asio::const_buffer& buffer, error_code error) {
  requires !requires(Stream & stream) {
    stream.next_layer();
  };
  socket.non_blocking(true);
  socket.write_some(buffer, error);
  socket.async_wait(asio::socket_base::wait_read, [](error_code) {});
};

/// Equals std::allocator under another name. For std::allocator Asio recycles memory, and may keep a small operation
/// that waits for hours in the large block of an earlier one.
template <class T>
struct PlainAllocator : std::allocator<T> {
  PlainAllocator() = default;
  template <class U>
  PlainAllocator(const PlainAllocator<U>&) noexcept {}
};

inline bool is_would_block(error_code error) noexcept {
  return error == asio::error::would_block || error == asio::error::try_again;
}

/// Visits the frames without their first `skip` bytes.
template <class Visit>
void for_each_frame(const BatchPart& part, std::size_t skip, Visit&& visit) {
  for (std::size_t i = 0; i < part.size; ++i) {
    const asio::const_buffer& frame = part.frames()[i];
    const std::size_t cut = std::min(skip, frame.size());
    skip -= cut;
    if (cut < frame.size()) visit(frame + cut);
  }
}

/// The frames without their first `skip` bytes.
SSE_DECL std::vector<asio::const_buffer> frames_of(const BatchPart& part, std::size_t skip);

/// Sends `part` without its first `sent` bytes over TLS, as SocketSink::send does. Frames are gathered into records.
SSE_DECL void send_records(TlsLayer& tls, const BatchPart& part, std::size_t& sent, error_code& error);

#if defined(SSE_SENDMSG)
/// Sends the frames without their first `skip` bytes, at most Batch::max_size of them, with one call of the system, and
/// returns the number of bytes that it took. What is stored in a compressed stream may have more.
SSE_DECL std::size_t send_frames(int descriptor, const BatchPart& part, std::size_t skip, error_code& error) noexcept;
/// Sends bytes in one piece, likewise.
SSE_DECL std::size_t send_text(int descriptor, const void* text, std::size_t size, error_code& error) noexcept;
#endif

#if defined(SSE_SIOCOUTQ)
/// Bytes that the peer's system has not taken yet; 0: unknown.
SSE_DECL int count_untaken(int descriptor) noexcept;
#endif

/// Sends frames to a plain socket.
template <class Socket>
class SocketSink {
 public:
  explicit SocketSink(Socket& socket) noexcept : socket_(socket) {}

  /// Sends `part` without its first `sent` bytes, and adds the bytes that the system took to `sent`. If these are not
  /// all, there is an error: would_block and try_again mean that the system has no room.
  void send(const BatchPart& part, std::size_t& sent, error_code& error) {
    std::size_t left = part.bytes() - sent;
    while (left > 0 && !error) {
#if defined(SSE_SENDMSG)
      const std::size_t taken = send_frames(socket_.native_handle(), part, sent, error);
#else
      const std::size_t taken = part.size == 1 ? socket_.write_some(part.frames()[0] + sent, error)
                                               : socket_.write_some(frames_of(part, sent), error);
#endif
      sent += taken;
      left -= taken;
    }
  }

  /// Bytes that the peer's system has not taken yet. 0: the system cannot tell.
  int untaken() {
#if defined(SSE_SIOCOUTQ)
    return count_untaken(socket_.native_handle());
#else
    return 0;
#endif
  }

 private:
  Socket& socket_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/server/socket_sink.ipp"
#endif
