// SPDX-License-Identifier: MIT
// The bodies of detail/server/server.hpp. src.hpp compiles them once; else http.hpp includes them.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/spin_mutex.hpp"
#include "sse/detail/net/coarse_timer.hpp"
#include "sse/detail/server/server.hpp"
#include "sse/detail/server/session.hpp"
#include "sse/event_manager.hpp"
#include "sse/http_options.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// An ETag: a hash (FNV-1a) that is the same in every process.
inline std::string tag_of(std::string_view text) {
  std::uint64_t hash = 14'695'981'039'346'656'037u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211u;
  return '"' + std::to_string(hash) + '"';
}

SSE_DECL Server::Server(EventManager& its_manager, ServeOptions settings, asio::any_io_executor executor_of_acceptor,
                        int strands)
    : manager(its_manager),
      options(std::move(settings)),
      proxies(options.proxy_protocol_from),
      script_tag(tag_of(options.script)),
      executor(std::move(executor_of_acceptor)),
      timer(coarse_timer_of(executor)),
      sessions_done(std::make_shared<SessionGate>()),
      turns_(executor) {
  for (int i = 0; i < strands; ++i) strands_.emplace_back(executor, turns_, static_cast<std::size_t>(i));
  crowds_.resize(strands_.size());
  timer->add(*this, executor);  // the last step, because a constructor that throws would leave it there
}

SSE_DECL Server::~Server() {
  timer->remove(*this);
}

SSE_DECL IntrusivePtr<Session> Server::make_session() {
  const SharedStrand& strand = strands_[next_strand_++ % strands_.size()];
  return IntrusivePtr<Session>(new Session(IntrusivePtr<Server>(this), strand));
}

SSE_DECL bool Server::add(Session& session) {
  IntrusivePtr<Session> oldest;
  {
    const MutexLock lock(mutex_);
    if (is_stopping()) return false;
    pending_.push_back(session);
    const std::size_t max_pending = options.limits.max_pending;
    if (++pending_count_ > max_pending && max_pending != 0) {
      oldest = pending_.first()->keep_if_alive();
      pending_.erase(*pending_.first());
      --pending_count_;
    }
  }
  if (oldest) oldest->abort();
  return true;
}

SSE_DECL void Server::begin_stream(Session& session) noexcept {
  const MutexLock lock(mutex_);
  if (!session.is_queued()) return;  // it is being closed
  pending_.erase(session);
  --pending_count_;
  streams_.push_back(session);
}

SSE_DECL bool Server::begin_handler() noexcept {
  const std::size_t max = options.max_handled;
  if (++handled_ <= max || max == 0) return true;
  --handled_;
  return false;
}

SSE_DECL void Server::remove(Session& session) noexcept {
  const MutexLock lock(mutex_);
  if (!session.is_queued()) return;
  if (session.is_stream()) return streams_.erase(session);
  pending_.erase(session);
  --pending_count_;
}

// The caller releases the sessions without the lock, because a session's destructor takes it.
SSE_DECL std::vector<IntrusivePtr<Session>> Server::close() {
  std::vector<IntrusivePtr<Session>> all;
  const MutexLock lock(mutex_);
  sessions_done->close();
  const auto keep = [&](Session& session) {
    all.emplace_back();  // before the reference is made, because it may throw
    all.back() = session.keep_if_alive();
    if (!all.back()) all.pop_back();
  };
  pending_.for_each(keep);
  streams_.for_each(keep);
  return all;
}

SSE_DECL void Server::cut() noexcept {
  sessions_done->close();
  for (;;) {
    IntrusivePtr<Session> alive;  // released without the lock
    const MutexLock lock(mutex_);
    const bool is_pending = pending_.first() != nullptr;
    auto& sessions = is_pending ? pending_ : streams_;
    Session* const session = sessions.first();
    if (!session) return;
    alive = session->keep_if_alive();
    try {
      if (alive) alive->abort();
    } catch (...) {
      return expire_at(CoarseTimer::Clock::now());
    }
    sessions.erase(*session);
    if (is_pending) --pending_count_;
  }
}

SSE_DECL void Server::cut_after(std::chrono::milliseconds time) noexcept {
  expire_at(CoarseTimer::after(time));
  if (time.count() <= 0) cut();
}

SSE_DECL void Server::post_cut(CoarseTimer::Owners& owners) noexcept {
  auto self = IntrusivePtr<Server>::if_alive(*this);
  if (!self) return;
  owners.keep(self);
  post(executor, [self = std::move(self)] { self->cut(); });
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
