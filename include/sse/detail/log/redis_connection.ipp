// SPDX-License-Identifier: MIT
// The bodies of the connection to a Redis server.

#pragma once

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#if defined(SSE_REDIS_TLS)
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#endif

#include "sse/detail/log/redis_connection.hpp"
#include "sse/error.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// An error text begins with its code. Before Redis 7 one of a script has the code after the script's name.
SSE_DECL RedisFault::RedisFault(std::string_view text) noexcept {
  const auto is = [&](std::string_view code) {
    if (text.starts_with(code)) return true;
    const std::size_t at = text.find(code);
    return text.starts_with("ERR Error running script") && at != text.npos && text[at - 1] == ' ';
  };
  for (const char* const code : {"OOM ", "NOREPLICAS ", "MISCONF ", "BUSY "}) may_pass = may_pass || is(code);
  for (const char* const code : {"READONLY ", "MASTERDOWN ", "LOADING ", "CLUSTERDOWN ", "TRYAGAIN ", "UNBLOCKED ",
                                 "MOVED ", "ASK ", "ERR max number of clients"}) {
    reconnect = reconnect || is(code);
  }
  // Also where a person has to act first: the server may take the rights away from a connection, or give them to a new
  // one.
  for (const char* const code : {"NOAUTH ", "NOPERM ", "WRONGPASS "}) {
    if (is(code)) {
      reconnect = true;
      return;
    }
  }
  may_pass = may_pass || reconnect;
}

SSE_DECL SigpipeBlock::SigpipeBlock() noexcept {
  sigset_t pending, block, before;
  sigemptyset(&pending);
  sigpending(&pending);
  was_pending_ = sigismember(&pending, SIGPIPE) == 1;
  sigemptyset(&block);
  sigaddset(&block, SIGPIPE);
  sigemptyset(&before);
  pthread_sigmask(SIG_BLOCK, &block, &before);
  was_blocked_ = sigismember(&before, SIGPIPE) == 1;
}

SSE_DECL SigpipeBlock::~SigpipeBlock() {
  const int error = errno;
  sigset_t pending, block;
  sigemptyset(&pending);
  sigpending(&pending);
  sigemptyset(&block);
  sigaddset(&block, SIGPIPE);
  int signal = 0;
  if (!was_pending_ && sigismember(&pending, SIGPIPE) == 1) sigwait(&block, &signal);
  if (!was_blocked_) pthread_sigmask(SIG_UNBLOCK, &block, nullptr);
  errno = error;
}

SSE_DECL WakePipe::WakePipe() {
  if (::pipe(ends_) != 0) throw Error("sse: pipe() failed: " + std::generic_category().message(errno));
  for (const int end : ends_) {
    ::fcntl(end, F_SETFL, O_NONBLOCK);
    ::fcntl(end, F_SETFD, FD_CLOEXEC);
  }
}

SSE_DECL WakePipe::~WakePipe() {
  ::close(ends_[0]);
  ::close(ends_[1]);
}

SSE_DECL void WakePipe::set() noexcept {
  // A full pipe is set, too.
  [[maybe_unused]] const auto written = ::write(ends_[1], "", 1);
}

SSE_DECL bool WakePipe::take() noexcept {
  char bytes[64];
  bool was_set = false;
  while (::read(ends_[0], bytes, sizeof bytes) > 0) was_set = true;
  return was_set;
}

#if defined(SSE_REDIS_TLS)

inline std::string tls_error() {
  char text[256] = "unknown";
  const unsigned long code = ERR_get_error();
  if (code != 0) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

SSE_DECL RedisTls::RedisTls(const RedisLogOptions& options, const std::string& name) {
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  context_ = context;
  const auto need = [&](bool good, const std::string& what) {
    if (good) return;
    SSL_CTX_free(context);
    throw Error("sse: " + name + ": " + what + ": " + tls_error());
  };
  need(context, "TLS cannot be used");
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  const std::string &ca = options.tls_ca_file, &certificate = options.tls_certificate_file, &key = options.tls_key_file;
  if (ca.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else {
    need(SSL_CTX_load_verify_locations(context, ca.c_str(), nullptr) == 1, ca + " cannot be used");
  }
  if (certificate.empty()) return;
  need(SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) == 1, certificate + " cannot be used");
  need(SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) == 1, key + " cannot be used");
}

