// SPDX-License-Identifier: MIT
// The bodies of EventManager. They pass every call to the hub or its publisher. See event_manager.hpp.

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/frame/json_text.hpp"
#include "sse/detail/hub/hub.hpp"
#include "sse/event_manager.hpp"
#include "sse/reason.hpp"
#include "sse/version.hpp"
#include "sse/wire.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

inline std::string_view or_default(std::string_view reason) noexcept {
  return reason.empty() ? "Disconnected by the server" : reason;
}

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

SSE_DECL EventManager::EventManager() : EventManager(Options()) {}

SSE_DECL EventManager::EventManager(Options options) : hub_(std::make_shared<detail::Hub>(std::move(options))) {
  hub_->start_log();
}

SSE_DECL EventManager::~EventManager() {
  hub_->stop_log();
  hub_->disconnect_all("The event manager was destroyed");
}

SSE_DECL EventStream EventManager::add_connection() {
  return EventStream(hub_->add(ConnectionOptions()));
}

SSE_DECL EventStream EventManager::add_connection(ConnectionOptions options) {
  return EventStream(hub_->add(std::move(options)));
}

SSE_DECL EventStream EventManager::add_near(ConnectionOptions options, std::optional<std::size_t> lane) {
  return EventStream(hub_->add(std::move(options), lane));
}

SSE_DECL EventStream EventManager::add_connection(std::string connection_id, std::string request_id) {
  ConnectionOptions options;
  options.connection_id = std::move(connection_id);
  options.request_id = std::move(request_id);
  return EventStream(hub_->add(std::move(options)));
}

SSE_DECL std::size_t EventManager::publish(std::string_view type, detail::JsonText data, const EmitOptions& options) {
  return hub_->publisher().encode_and_publish(
      type, options, [&](const detail::EncodeOptions& form) { return detail::encode_data(type, form, data()); });
}

SSE_DECL std::size_t EventManager::emit_json(std::string_view type, std::string_view json, const EmitOptions& options) {
  return hub_->publisher().encode_and_publish(type, options, [&](const detail::EncodeOptions& form) {
    std::string line;
    line.reserve(json.size());
    wire::append_line(line, json);
    return detail::encode_data(type, form, line);
  });
}

SSE_DECL std::size_t EventManager::emit_message(std::string_view type, std::string_view data,
                                                const EmitOptions& options) {
  return hub_->publisher().encode_and_publish(
      type, options, [&](const detail::EncodeOptions& form) { return detail::encode_message(type, form, data); });
}

SSE_DECL bool EventManager::send(std::string_view connection_id, std::string_view type, detail::JsonText data) {
  return hub_->publisher().encode_and_send(
      connection_id, type, [&](const detail::EncodeOptions& form) { return detail::encode_data(type, form, data()); });
}

SSE_DECL bool EventManager::send_message(std::string_view connection_id, std::string_view type, std::string_view data) {
  return hub_->publisher().encode_and_send(
      connection_id, type, [&](const detail::EncodeOptions& form) { return detail::encode_message(type, form, data); });
}

SSE_DECL bool EventManager::subscribe(std::string_view connection_id, std::string_view topic) {
  return hub_->subscribe(connection_id, topic);
}

SSE_DECL bool EventManager::unsubscribe(std::string_view connection_id, std::string_view topic) {
  return hub_->unsubscribe(connection_id, topic);
}

SSE_DECL Event EventManager::find(std::string_view id) const noexcept {
  return hub_->publisher().history().find(id);
}

SSE_DECL bool EventManager::disconnect(std::string_view connection_id, std::string_view reason) {
  return hub_->disconnect(connection_id, EndReason::disconnected, detail::or_default(reason));
}

SSE_DECL std::size_t EventManager::disconnect_topic(std::string_view topic, std::string_view reason) {
  return hub_->disconnect_topic(topic, detail::or_default(reason));
}

SSE_DECL void EventManager::disconnect_all(std::string_view reason) {
  hub_->disconnect_all(detail::or_default(reason));
}

SSE_DECL Stats EventManager::stats() const {
  return hub_->stats();
}

SSE_DECL std::string EventManager::last_id() const {
  return hub_->last_id();
}

SSE_DECL std::size_t EventManager::get_connection_count() const {
  return hub_->size();
}

SSE_DECL ConnectionInfo EventManager::get_connection_info() const {
  return hub_->info();
}

SSE_DECL void EventManager::set_observer(Observer observer) {
  hub_->set_observer(std::move(observer));
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
