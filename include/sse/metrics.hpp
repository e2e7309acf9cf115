// SPDX-License-Identifier: MIT
// Writes a manager's counters for Prometheus and OpenMetrics. `serve` answers with it at
// ServeOptions::metrics_path.

#pragma once

#include <array>
#include <string>
#include <string_view>

#include "sse/detail/base/enum_names.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/stats.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// The format of the metrics: OpenMetrics 1.0, or Prometheus' own text format (version 0.0.4). In OpenMetrics the TYPE
/// and HELP of a counter name it without `_total`, and the text ends with `# EOF`. Prometheus asks for it in its
/// `Accept`.
enum class MetricsFormat {
  openmetrics,  ///< application/openmetrics-text
  prometheus,   ///< text/plain
};

/// The format that an `Accept` header asks for: OpenMetrics if it names `application/openmetrics-text`, otherwise
/// Prometheus' own.
SSE_DECL MetricsFormat metrics_format(std::string_view accept) noexcept;

/// The Content-Type of a response with metrics.
constexpr std::string_view content_type(MetricsFormat format) noexcept {
  return format == MetricsFormat::openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                              : "text/plain; version=0.0.4; charset=utf-8";
}

/// The numbers of `stats` as metrics, each with a name that begins with `sse_`. Thread-safe.
SSE_DECL std::string metrics_text(const Stats& stats, MetricsFormat format = MetricsFormat::openmetrics);

}  // namespace sse::inline SSE_ABI

namespace sse::inline SSE_ABI::detail {

template <>
struct Names<MetricsFormat> {
  static constexpr std::array<std::string_view, 2> all{"openmetrics", "prometheus"};
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/server/metrics.ipp"
#endif
