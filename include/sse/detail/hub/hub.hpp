// SPDX-License-Identifier: MIT
// The implementation of EventManager: its connections, and the operations on all of them. Streams keep it alive.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/detail/async/wakeups.hpp"
#include "sse/detail/base/name_hash.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/thread_annotations.hpp"
#include "sse/detail/history/replay_plan.hpp"
#include "sse/detail/hub/admission.hpp"
#include "sse/detail/hub/chains.hpp"
#include "sse/detail/hub/connection.hpp"
#include "sse/detail/hub/log_delivery.hpp"
#include "sse/detail/hub/notifier.hpp"
#include "sse/detail/hub/publisher.hpp"
#include "sse/detail/hub/shard.hpp"
#include "sse/event.hpp"
#include "sse/observer.hpp"
#include "sse/options.hpp"
#include "sse/reason.hpp"
#include "sse/stats.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The implementation of a manager, shared with its streams, so that these may outlive the manager. Thread-safe.
///
/// Locks are taken in this order: Publisher::order, one shard's mutex, the history's mutex.
class Hub : public std::enable_shared_from_this<Hub> {
 public:
  explicit Hub(Options settings);

  const Options options;  ///< Immutable.

  Publisher& publisher() noexcept { return publisher_; }
  /// The compressors of Options::compression. Null: there are none.
  Chains* chains() noexcept { return chains_.get(); }
  /// True if for each of the topics some connection has subscribed.
  bool has_readers_of(const std::vector<std::string>& topics);

  /// Starts the threads of Options::log, if there is one. Called once, before anything else.
  void start_log();
  /// Waits for the log at most until `log_close_timeout` has passed, and ends its threads. Called once.
  void stop_log() noexcept;

  /// Adds a connection, or throws Refused. Connections without ids of their own and with the same `lane` are in one
  /// shard.
  std::shared_ptr<Connection> add(ConnectionOptions settings, std::optional<std::size_t> lane = {});
  /// Counts a connection that is refused, and tells the observer.
  void refuse(const ConnectionOptions& settings, RefusalReason reason);

  /// False: no connection has that id.
  bool subscribe(std::string_view connection_id, std::string_view topic);
  /// False: no connection has that id, or it has not subscribed to the topic by name.
  bool unsubscribe(std::string_view connection_id, std::string_view topic);

  /// False: no connection has that id, or `only` is given and is not the one of that id.
  bool disconnect(std::string_view connection_id, EndReason why, std::string_view reason,
                  std::optional<std::chrono::milliseconds> retry = {}, const Connection* only = nullptr);
  void disconnect_all(std::string_view reason);
  /// Ends the connections that have subscribed to a topic by name, and returns their number.
  std::size_t disconnect_topic(std::string_view topic, std::string_view reason);
  /// Ends a connection whose ConnectionOptions::expires_at has passed. Without memory it does nothing, and the next
  /// read tries again.
  void expire(const Connection& connection) noexcept;
  /// Ends a raw connection that has lost events. Without memory it does nothing, and the next read tries again.
  void end_broken(const Connection& connection) noexcept;

  /// From now on every connection is refused.
  void begin_drain() noexcept { admission_.begin_drain(); }
  /// The ids of the connections that a drain ends: those without ConnectionOptions::let_finish.
  std::vector<std::string> to_drain();
  /// The number of streams whose readers have not seen the end.
  std::size_t unfinished() const noexcept { return admission_.unfinished(); }
  /// Ends every stream at once and discards its queued events.
  void cut(std::string_view reason);

  /// EventManager::last_id.
  std::string last_id();
  /// The id for a keep-alive, that moves the place of a client whose topics or filter are quiet. Empty: there is none.
  std::string moved_place(Connection& connection);
  std::size_t size() const noexcept { return admission_.connections(); }
  Stats stats();
  ConnectionInfo info();
  void set_observer(Observer observer);

 private:
  static Options checked(Options options);
  std::string random_id(std::optional<std::size_t> lane) const;

  /// Makes the `connection` event.
  void announce(Connection& connection, const ConnectionOptions& settings, const ReplayPlan& plan) const;
  std::shared_ptr<Connection> add_one(const ConnectionOptions& settings);
  /// Adds a connection that waits for the log, if it has to by now. False: it has not.
  bool add_waiting(Shard& shard, const std::shared_ptr<Connection>& connection, const ConnectionOptions& settings);
  ReplayPlan plan_for(const ConnectionOptions& settings);
  /// Throws Refused where insert() would: for a client that is refused, no history is filtered and no topic entered.
  void check_place(Shard& shard, const Connection& connection);
  /// Puts the connection into the map. Returns the number of the history's last event. Nullopt: that is greater than
  /// `asked`, and the connection was not put into the map.
  std::optional<std::uint64_t> insert(Shard& shard, Connection& connection, const ConnectionOptions& settings,
                                      const ReplayPlan& plan, std::uint64_t asked);
  std::optional<std::uint64_t> insert_locked(Shard& shard, Connection& connection, const ConnectionOptions& settings,
                                             const ReplayPlan& plan, std::uint64_t asked, Wakeups& wakeups,
                                             Notifier::Rows& removed) SSE_REQUIRES(shard.mutex);

  Event encode_disconnect(std::string_view reason, std::optional<std::chrono::milliseconds> retry = {}) const;
  void end_all(EndReason why, const Event& last, std::string_view reason, bool cut);

  ShardMap shards_;
  Admission admission_;
  Notifier notifier_;
  const std::unique_ptr<Chains> chains_;  ///< Null: there is no compression.
  Publisher publisher_;
  LogDelivery log_delivery_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/hub/hub.ipp"
#endif
