// SPDX-License-Identifier: MIT
// RedisLog without its public face: two connections to one server, one that appends and one that reads, and how it is
// noticed that the server has lost events.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/history/event_id.hpp"
#include "sse/detail/log/kept_event.hpp"
#include "sse/detail/log/redis_connection.hpp"
#include "sse/detail/log/redis_target.hpp"
#include "sse/event_log.hpp"
#include "sse/redis_log_options.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// An entry of the stream. The views are those of the reply.
struct RedisEntry {
  /// Nothing for a reply that is no entry.
  static std::optional<RedisEntry> parse(const RedisReply& reply) noexcept;
  LoggedEvent event() const noexcept;

  /// The bytes of its texts.
  std::size_t bytes() const noexcept { return type.size() + topic.size() + key.size() + data.size(); }

  EventId id{};          ///< Also the event's: its stamp and its `n`.
  bool is_ours = false;  ///< Else somebody else has added it.
  bool is_loss = false;  ///< It stands for lost events, the last of which would have its `n`.
  bool is_message = false;
  std::uint64_t transients = 0;  ///< Not 0: transient events come before it, and the last of them has this ordinal.
  std::string_view type, topic, key, data;
};

/// An entry of the stream of transient events. It owns its texts.
struct RedisTransient {
  /// Nothing for a reply that is no entry of ours.
  static std::optional<RedisTransient> parse(const RedisReply& reply);

  std::uint64_t ordinal = 0;
  KeptEvent event;  ///< Its `n` is that of the event before it.
};

/// The stream is the only place where an event's number comes from. Beside it the server keeps, for each object that
/// appends, the number of its last batch and the count of its events: so a batch that is sent again adds nothing, and
/// the object sees how many events the server has lost after a restart or a failover.
class RedisEngine {
 public:
  explicit RedisEngine(RedisLogOptions options);
  RedisEngine(const RedisEngine&) = delete;
  RedisEngine& operator=(const RedisEngine&) = delete;

  LogBegin open(std::size_t history, const EventLog::Take& take);
  void append(std::span<const LoggedEvent> events, std::uint64_t number);
  LogRead read(std::uint64_t after, std::chrono::milliseconds wait, const EventLog::Take& take);
  void interrupt() noexcept;

 private:
  static constexpr std::size_t entries_per_read = 512, bytes_per_read = std::size_t{4} << 20;

  /// The events of this object that the server has acknowledged.
  struct Acknowledged {
    std::uint64_t number = 0, count = 0;
    EventId last{};
  };

  /// The stream's newest events, without a hole, the newest first.
  struct Newest {
    std::vector<KeptEvent> events;
    std::uint64_t tail = 0;   ///< The newest event's `n`.
    EventId last{};           ///< The newest entry, somebody else's among them.
    std::size_t foreign = 0;  ///< The number of somebody else's.
  };

  template <class Function>
  auto call(RedisConnection& connection, Function function);
  void attend(RedisConnection& connection);
  void log_in(RedisConnection& connection, const std::string& user, const std::string& password, bool is_sentinel);
  RedisAddress ask_sentinels(RedisConnection& connection);
  void check_role(RedisConnection& connection);

  std::string_view run_script(RedisConnection& connection, std::span<const LoggedEvent> events, std::uint64_t number,
                              WakePipe* wake);
  void note_acknowledged(std::string_view answer, std::uint64_t number);
  Acknowledged acknowledged() const;

  Newest find_newest(std::size_t history);
  LogRead read_once(std::uint64_t after, std::chrono::milliseconds wait, const EventLog::Take& take);
  void attend_reader();
  const RedisReply* receive_entries(std::chrono::milliseconds wait);
  void give(const RedisReply& entries, bool is_last, const EventLog::Take& take, LogRead& result);
  void hold(const RedisReply& entries, LogRead& result);
  void give_held(std::uint64_t up_to, const EventLog::Take& take);
  void find_transients();
  void attend_transients();
  std::uint64_t newest_number() noexcept;
  bool is_rewritten(std::string& note);
  bool seek(std::uint64_t after);
  RedisEntry entry_of(const RedisReply* reply);
  const RedisReply& entries_before(std::string_view id, std::size_t count);
  void adapt_count(std::size_t entries, std::size_t bytes) noexcept;
  std::string foreign_note(std::size_t foreign) const;

  const RedisLogOptions options_;
  const RedisTarget target_;
  const std::unique_ptr<const RedisTls> tls_;  ///< Null: without TLS.
  const std::string origin_key_, transient_key_;

  WakePipe wake_writer_, wake_reader_;
  RedisConnection writer_;    ///< Appending thread only.
  bool fresh_writer_ = true;  ///< Appending thread only. No batch was sent yet on this connection.

  RedisConnection reader_;  ///< Reading thread only.
  bool reader_is_checked_ =
      false;  ///< Reading thread only. The server was asked what it has lost since it was connected.
  bool read_is_pending_ = false;  ///< Reading thread only. The reply of an interrupted read is yet to come.
  RedisConnection::Clock::time_point read_deadline_;  ///< Reading thread only. Until then it has to come.
  std::uint64_t cursor_ = 0;  ///< Reading thread only. The `n` of the last event given or counted as lost.
  EventId position_{};        ///< Reading thread only. The last entry read, somebody else's among them.
  std::string transient_position_ = "0-0";  ///< Reading thread only. The last transient entry read.
  std::uint64_t ordinal_ = 0;               ///< Reading thread only. Its ordinal. 0: not known.
  std::deque<RedisTransient> held_;   ///< Reading thread only. Those that come behind events that are not read yet.
  bool asks_for_transients_ = false;  ///< Reading thread only. The next event comes behind some that are not read yet.
  std::size_t count_ = entries_per_read;  ///< Reading thread only. The entries to ask for.

  mutable std::mutex mutex_;
  Acknowledged acknowledged_;  ///< Guarded by mutex_.
  std::size_t max_events_;     ///< Guarded by mutex_.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
