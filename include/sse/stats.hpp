// SPDX-License-Identifier: MIT
// The counters of a manager, as EventManager::stats() returns them. They convert to JSON; metrics.hpp writes them
// for Prometheus.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "sse/log_state.hpp"
#include "sse/reason.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// A counter for each reason.
template <class Reason>
class Tally {
 public:
  static constexpr std::size_t size = detail::Names<Reason>::all.size();  ///< The number of reasons.

  /// The counter of one reason.
  std::uint64_t& operator[](Reason reason) noexcept { return numbers_[static_cast<std::size_t>(reason)]; }
  std::uint64_t operator[](Reason reason) const noexcept { return numbers_[static_cast<std::size_t>(reason)]; }
  /// The sum of all reasons.
  std::uint64_t total() const noexcept {
    std::uint64_t total = 0;
    for (const std::uint64_t number : numbers_) total += number;
    return total;
  }
  /// Adds the counters of another, reason by reason.
  Tally& operator+=(const Tally& other) noexcept {
    for (std::size_t i = 0; i < size; ++i) numbers_[i] += other.numbers_[i];
    return *this;
  }

 private:
  std::array<std::uint64_t, size> numbers_{};
};

/// The counters of Options::compression.
struct CompressionStats {
  CompressionStats() = default;

  bool on = false;                 ///< The manager has Options::compression.
  std::uint64_t events = 0;        ///< Events that were compressed, once for all readers with the same topics.
  std::uint64_t groups = 0;        ///< Calls of the compressor for them.
  std::uint64_t text_bytes = 0;    ///< Bytes of their frames.
  std::uint64_t packed_bytes = 0;  ///< Bytes of their compressed form.
  std::uint64_t sent_packed = 0;   ///< Events that went out compressed.
  std::uint64_t sent_stored = 0;   ///< Events and notices that went out as they are, in a compressed stream.
};

/// A manager's counters since it was made, and its present state. Notices (`connection`, `overflow`, `disconnect`) are
/// not counted as events.
struct Stats {
  Stats() = default;

  std::uint64_t emitted = 0;          ///< Calls of emit_event, emit_json and emit_message.
  std::uint64_t sent = 0;             ///< Calls of send_event and send_message to an existing connection.
  std::uint64_t format_failures = 0;  ///< Calls of any of these with data that could not be formatted.
  std::uint64_t delivered = 0;        ///< Events that readers have taken from their streams.
  std::uint64_t written_bytes = 0;    ///< Bytes of the frames that `serve` and `write_events` have begun to write.
  Tally<LossReason> lost;             ///< Lost events; for `unknown` the number of times.
  std::uint64_t opened = 0;           ///< Connections that were added.
  Tally<EndReason> ended;             ///< Connections that have ended. opened − ended are open now.
  Tally<RefusalReason> refused;       ///< Connections that were refused. They are not among `opened`.

  LogStats log;                  ///< Of Options::log.
  CompressionStats compression;  ///< Of Options::compression.

  std::size_t connections = 0;  ///< Connections that are open now.
  std::size_t queued = 0;       ///< Events that wait in their queues, without those of the history.

  /// Thresholds of queued_at_least.
  static constexpr std::array<std::size_t, 6> depths = {1, 10, 100, 1'000, 10'000, 100'000};
  /// For each of `depths`, the number of connections that have at least so many events waiting.
  std::array<std::size_t, depths.size()> queued_at_least{};
};

/// nlohmann::json's conversion.
template <class Json, class Reason>
void to_json(Json& json, const Tally<Reason>& tally) {
  json = Json::object();
  for (std::size_t i = 0; i < Tally<Reason>::size; ++i)
    json[std::string(detail::Names<Reason>::all[i])] = tally[static_cast<Reason>(i)];
}

template <class Json>
void to_json(Json& json, const CompressionStats& stats) {
  json = {{"events", stats.events},           {"groups", stats.groups},
          {"text_bytes", stats.text_bytes},   {"packed_bytes", stats.packed_bytes},
          {"sent_packed", stats.sent_packed}, {"sent_stored", stats.sent_stored}};
}

template <class Json>
void to_json(Json& json, const Stats& stats) {
  json = {{"emitted", stats.emitted},
          {"sent", stats.sent},
          {"format_failures", stats.format_failures},
          {"delivered", stats.delivered},
          {"written_bytes", stats.written_bytes},
          {"lost", stats.lost},
          {"opened", stats.opened},
          {"ended", stats.ended},
          {"refused", stats.refused},
          {"connections", stats.connections},
          {"queued", stats.queued},
          {"queued_at_least", Json::object()}};
  if (stats.log.state != LogState::none) json["log"] = stats.log;
  if (stats.compression.on) json["compression"] = stats.compression;
  for (std::size_t i = 0; i < Stats::depths.size(); ++i)
    json["queued_at_least"][std::to_string(Stats::depths[i])] = stats.queued_at_least[i];
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