SSE_DECL RedisTls::~RedisTls() {
  SSL_CTX_free(static_cast<SSL_CTX*>(context_));
}

SSE_DECL std::string RedisTls::start(redisContext& context, const std::string& host) const {
  SSL* const ssl = SSL_new(static_cast<SSL_CTX*>(context_));
  if (!ssl) return tls_error();
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) != 1) {
    ERR_clear_error();
    SSL_set1_host(ssl, host.c_str());
    SSL_set_tlsext_host_name(ssl, host.c_str());
  }
  if (redisInitiateSSL(&context, ssl) == REDIS_OK) return {};
  SSL_free(ssl);  // the context has taken it only where the handshake succeeds
  return std::string("TLS: ") + (context.errstr[0] ? context.errstr : tls_error().c_str());
}

#else

SSE_DECL RedisTls::RedisTls(const RedisLogOptions&, const std::string& name) {
  throw Error("sse: " + name + ": RedisLog was built without TLS: it needs hiredis_ssl and SSE_REDIS_TLS");
}

SSE_DECL RedisTls::~RedisTls() = default;

SSE_DECL std::string RedisTls::start(redisContext&, const std::string&) const {
  return {};
}

#endif

inline timeval timeval_of(std::chrono::milliseconds time) {
  timeval value;
  value.tv_sec = static_cast<decltype(value.tv_sec)>(time.count() / 1000);
  value.tv_usec = static_cast<decltype(value.tv_usec)>(time.count() % 1000 * 1000);
  return value;
}

SSE_DECL void RedisConnection::connect(const RedisAddress& address, const RedisTls* tls) {
  disconnect();
  address_ = address;
  const timeval limit = timeval_of(std::max(options_.connect_timeout, std::chrono::milliseconds(1)));
  context_.reset(address.path.empty() ? redisConnectWithTimeout(address.host.c_str(), address.port, limit)
                                      : redisConnectUnixWithTimeout(address.path.c_str(), limit));
  if (!context_ || context_->err != 0) fail("connecting to " + address.text());
  redisSetTimeout(context_.get(), limit);
  if (tls) {
    if (const std::string error = tls->start(*context_, address.host); !error.empty()) {
      disconnect();
      throw LogError("sse: " + name_ + ": connecting to " + address.text() + ": " + error, true);
    }
  }
  // From here on poll() waits, so that a deadline is one for the whole of a reply, and another thread can end the wait.
  ::fcntl(context_->fd, F_SETFL, ::fcntl(context_->fd, F_GETFL) | O_NONBLOCK);
  ::fcntl(context_->fd, F_SETFD, FD_CLOEXEC);
  context_->flags &= ~REDIS_BLOCK;
  replies_.use_for(*context_->reader);
}

SSE_DECL void RedisConnection::disconnect() noexcept {
  context_.reset();
  replies_.clear();
}

/// Throws the error of the context and disconnects.
SSE_DECL void RedisConnection::fail(const std::string& doing) {
  std::string what = "sse: " + name_ + ": " + doing + ": ";
  const int error = context_ ? context_->err : REDIS_ERR_OOM;
  if (error == REDIS_ERR_IO && errno != 0) {
    what += errno == EAGAIN || errno == EWOULDBLOCK ? "it took too long" : std::generic_category().message(errno);
  } else {
    what += context_ ? context_->errstr : "out of memory";
  }
  disconnect();
  if (error == REDIS_ERR_IO || error == REDIS_ERR_EOF) throw RedisBroken(what);
  throw LogError(what, true);
}

SSE_DECL void RedisConnection::refuse_reply() {
  disconnect();
  throw LogError("sse: " + name_ + ": the server's reply is none of a Redis server to this command", true);
}

SSE_DECL void RedisConnection::refuse_size() {
  disconnect();
  throw RedisTooLarge("sse: " + name_ + ": the server's reply has more than " +
                      std::to_string(RedisReplies::max_elements) + " elements or " +
                      std::to_string(RedisReplies::max_bytes) + " bytes");
}

