// SPDX-License-Identifier: MIT
// The bodies of event_sender.hpp. src.hpp compiles them once; else the header includes them.

#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/json_text.hpp"
#include "sse/detail/server/sender_core.hpp"
#include "sse/event_sender.hpp"
#include "sse/wire.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

SSE_DECL asio::awaitable<void> EventSender::send_message(std::string_view data) {
  return send_event({}, data);
}

SSE_DECL asio::awaitable<void> EventSender::send_event(std::string_view type, std::string_view data) {
  if (core_.is_closed() || !core_.has_room()) co_await core_.wait_for_room();
  std::string& out = core_.begin_add();
  if (has_id_) wire::append_field(out, "id", id_);
  has_id_ = false;
  if (!type.empty()) wire::append_field(out, "event", type);
  detail::append_data(out, data);
  out.push_back('\n');
  core_.add_done();
}

SSE_DECL asio::awaitable<void> EventSender::send_json(const nlohmann::json& value) {
  co_await send_event({}, detail::dump(value));
}

SSE_DECL asio::awaitable<void> EventSender::send_json(std::string_view type, const nlohmann::json& value) {
  co_await send_event(type, detail::dump(value));
}

SSE_DECL asio::awaitable<void> EventSender::send_comment(std::string_view text) {
  if (core_.is_closed() || !core_.has_room()) co_await core_.wait_for_room();
  wire::append_comment(core_.begin_add(), text);
  core_.add_done();
}

SSE_DECL asio::awaitable<void> EventSender::send_retry(std::chrono::milliseconds time) {
  if (core_.is_closed() || !core_.has_room()) co_await core_.wait_for_room();
  std::string& out = core_.begin_add();
  wire::append_field(out, "retry", std::to_string(time.count()));
  out.push_back('\n');
  core_.add_done();
}

SSE_DECL asio::awaitable<void> EventSender::flush() {
  while (!core_.is_closed() && !core_.all_sent()) co_await core_.wait_for_change();
  if (core_.is_closed()) co_await core_.wait_for_room();
}

SSE_DECL asio::awaitable<void> EventSender::closed() {
  return core_.wait_for_end();
}

SSE_DECL bool EventSender::is_closed() const noexcept {
  return core_.is_closed();
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
