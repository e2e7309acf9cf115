// SPDX-License-Identifier: MIT
// One connection to a Redis server: connecting within a time, sending commands, receiving replies until a deadline or
// until another thread wakes the one that waits. And what the server's error texts mean.

#pragma once

#include <chrono>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/log/redis_reply.hpp"
#include "sse/detail/log/redis_target.hpp"
#include "sse/event_log.hpp"
#include "sse/redis_log_options.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The peer has closed the connection, or there is none any more.
class RedisBroken : public LogError {
 public:
  explicit RedisBroken(const std::string& what) : LogError(what, true) {}
};

/// A reply is larger than any that was asked for.
class RedisTooLarge : public LogError {
 public:
  explicit RedisTooLarge(const std::string& what) : LogError(what, true) {}
};

/// The meaning of a server's error text.
struct RedisFault {
  explicit RedisFault(std::string_view text) noexcept;

  bool may_pass = false;
  bool reconnect = false;  ///< This server, or this connection to it, is of no use now.
};

/// Blocks SIGPIPE for this thread, and takes away the one that came meanwhile: hiredis sends without MSG_NOSIGNAL.
class SigpipeBlock {
 public:
  SigpipeBlock() noexcept;
  SigpipeBlock(const SigpipeBlock&) = delete;
  SigpipeBlock& operator=(const SigpipeBlock&) = delete;
  ~SigpipeBlock();

 private:
  bool was_pending_ = false, was_blocked_ = false;
};

/// Wakes a thread that waits for a socket. It stays set until it is taken.
class WakePipe {
 public:
  WakePipe();
  WakePipe(const WakePipe&) = delete;
  WakePipe& operator=(const WakePipe&) = delete;
  ~WakePipe();

  void set() noexcept;
  /// True: it was set. It no longer is.
  bool take() noexcept;
  int descriptor() const noexcept { return ends_[0]; }

 private:
  int ends_[2];
};

/// The certificates of `rediss`. Without TLS in this build its constructor throws Error.
class RedisTls {
 public:
  RedisTls(const RedisLogOptions& options, const std::string& name);
  RedisTls(const RedisTls&) = delete;
  RedisTls& operator=(const RedisTls&) = delete;
  ~RedisTls();

  /// Makes the handshake, and checks that the certificate is the host's. Returns the error, or an empty text.
  std::string start(redisContext& context, const std::string& host) const;

 private:
  [[maybe_unused]] void* context_ = nullptr;  ///< SSL_CTX. Immutable.
};

/// A connection. One thread's only, but for wake().
class RedisConnection {
 public:
  using Clock = std::chrono::steady_clock;

  /// `name` is the server's in error texts.
  RedisConnection(const RedisLogOptions& options, const std::string& name) : options_(options), name_(name) {}
  RedisConnection(const RedisConnection&) = delete;
  RedisConnection& operator=(const RedisConnection&) = delete;

  /// Connects; whatever was connected before is closed.
  ///
  /// @throws LogError   that may pass.
  void connect(const RedisAddress& address, const RedisTls* tls);
  void disconnect() noexcept;
  explicit operator bool() const noexcept { return context_ != nullptr; }

  /// Sends a command.
  void send(std::span<const std::string_view> words);
  void send(std::initializer_list<std::string_view> words) { send(std::span(words.begin(), words.size())); }
  /// Receives the next reply, which is valid until the next one. Null: the deadline has passed, or the pipe is set
  /// (it is left so).
  const RedisReply* receive_until(Clock::time_point deadline, const WakePipe* wake);
  /// Receives the next reply within the reply time, or 250 ms after the pipe was set. An error reply is one, too.
  const RedisReply& receive(WakePipe* wake = nullptr);
  /// Throws the LogError that an error reply is, and disconnects where that helps. Other replies pass.
  const RedisReply& check(const RedisReply& reply);
  const RedisReply& call(std::initializer_list<std::string_view> words, WakePipe* wake = nullptr) {
    send(words);
    return check(receive(wake));
  }
  /// The node of a cluster that has the stream, as the last error said.
  std::optional<RedisAddress> take_moved() noexcept { return std::exchange(moved_, std::nullopt); }
  /// Throws for a reply that is none of the command's.
  [[noreturn]] void refuse_reply();

 private:
  struct Close {
    void operator()(redisContext* context) const noexcept { redisFree(context); }
  };

  [[noreturn]] void fail(const std::string& doing);
  [[noreturn]] void refuse_size();
  void note_moved(std::string_view error);
  bool wait(short events, Clock::time_point deadline, const WakePipe* wake);

  const RedisLogOptions& options_;
  const std::string& name_;
  RedisReplies replies_;  ///< Outlives context_, which uses it.
  std::unique_ptr<redisContext, Close> context_;
  RedisAddress address_;  ///< Of the last connect().
  std::string output_;
  std::optional<RedisAddress> moved_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
