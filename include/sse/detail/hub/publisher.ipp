// SPDX-License-Identifier: MIT
// The bodies of Publisher. See publisher.hpp.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "sse/detail/async/wakeups.hpp"
#include "sse/detail/base/mutex.hpp"
#include "sse/detail/base/name_hash.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/spin_mutex.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/frame/notice.hpp"
#include "sse/detail/hub/connection.hpp"
#include "sse/detail/hub/fan_out.hpp"
#include "sse/detail/hub/publisher.hpp"
#include "sse/detail/hub/shard.hpp"
#include "sse/error.hpp"
#include "sse/event.hpp"
#include "sse/options.hpp"
#include "sse/stats.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL bool Publisher::begin_emit(const EmitOptions& settings) {
  emitted_.fetch_add(1, std::memory_order_relaxed);
  if (settings.topic.empty() || (keeps_history() && !settings.transient)) return true;
  if (goes_to_log(settings.transient)) return true;
  const HashedName topic(settings.topic);
  for (Shard& shard : shards_) {
    const SpinLock lock(shard.mutex);
    if (!shard.backlogs.empty() || !shard.wide.empty() || shard.audiences.first_wide()) return true;
    if (shard.topics.find(topic)) return true;
  }
  return false;
}

SSE_DECL EncodeOptions Publisher::form_of(const EmitOptions& settings) const noexcept {
  EncodeOptions form = notice_form(options_);
  form.has_id = keeps_history() && !settings.transient;
  form.topic = settings.topic;
  form.key = settings.key;
  return form;
}

SSE_DECL std::size_t Publisher::publish(Event event) {
  if (log_) return publish_to_log(std::move(event));
  if (!EventFactory::has_id_room(event)) return publish_transient(std::move(event));
  return deliver(std::move(event), [this](Event& placed) {
    history_.renew_after_fork();
    history_.add(placed);
    return true;
  });
}

SSE_DECL std::size_t Publisher::publish_transient(Event event) {
  return deliver(std::move(event), [this](Event&) { return admission_.connections() != 0; });
}

SSE_DECL std::size_t Publisher::publish_to_log(Event event) {
  const std::size_t wanting = count_wanting(event.topic());
  if (goes_to_log(!EventFactory::has_id_room(event))) {
    log_->emit(std::move(event));
    return wanting;
  }
  LocalEvent local{std::move(event), {}};
  return log_->emit_local(std::move(local)) ? wanting : publish_transient(std::move(local.event));
}

SSE_DECL std::size_t Publisher::count_wanting(std::string_view topic) {
  const HashedName name = topic.empty() ? HashedName({}, 0) : HashedName(topic);
  std::size_t count = 0;
  for (Shard& shard : shards_) {
    const SpinLock lock(shard.mutex);
    if (topic.empty()) {
      count += shard.connections.size();
      continue;
    }
    count += shard.wide.size();
    for (const Backlog* one = shard.backlogs.first(); one; one = Backlogs::next(*one)) count += one->readers();
    for (const Audience* one = shard.audiences.first_wide(); one; one = Audiences::next(*one)) count += one->readers();
    if (const Topic* const found = shard.topics.find(name))
      for (const Topic::Member& member : found->members)
        count += member.connection ? 1 : static_cast<const Audience&>(*member.set).readers();
  }
  return count;
}

SSE_DECL bool Publisher::send(std::string_view connection_id, const Event& event) {
  if (!log_) return deliver_to(connection_id, event);
  {
    const HashedName id(connection_id);
    Shard& shard = shards_.of(id);
    const SpinLock lock(shard.mutex);
    if (!shard.by_id.find(id)) return false;
  }
  return log_->emit_local({event, std::string(connection_id)}) || deliver_to(connection_id, event);
}

template <class Place>
std::size_t Publisher::deliver(Event event, Place&& place) {
  std::size_t reached = 0;
  FanOut fan_out(options_, notifier_);
  FilterResults filters;
  const HashedName topic = event.topic().empty() ? HashedName({}, 0) : HashedName(event.topic());
  {
    Wakeups wakeups;  // completed after the order mutex is released
    for (;;) {
      const std::uint64_t filters_seen = filters_added_.load();
      if (filters_seen != 0 && EventFactory::kind(event) != EventKind::marker) filters.ask(shards_, event, topic);
      const MutexLock order(order_);
      if (filters_seen != filters_added_.load()) continue;  // new filters must be asked, without the lock
      // Numbered first: as soon as it has its place, a replay may read it.
      const bool is_numbered = chains_ && chains_->number(event, topic);
      if (!place(event)) return 0;
      if (is_numbered) chains_->add(event, topic);
      for (Shard& shard : shards_) {
        const SpinLock lock(shard.mutex);
        reached += fan_out.deliver(shard, event, topic, filters, wakeups);
      }
      break;
    }
  }
  fan_out.notify();
  return reached;
}

SSE_DECL bool Publisher::deliver_to(std::string_view connection_id, const Event& event) {
  const HashedName id(connection_id);
  FanOut fan_out(options_, notifier_);
  {
    Wakeups wakeups;
    Shard& shard = shards_.of(id);
    const SpinLock lock(shard.mutex);
    Connection* const found = shard.by_id.find(id);
    if (!found) return false;
    fan_out.deliver_to(shard, *found, event, wakeups);
  }
  sent_.fetch_add(1, std::memory_order_relaxed);
  fan_out.notify();
  return true;
}

SSE_DECL void Publisher::check_size(const Event& event) const {
  const std::size_t size = event.json().size();
  if (size > options_.max_event_size)
    throw Error(errc::event_too_large, "sse: an event's JSON has " + std::to_string(size) +
                                           " bytes, Options::max_event_size is " +
                                           std::to_string(options_.max_event_size));
}

SSE_DECL void Publisher::count_failure(std::string_view type, const std::string& what) noexcept {
  format_failures_.fetch_add(1, std::memory_order_relaxed);
  notifier_.format_failure(type, what);
}

SSE_DECL Event Publisher::encode_failure(EncodeOptions form) const {
  form.has_id = false;
  return encode_notice("error", form, "Failed to format event");
}

SSE_DECL void Publisher::fail(std::string_view type, const EncodeOptions& form, const std::string& what) {
  count_failure(type, what);
  publish(encode_failure(form));
}

SSE_DECL void Publisher::add_to(Stats& stats) const noexcept {
  stats.emitted = emitted_.load(std::memory_order_relaxed);
  stats.sent = sent_.load(std::memory_order_relaxed);
  stats.format_failures = format_failures_.load(std::memory_order_relaxed);
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
