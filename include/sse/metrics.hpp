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

/// How metrics are written: OpenMetrics 1.0, or Prometheus' own text format (version 0.0.4), which differs in the name
/// that a counter's TYPE and HELP have and in the end. Prometheus asks for the first in its `Accept`.
enum class MetricsFormat {
  openmetrics,  ///< application/openmetrics-text
  prometheus,   ///< text/plain
};

/// The format that such an `Accept` header asks for. An empty one asks for none: Prometheus' own.
SSE_DECL MetricsFormat metrics_format(std::string_view accept) noexcept;

/// The Content-Type of a response with metrics.
constexpr std::string_view content_type(MetricsFormat format) noexcept {
  return format == MetricsFormat::openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                              : "text/plain; version=0.0.4; charset=utf-8";
}

/// The numbers of `stats` for Prometheus and what understands it; each name begins with `sse_`.
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
