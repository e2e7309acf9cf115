// SPDX-License-Identifier: MIT
// The bodies of metrics.hpp. src.hpp compiles them once; else the header includes them.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/metrics.hpp"
#include "sse/reason.hpp"
#include "sse/stats.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class MetricsWriter {
 public:
  explicit MetricsWriter(MetricsFormat format) noexcept : format_(format) {}

  void gauge(std::string_view name, std::string_view help, std::uint64_t value) {
    describe(name, "gauge", help);
    sample(name, {}, {}, value);
  }

  /// `name` is without its `_total`.
  void counter(std::string_view name, std::string_view help, std::uint64_t value) {
    sample(describe_counter(name, help), {}, {}, value);
  }
  template <class Reason>
  void counter(std::string_view name, std::string_view help, const Tally<Reason>& tally) {
    const std::string total = describe_counter(name, help);
    for (std::size_t i = 0; i < Tally<Reason>::size; ++i)
      sample(total, "reason", to_string(static_cast<Reason>(i)), tally[static_cast<Reason>(i)]);
  }

  void describe(std::string_view family, std::string_view type, std::string_view help) {
    text_.append("# HELP ").append(family).append(" ").append(help).append("\n");
    text_.append("# TYPE ").append(family).append(" ").append(type).append("\n");
  }
  void sample(std::string_view name, std::string_view label, std::string_view label_value, std::uint64_t value) {
    text_.append(name);
    if (!label.empty()) text_.append("{").append(label).append("=\"").append(label_value).append("\"}");
    text_.append(" ").append(std::to_string(value)).append("\n");
  }

  /// A summary without quantiles: how often, and for how long together.
  void summary(std::string_view name, std::string_view help, std::uint64_t count, std::chrono::microseconds time) {
    describe(name, "summary", help);
    std::string fraction = std::to_string(1'000'000 + time.count() % 1'000'000).substr(1);
    text_.append(name).append("_sum ").append(std::to_string(time.count() / 1'000'000)).append(".");
    text_.append(fraction).append("\n");
    sample(std::string(name) + "_count", {}, {}, count);
  }

  std::string take() {
    if (format_ == MetricsFormat::openmetrics) text_.append("# EOF\n");
    return std::move(text_);
  }

 private:
  std::string describe_counter(std::string_view name, std::string_view help) {
    std::string total(name);
    total.append("_total");
    describe(format_ == MetricsFormat::openmetrics ? name : std::string_view(total), "counter", help);
    return total;
  }

  const MetricsFormat format_;
  std::string text_;
};

inline void write_log(MetricsWriter& out, const LogStats& log) {
  constexpr std::string_view state = "sse_log_state";
  out.describe(state, "gauge", "1 for the state that the log is in");
  for (const LogState one : {LogState::opening, LogState::ready, LogState::failing, LogState::failed, LogState::closed})
    out.sample(state, "state", to_string(one), one == log.state ? 1 : 0);
  out.counter("sse_log_appended", "Events that this process has put into the log", log.appended);
  out.counter("sse_log_read", "Events that this process has read from the log", log.read);
  out.gauge("sse_log_unlogged_events", "Events that wait for the log", log.unlogged_events);
  out.summary("sse_log_append_seconds", "Time of the calls that append to the log", log.appends, log.append_time);
  out.counter("sse_log_retries", "Calls of the log that were repeated", log.retries);
  out.gauge("sse_log_lag_events", "Events of the log that this process has not read", log.lag_events);
  out.counter("sse_log_missed_events", "Events that the log had removed before this process read them", log.missed);
  out.counter("sse_log_resets", "Times that the log was another one than before", log.resets);
  out.gauge("sse_log_file_bytes", "Bytes of the log's file", log.file_bytes);
  out.gauge("sse_log_wal_bytes", "Bytes that are written beside the file first", log.wal_bytes);
}

inline void write_compression(MetricsWriter& out, const CompressionStats& stats) {
  out.counter("sse_compressed_events", "Events that were compressed, once for all", stats.events);
  out.counter("sse_compressed_groups", "Groups of events that were compressed together", stats.groups);
  out.counter("sse_compressed_text_bytes", "Bytes of the compressed events before that", stats.text_bytes);
  out.counter("sse_compressed_bytes", "Bytes of the compressed events", stats.packed_bytes);
  out.counter("sse_compressed_deliveries", "Events written to connections in compressed form", stats.sent_packed);
  out.counter("sse_stored_deliveries", "Events and notices written into compressed streams as they are",
              stats.sent_stored);
}

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

SSE_DECL MetricsFormat metrics_format(std::string_view accept) noexcept {
  return accept.find("application/openmetrics-text") != accept.npos ? MetricsFormat::openmetrics
                                                                    : MetricsFormat::prometheus;
}

SSE_DECL std::string metrics_text(const Stats& stats, MetricsFormat format) {
  detail::MetricsWriter out(format);
  out.counter("sse_events_emitted", "Events emitted to all connections that want them", stats.emitted);
  out.counter("sse_events_sent", "Events sent to one connection alone", stats.sent);
  out.counter("sse_format_failures", "Events whose data could not be formatted", stats.format_failures);
  out.counter("sse_events_delivered", "Events given to the readers of the connections", stats.delivered);
  out.counter("sse_written_bytes", "Bytes of the streams given to the sockets", stats.written_bytes);
  out.counter("sse_events_lost", "Events that connections have lost", stats.lost);
  out.counter("sse_connections_opened", "Connections that were let in", stats.opened);
  out.counter("sse_connections_ended", "Connections that have ended", stats.ended);
  out.counter("sse_connections_refused", "Connections that were not let in", stats.refused);
  out.gauge("sse_connections", "Connections that there are", stats.connections);
  out.gauge("sse_queued_events", "Events that wait in the queues of the connections", stats.queued);
  constexpr std::string_view queued_connections = "sse_queued_connections";
  out.describe(queued_connections, "gauge", "Connections that have at least so many events waiting");
  for (std::size_t i = 0; i < Stats::depths.size(); ++i)
    out.sample(queued_connections, "at_least", std::to_string(Stats::depths[i]), stats.queued_at_least[i]);
  if (stats.log.state != LogState::none) detail::write_log(out, stats.log);
  if (stats.compression.on) detail::write_compression(out, stats.compression);
  return out.take();
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
