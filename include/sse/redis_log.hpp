// SPDX-License-Identifier: MIT
// A log of events in a Redis or Valkey server, which the processes of many machines share. A program that includes this
// header links hiredis (CMake's target sse::redis); with SSE_SEPARATE_COMPILATION one of its source files includes
// sse/redis_log_src.hpp.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/event_log.hpp"
#include "sse/redis_log_options.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class RedisEngine;

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

/// A log in a stream of Redis (5 or later) or Valkey. Each process that shares it delivers the same events with the
/// same ids in the same order.
///
/// A person can read the stream: `redis-cli XREVRANGE {sse} + - COUNT 3`. An entry's id is the event's. Entries that
/// others add to the stream are skipped and told in LogRead::note.
///
/// An event that `append` has returned for is in the server's memory; whether it survives the server's end is up to the
/// server's persistence and replication. When events of this object turn out to be lost, the object says so in the
/// stream: their numbers `n` are left out, and every reader counts them in LogRead::lost. Where a reader has seen more
/// than the server still has, the log counts as rewritten.
///
/// @par Errors            LogErrors name the server (never the password) and its own error text. May pass: no
///                        connection, no reply in time, OOM, NOREPLICAS, MISCONF, BUSY (the connection stays),
///                        READONLY, MASTERDOWN, LOADING, CLUSTERDOWN, TRYAGAIN, UNBLOCKED, MOVED (the next call
///                        connects anew). Need a person: WRONGTYPE, NOPERM, NOAUTH, WRONGPASS, a stream of another
///                        application, all else that the server refuses.
/// @par Thread safety     As EventLog says. A call blocks SIGPIPE for its thread while it runs.
class RedisLog final : public EventLog {
 public:
  /// Makes a log of the server at the URL (RedisLogOptions::url). It does not connect yet.
  ///
  /// @throws Error   with the URL (no password) and the reason, for what can never pass: a URL that is none, `rediss`
  ///                 without TLS in this build, sentinels without a master's name, an empty key.
  explicit RedisLog(const std::string& url, RedisLogOptions options = {});
  /// As above; the options have the URL, or the sentinels.
  explicit RedisLog(RedisLogOptions options);
  /// Closes the connections.
  ~RedisLog() override;

  LogBegin open(std::size_t history, const Take& take) override;
  void append(std::span<const LoggedEvent> events, std::uint64_t number) override;
  LogRead read(std::uint64_t after, std::chrono::milliseconds wait, const Take& take) override;
  /// As EventLog says. An append that waits for the server has 250 ms more.
  void interrupt() noexcept override;
  /// True: a second stream beside the first has the newest 1,000 transient events.
  bool shares_transient() const noexcept override { return true; }

 private:
  std::unique_ptr<detail::RedisEngine> engine_;
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/log/redis_log.ipp"
#endif
