// SPDX-License-Identifier: MIT
// A log in memory, for tests of services and of the library. It plays what disks, servers and other processes do.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/event_log.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::testing {

/// A log that lives as long as its nodes. Each manager needs a node of its own: `options.log = log;` for the first,
/// `options.log = log->node();` for another. The managers then deliver the same events, as the processes of a cluster
/// do.
///
/// Its plays happen at once, so a test waits for nothing. Those of one node are as if its own link or disk failed.
///
/// Thread safety: any thread, at any time.
class MemoryLog final : public EventLog {
 public:
  MemoryLog();
  ~MemoryLog() override;

  /// Another node of the same log.
  std::shared_ptr<MemoryLog> node() const;

  // Plays of this node:

  /// From now on every call throws LogError(`what`, `may_pass`), until `accept`.
  void refuse(const std::string& what, bool may_pass = true);
  void accept();  ///< Ends `refuse`.
  /// From now on appends block, as on a frozen disk, until `thaw`. An interrupted one throws a LogError that may pass.
  void freeze();
  /// From now on every call blocks until `thaw`, and interrupt() does not help.
  void hang();
  void thaw();  ///< Ends `freeze` and `hang`.
  /// From now on reads give nothing new, as on a node that lags, until `catch_up`.
  void lag();
  void catch_up();  ///< Ends `lag`.
  /// The next append is done, but throws a LogError that may pass, as if its answer were lost.
  void lose_next_answer();
  /// Waits until a call blocks, because of `freeze` or `hang`. False: none has after `patience`.
  bool wait_until_blocked(std::chrono::milliseconds patience = std::chrono::seconds(10)) const;

  // Plays of the log:

  /// Forgets all but the newest `count` events, as a log that is trimmed.
  void trim(std::size_t count);
  /// Forgets the newest `count` events, as a server without persistence. The next ones get their numbers, and other
  /// stamps.
  void cut(std::size_t count);
  /// Forgets everything, as a log that was deleted.
  void clear();

  /// The number of events that it holds.
  std::size_t count() const;
  /// The number of calls of `append` of this node that have put events into the log.
  std::size_t appends() const;

  LogBegin open(std::size_t history, const Take& take) override;
  void append(std::span<const LoggedEvent> events, std::uint64_t number) override;
  std::optional<LogPlace> append_held(std::span<const LoggedEvent> events, std::uint64_t number) override;
  void release(bool delivered) noexcept override;
  LogRead read(std::uint64_t after, std::chrono::milliseconds wait, const Take& take) override;
  void interrupt() noexcept override;

 private:
  struct Store;
  struct Node;

  explicit MemoryLog(std::shared_ptr<Store> store);
  template <class Change>
  void change(Change&& apply);

  const std::shared_ptr<Store> store_;  ///< Shared by all nodes.
  const std::unique_ptr<Node> node_;    ///< Guarded by the store's mutex.
};

}  // namespace sse::inline SSE_ABI::testing

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/testing/memory_log.ipp"
#endif
