// SPDX-License-Identifier: MIT
// The bodies of sse::Client. They only forward to the state that a client shares with its reader.

#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "sse/client.hpp"
#include "sse/detail/client/reader.hpp"
#include "sse/detail/client/state.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

SSE_DECL Client::Client(std::string_view url, ClientOptions options)
    : state_(std::make_shared<detail::ClientState>(url, std::move(options))) {}

SSE_DECL Client& Client::operator=(Client&& other) noexcept {
  Client old(std::move(other));
  std::swap(state_, old.state_);
  return *this;
}

SSE_DECL Client::~Client() {
  if (state_) state_->close();
}

SSE_DECL asio::awaitable<std::optional<Message>> Client::next() {
  return detail::ClientState::next(state_);
}

SSE_DECL void Client::reconnect_now() noexcept {
  if (state_->reader) state_->reader->reconnect_now();
}

SSE_DECL void Client::close() noexcept {
  state_->close();
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
