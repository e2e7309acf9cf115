// SPDX-License-Identifier: MIT
// Asynchronous operations of a TLS layer over its socket, for every completion token.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/net/tls_layer.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The first bytes of a sequence of buffers, at most a record: in their place if one buffer has them all, else copied
/// to `storage`.
template <class Buffers>
asio::const_buffer first_record(const Buffers& buffers, std::array<char, TlsLayer::max_record>& storage) {
  asio::const_buffer only;
  std::size_t size = 0;
  for (auto at = asio::buffer_sequence_begin(buffers); at != asio::buffer_sequence_end(buffers); ++at) {
    const asio::const_buffer buffer(*at);
    if (buffer.size() == 0) continue;
    if (only.size() == 0) {
      only = buffer;
      if (only.size() >= storage.size()) break;
      continue;
    }
    if (size == 0) std::memcpy(storage.data(), only.data(), size = only.size());
    const std::size_t more = std::min(buffer.size(), storage.size() - size);
    std::memcpy(storage.data() + size, buffer.data(), more);
    size += more;
    if (size == storage.size()) break;
  }
  return size == 0 ? asio::const_buffer(asio::buffer(only, storage.size())) : asio::const_buffer(storage.data(), size);
}

/// One attempt of an operation.
struct TlsHandshake {
  static constexpr bool transfers = false, writes = false;

  std::size_t operator()(TlsLayer& layer, error_code& error) const noexcept {
    layer.handshake(error);
    return 0;
  }
};
template <class Buffers>
class TlsRead {
 public:
  static constexpr bool transfers = true, writes = false;

  explicit TlsRead(const Buffers& buffers) : buffers_(buffers) {}
  std::size_t operator()(TlsLayer& layer, error_code& error) const noexcept {
    for (auto at = asio::buffer_sequence_begin(buffers_); at != asio::buffer_sequence_end(buffers_); ++at)
      if (const asio::mutable_buffer buffer(*at); buffer.size() != 0) return layer.read_some(buffer, error);
    return 0;
  }
  const Buffers& buffers() const noexcept { return buffers_; }

 private:
  Buffers buffers_;
};
template <class Buffers>
class TlsWrite {
 public:
  static constexpr bool transfers = true, writes = true;

  explicit TlsWrite(const Buffers& buffers) : buffers_(buffers) {}
  std::size_t operator()(TlsLayer& layer, error_code& error) const noexcept {
    std::array<char, TlsLayer::max_record> storage;
    const asio::const_buffer record = first_record(buffers_, storage);
    return record.size() == 0 ? 0 : layer.write_some(record, error);
  }
  const Buffers& buffers() const noexcept { return buffers_; }

 private:
  Buffers buffers_;
};

/// Attempts, and waits for the socket, until the layer has done it. For asio::async_compose.
template <class Socket, class Attempt>
class TlsOperation {
 public:
  TlsOperation(Socket& socket, TlsLayer& layer, Attempt attempt)
      : socket_(socket), layer_(layer), attempt_(std::move(attempt)) {}

  template <class Self>
  void operator()(Self& self, error_code error = {}) {  // a failed wait, or none
    if (phase_ == Phase::done) return complete(self);
    if (error && Attempt::writes) layer_.abandon_write();
    if (!error) size_ = attempt_(layer_, error);
    if (error == asio::error::would_block || error == asio::error::try_again) {
      phase_ = Phase::waiting;
      return socket_.async_wait(layer_.wanted(), std::move(self));
    }
    error_ = error;
    if (phase_ == Phase::waiting) return complete(self);
    phase_ = Phase::done;
    asio::post(socket_.get_executor(), std::move(self));  // not within the call that has started it
  }

 private:
  enum class Phase : std::uint8_t { starting, waiting, done };

  template <class Self>
  void complete(Self& self) {
    if constexpr (Attempt::transfers)
      self.complete(error_, size_);
    else
      self.complete(error_);
  }

  Socket& socket_;
  TlsLayer& layer_;
  Attempt attempt_;
  Phase phase_ = Phase::starting;
  error_code error_;
  std::size_t size_ = 0;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
