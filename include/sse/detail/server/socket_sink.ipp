// SPDX-License-Identifier: MIT
// The bodies of detail/server/socket_sink.hpp. src.hpp compiles them once; else the header includes them.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/base/platform.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/batch.hpp"
#include "sse/detail/net/tls_layer.hpp"
#include "sse/detail/server/socket_sink.hpp"

#if defined(SSE_SENDMSG)
#include <cerrno>
#endif

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL std::vector<asio::const_buffer> frames_of(const BatchPart& part, std::size_t skip) {
  std::vector<asio::const_buffer> frames;
  for_each_frame(part, skip, [&](const asio::const_buffer& frame) { frames.push_back(frame); });
  return frames;
}

/// The first frames without their first `skip` bytes, at most a record: in their place if one frame fills it, else
/// copied to `storage`.
inline asio::const_buffer gather_record(const BatchPart& part, std::size_t skip,
                                        std::array<char, TlsLayer::max_record>& storage) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < part.size && size < storage.size(); ++i) {
    asio::const_buffer frame = part.frames()[i];
    const std::size_t cut = std::min(skip, frame.size());
    skip -= cut;
    frame += cut;
    if (frame.size() == 0) continue;
    if (size == 0 && (i + 1 == part.size || frame.size() >= storage.size())) return asio::buffer(frame, storage.size());
    const std::size_t more = std::min(frame.size(), storage.size() - size);
    std::memcpy(storage.data() + size, frame.data(), more);
    size += more;
  }
  return asio::buffer(storage.data(), size);
}

SSE_DECL void send_records(TlsLayer& tls, const BatchPart& part, std::size_t& sent, error_code& error) {
  std::array<char, TlsLayer::max_record> storage;
  for (std::size_t left = part.bytes() - sent; left > 0 && !error;) {
    const std::size_t taken = tls.write_some(gather_record(part, sent, storage), error);
    sent += taken;
    left -= taken;
  }
}

#if defined(SSE_SENDMSG)
inline constexpr int send_flags = MSG_NOSIGNAL | MSG_DONTWAIT;

template <class Send>
std::size_t send_uninterrupted(Send&& send, error_code& error) noexcept {
  ssize_t taken = 0;
  do {
    taken = send();
  } while (taken < 0 && errno == EINTR);
  if (taken >= 0) return static_cast<std::size_t>(taken);
  error.assign(errno, asio::error::get_system_category());
  return 0;
}

SSE_DECL std::size_t send_text(int descriptor, const void* text, std::size_t size, error_code& error) noexcept {
  return send_uninterrupted([=] { return ::send(descriptor, text, size, send_flags); }, error);
}

SSE_DECL std::size_t send_frames(int descriptor, const BatchPart& part, std::size_t skip, error_code& error) noexcept {
  std::array<iovec, Batch::max_size> frames;
  std::size_t count = 0;
  for_each_frame(part, skip, [&](const asio::const_buffer& frame) {
    if (count != frames.size()) frames[count++] = {const_cast<void*>(frame.data()), frame.size()};
  });
  if (count == 1) return send_text(descriptor, frames[0].iov_base, frames[0].iov_len, error);
  msghdr message{};
  message.msg_iov = frames.data();
  message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(count);
  return send_uninterrupted([&] { return ::sendmsg(descriptor, &message, send_flags); }, error);
}
#endif

#if defined(SSE_SIOCOUTQ)
SSE_DECL int count_untaken(int descriptor) noexcept {
  int bytes = 0;
  return ::ioctl(descriptor, SSE_SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}
#endif

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
