// SPDX-License-Identifier: MIT
// Calls the observer: about connections, refusals, losses and failures. No lock is held while it runs.

#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/mutex.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/thread_annotations.hpp"
#include "sse/log_state.hpp"
#include "sse/observer.hpp"
#include "sse/options.hpp"
#include "sse/reason.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class Connection;

/// A manager's observer and the calls to it. Thread-safe. An exception of the observer is ignored. If memory is short,
/// a call is left out, so that connections and emitters do not fail.
class Notifier {
 public:
  using Rows = std::vector<ConnectionRow>;

  void set_observer(Observer observer);
  bool watches_overflow() const noexcept { return watches_overflow_.load(); }
  bool watches_loss() const noexcept { return watches_loss_.load(); }

  // Called without a lock:

  void added(const Connection& connection) const noexcept;
  void removed(const Connection& connection, std::string_view reason) const noexcept;
  void removed(const Rows& rows, std::string_view reason) const noexcept;
  void refused(const ConnectionOptions& connection, RefusalReason reason) const;
  void overflow(const Connection& connection) const noexcept;
  void overflow(const Rows& rows) const noexcept;
  void lost(const Connection& connection, const std::vector<LostEvents>& lost) const noexcept;
  void format_failure(std::string_view type, std::string_view what) const noexcept;
  void log_state(LogState state, std::string_view what) const noexcept;

  // Called under the connection's shard's mutex:

  static ConnectionRow row(const Connection& connection);
  /// Adds a row. Without memory it adds none.
  static void add_row(Rows& rows, const Connection& connection, std::optional<EndReason> ended = {}) noexcept;

 private:
  struct SharedObserver : RefCounted, Observer {
    explicit SharedObserver(Observer&& observer) : Observer(std::move(observer)) {}
  };

  /// Calls `call(observer)` if the observer has that function.
  template <class Function, class Call>
  void with(Function Observer::*function, Call&& call) const noexcept;
  static ConnectionRow locked_row(const Connection& connection);

  mutable Mutex mutex_;
  IntrusivePtr<SharedObserver> observer_ SSE_GUARDED_BY(mutex_);
  std::atomic<bool> watches_overflow_{false}, watches_loss_{false};  ///< True if observer_ has these functions.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/hub/notifier.ipp"
#endif
