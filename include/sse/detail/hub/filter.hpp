// SPDX-License-Identifier: MIT
// The filter of one connection, or of all that were given one sse::SharedFilter. It is asked without a lock.

#pragma once

#include <functional>
#include <utility>

#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/event.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

class SharedFilter;

}  // namespace sse::inline SSE_ABI

namespace sse::inline SSE_ABI::detail {

/// A ConnectionOptions::filter, shared so that it outlives a call without a lock.
class Filter : public RefCounted {
 public:
  using Function = std::function<bool(const Event&)>;

  Filter(Function function, bool is_shared) : function_(std::move(function)), is_shared_(is_shared) {}

  /// The filter of the SharedFilter that `function` holds. Null: it holds another function. A template, because
  /// std::function has no target() in some libraries without RTTI: then each connection has a filter of its own.
  template <class Any>
  static IntrusivePtr<Filter> shared_by(const Any& function) noexcept {
    if constexpr (requires { function.template target<SharedFilter>(); })
      if (const auto* const shared = function.template target<SharedFilter>()) return shared->filter_;
    return {};
  }

  /// Calls a filter. False also if it throws.
  static bool ask(const Function& function, const Event& event) noexcept {
    try {
      return function(event);
    } catch (...) {
      return false;
    }
  }
  bool accepts(const Event& event) const noexcept { return ask(function_, event); }
  bool operator()(const Event& event) const { return function_(event); }
  /// True: one answer is for all connections that have it.
  bool is_shared() const noexcept { return is_shared_; }

 private:
  const Function function_;  ///< Immutable.
  const bool is_shared_;     ///< Immutable.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
