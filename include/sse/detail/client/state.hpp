// SPDX-License-Identifier: MIT
// What a client, its reading coroutine and its waiting step share. All of it runs on one executor.

#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "sse/client_options.hpp"
#include "sse/config.hpp"
#include "sse/error.hpp"
#include "sse/headers.hpp"
#include "sse/parser.hpp"
#include "sse/url.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// An answer, or a break in it, after which a new attempt may succeed.
struct Unavailable final : BadResponse {
  using BadResponse::BadResponse;
  std::chrono::milliseconds retry_after{0};
};

class ClientReader;

/// What a client, the coroutine that reads for it, and the step that waits for a message share. All of it is used on
/// one executor; what belongs to an execution context lives in the frames of these two coroutines.
struct ClientState : std::enable_shared_from_this<ClientState> {
  ClientState(std::string_view location, ClientOptions settings);

  const Url url;
  const ClientOptions options;
  Parser parser;
  std::deque<std::variant<Message, std::exception_ptr>> queue;
  bool ended = false;
  asio::steady_timer* step = nullptr;  ///< on which a step waits
  ClientReader* reader = nullptr;
  asio::cancellation_signal stop;  ///< the reader's

  void wake() noexcept {
    if (step) step->cancel();
  }
  void push(std::variant<Message, std::exception_ptr> item) {
    queue.push_back(std::move(item));
    wake();
  }
  void finish(const std::exception_ptr& error) {
    if (ended) return;
    if (error) push(error);
    ended = true;
    wake();
  }
  void close() noexcept;
  static asio::awaitable<std::optional<Message>> next(std::shared_ptr<ClientState> state);

  template <class Function, class... Arguments>
  static void tell(const Function& function, const Arguments&... arguments) noexcept {
    try {
      if (function) function(arguments...);
    } catch (...) {  // an observer's failure is not the stream's
    }
  }
};

inline ClientState::ClientState(std::string_view location, ClientOptions settings)
    : url(location), options(std::move(settings)), parser(options.max_message_size) {
  const auto check = [](bool good, const std::string& why) {
    if (!good) throw Error("sse: ClientOptions::" + why);
  };
  const auto is_text = [](std::string_view text) {
    return std::none_of(text.begin(), text.end(), [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 0x7F; });
  };
  constexpr std::string_view own[] = {"Accept-Encoding", "Connection", "Content-Length",    "Expect", "Host",
                                      "Last-Event-ID",   "TE",         "Transfer-Encoding", "Upgrade"};
  check(is_token(options.method), "method must be a token");
  check(is_text(options.last_event_id), "last_event_id must have no control characters");
  check(options.retry.count() >= 0 && options.max_retry.count() >= 0, "retry and max_retry must not be negative");
  check(options.connect != nullptr, "connect must be a function");
  for (const auto& [name, value] : options.headers) {
    check(is_token(name), "headers: a name must be a token");
    check(is_text(value), "headers: " + name + " must have no control characters");
    for (const std::string_view taken : own)
      check(!same_name(name, taken), "headers: " + name + " is set by the client");
  }
  parser.last_event_id(options.last_event_id);
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