/// False: the deadline has passed, or the pipe is set.
SSE_DECL bool RedisConnection::wait(short events, Clock::time_point deadline, const WakePipe* wake) {
  for (;;) {
    pollfd sources[2] = {{context_->fd, events, 0}, {wake ? wake->descriptor() : -1, POLLIN, 0}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    const int ready = ::poll(sources, 2, static_cast<int>(std::clamp<decltype(left)>(left, 0, 3'600'000)));
    if (ready < 0 && errno != EINTR) fail("waiting");
    if (ready > 0 && sources[0].revents != 0) return true;
    if (ready > 0 && sources[1].revents != 0) return false;
    if (ready == 0 && left <= 0) return false;
  }
}

SSE_DECL void RedisConnection::send(std::span<const std::string_view> words) {
  if (!context_) throw RedisBroken("sse: " + name_ + ": not connected");
  output_ = '*' + std::to_string(words.size()) + "\r\n";
  for (const std::string_view word : words) {
    output_.append(1, '$').append(std::to_string(word.size())).append("\r\n").append(word).append("\r\n");
  }
  errno = 0;
  if (redisAppendFormattedCommand(context_.get(), output_.data(), output_.size()) != REDIS_OK) fail("sending");
  if (output_.capacity() > (std::size_t{1} << 20)) std::string().swap(output_);
  const auto deadline = Clock::now() + options_.reply_timeout;
  for (int done = 0; done == 0;) {
    errno = 0;
    if (redisBufferWrite(context_.get(), &done) != REDIS_OK) fail("sending");
    if (done == 0 && !wait(POLLOUT, deadline, nullptr)) {
      disconnect();
      throw LogError("sse: " + name_ + ": the server takes no command within " +
                         std::to_string(options_.reply_timeout.count()) + " ms",
                     true);
    }
  }
}

SSE_DECL const RedisReply* RedisConnection::receive_until(Clock::time_point deadline, const WakePipe* wake) {
  if (!context_) throw RedisBroken("sse: " + name_ + ": not connected");
  // A reply may have begun to arrive in an earlier call that the pipe ended.
  if (context_->reader->ridx < 0) replies_.clear();
  // A reply that has begun has the reply time, too; one that never ends must not go on for ever.
  const auto end = std::max(deadline, Clock::now()) + options_.reply_timeout;
  for (;;) {
    void* reply = nullptr;
    errno = 0;
    if (redisGetReplyFromReader(context_.get(), &reply) != REDIS_OK) {
      if (replies_.is_too_large()) refuse_size();
      fail("receiving");
    }
    if (reply) return static_cast<const RedisReply*>(reply);
    if (context_->reader->len - context_->reader->pos > RedisReplies::max_bytes) refuse_size();
    if (!wait(POLLIN, deadline, wake) || Clock::now() >= end) return nullptr;
    errno = 0;
    if (redisBufferRead(context_.get()) != REDIS_OK) fail("receiving");
  }
}

SSE_DECL const RedisReply& RedisConnection::receive(WakePipe* wake) {
  const auto deadline = Clock::now() + options_.reply_timeout;
  if (const RedisReply* const reply = receive_until(deadline, wake)) return *reply;
  bool woken = false;
  if (Clock::now() < deadline) {
    woken = true;
    const auto grace = Clock::now() + std::chrono::milliseconds(250);
    if (const RedisReply* const reply = receive_until(std::min(deadline, grace), nullptr)) return *reply;
  }
  disconnect();
  throw LogError("sse: " + name_ + ": " +
                     (woken ? "the call was interrupted while it waited for the reply"
                            : "no reply within " + std::to_string(options_.reply_timeout.count()) + " ms"),
                 true);
}

SSE_DECL const RedisReply& RedisConnection::check(const RedisReply& reply) {
  if (!reply.is_error()) return reply;
  std::string text = reply.text.substr(0, 500);
  if (text.starts_with("ERR The user executing the script")) text.replace(0, 3, "NOPERM");
  const RedisFault fault(text);
  if (text.starts_with("MOVED ")) note_moved(text);
  if (fault.reconnect) disconnect();
  throw LogError("sse: " + name_ + ": " + text, fault.may_pass);
}

/// Takes the address out of `MOVED SLOT HOST:PORT`. An empty host is that of the server that says so.
SSE_DECL void RedisConnection::note_moved(std::string_view error) {
  const std::string_view place = error.substr(error.rfind(' ') + 1);
  const std::size_t colon = place.rfind(':');
  if (colon == place.npos) return;
  RedisAddress address = address_;
  if (!parse_number(place.substr(colon + 1), address.port) || address.port < 1 || address.port > 65535) return;
  if (colon > 0) address.host = place.substr(0, colon);
  moved_ = std::move(address);
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
