// SPDX-License-Identifier: MIT
// The bodies of detail/server/crowd.hpp. src.hpp compiles them once; else http.hpp includes them.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/async/wait_operation.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/owned.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/spin_mutex.hpp"
#include "sse/detail/frame/batch.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/gzip/event_chain.hpp"
#include "sse/detail/hub/connection.hpp"
#include "sse/detail/hub/shared_reader.hpp"
#include "sse/detail/net/coarse_timer.hpp"
#include "sse/detail/net/shared_strand.hpp"
#include "sse/detail/server/crowd.hpp"
#include "sse/detail/server/event_writer.hpp"
#include "sse/detail/server/server.hpp"
#include "sse/detail/server/session.hpp"
#include "sse/detail/server/socket_sink.hpp"

#include "sse/detail/base/push_options.hpp"

#if defined(SSE_SENDMSG)

namespace sse::inline SSE_ABI::detail {

/// True at random, once in `times`, where tests want members to leave at any time.
inline bool flickers([[maybe_unused]] std::uint32_t times) noexcept {
#if SSE_CROWDS == 2
  static thread_local std::uint32_t state = 2'463'534'242u;
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state % times == 0;
#else
  return false;
#endif
}

/// Completes the crowd's wait.
class Crowd::OnEvent {
 public:
  using executor_type = SharedStrandExecutor;
  executor_type get_executor() const noexcept { return SharedStrandExecutor(crowd_->strand_); }

  explicit OnEvent(Crowd& crowd) noexcept : crowd_(&crowd) {}
  void operator()(error_code) {
    const IntrusivePtr<Crowd> crowd = std::move(crowd_);
    crowd->on_event();
  }

 private:
  IntrusivePtr<Crowd> crowd_;
};

/// Goes on with the crowd in a turn of its own.
class Crowd::OnTurn {
 public:
  explicit OnTurn(Crowd& crowd) noexcept : crowd_(&crowd) {}
  void operator()() {
    const IntrusivePtr<Crowd> crowd = std::move(crowd_);
    crowd->on_turn();
  }

 private:
  IntrusivePtr<Crowd> crowd_;
};

SSE_DECL Crowd::Crowd(IntrusivePtr<Server> server, const SharedStrand& strand, std::shared_ptr<Shard> its_shard)
    : SharedReader(std::move(its_shard)), server_(std::move(server)), strand_(strand) {
  set_due();
  server_->timer->add(*this, server_->executor);
  server_->crowds(strand_).insert(*this);
}

// Members are left only where the execution context is being destroyed.
SSE_DECL Crowd::~Crowd() {
  server_->timer->remove(*this);
  IntrusiveList<Crowd>::erase(*this);
  const SpinLock lock(shard->mutex);
  for (const Member& member : members_) {
    Connection& connection = member.session->connection();
    connection.assert_locked();
    connection.leave(*this);
    if (EventTap* const tap = member.session->tap()) tap_->leave(*tap);
    member.session->forget_crowd();
  }
}

SSE_DECL CrowdEntry Crowd::enter(Session& session) noexcept {
  if (SSE_CROWDS == 0 || flickers(4)) return CrowdEntry::refused;
  try {
    return try_enter(session);
  } catch (const std::bad_alloc&) {
    return CrowdEntry::refused;
  }
}

SSE_DECL CrowdEntry Crowd::try_enter(Session& session) {
  if (session.tap() && !session.tap()->may_share()) return CrowdEntry::refused;
  const SharedStrand& strand = session.get_executor().lane();
  Connection& connection = session.connection();
  Crowd* crowd = nullptr;
  {
    const SpinLock lock(connection.shard->mutex);
    connection.assert_locked();
    if (!connection.may_enter()) return CrowdEntry::refused;
    crowd = session.server->crowds(strand).find([&](const Crowd& one) {
      if (one.shard != connection.shard) return false;
      connection.assert_locked();
      one.assert_locked();
      return one.suits(session) && one.reads(*connection.backlog());
    });
  }
  if (crowd) return crowd->add(session);
  const IntrusivePtr<Crowd> made(new Crowd(session.server, strand, connection.shard));
  CrowdEntry result = CrowdEntry::refused;
  try {
    result = made->add(session);
  } catch (const std::bad_alloc&) {
  }
  if (result == CrowdEntry::entered) {
    made->start_wait();
    if (!made->dissolves_) return result;
    leave(session);
  }
  made->end_if_empty();
  return CrowdEntry::refused;
}

SSE_DECL CrowdEntry Crowd::add(Session& session) {
  if (dissolves_) return CrowdEntry::refused;
  EventTap* const tap = session.tap();
  if (members_.empty()) tap_ = tap ? tap->share() : Owned<SharedTap>();
  members_.push_back({session.stream().native_handle(), session.keep()});
  const std::size_t last = members_.size() - 1;
  SharedReader::Entry entry = SharedReader::Entry::refused;
  try {
    Connection& connection = session.connection();
    const SpinLock lock(shard->mutex);
    connection.assert_locked();
    entry = connection.enter(*this, &session);
    if (entry == SharedReader::Entry::entered && tap && !tap_->enter(*tap)) {
      connection.leave(*this);
      entry = SharedReader::Entry::refused;
    }
  } catch (...) {
    members_.pop_back();
    throw;
  }
  if (entry != SharedReader::Entry::entered) {
    members_.pop_back();
    return entry == SharedReader::Entry::behind ? CrowdEntry::behind : CrowdEntry::refused;
  }
  if (last == 0) set_due();
  session.set_crowd_index(static_cast<std::uint32_t>(last));
  if (in_round()) {  // it has what the round sends
    std::swap(members_[reached_], members_[last]);
    members_[last].session->set_crowd_index(static_cast<std::uint32_t>(last));
    session.set_crowd_index(static_cast<std::uint32_t>(reached_++));
  }
  return CrowdEntry::entered;
}

SSE_DECL bool Crowd::suits(Session& session) const noexcept {
  if (members_.empty()) return true;
  const EventTap* const tap = session.tap();
  return tap ? tap_ && tap_->suits(*tap) : !tap_;
}

SSE_DECL BatchPart Crowd::leave(Session& session) noexcept {
  Connection& connection = session.connection();
  IntrusivePtr<Crowd> crowd;  // released without the lock
  {
    const SpinLock lock(connection.shard->mutex);
    connection.assert_locked();
    crowd = IntrusivePtr<Crowd>(static_cast<Crowd*>(connection.shared_reader()));
    connection.leave(*crowd);
  }
  BatchPart rest = crowd->unsent(session);
  const IntrusivePtr<Session> left = crowd->erase(session.crowd_index());
  if (crowd->members_.empty()) crowd->cancel_wait();
  return rest;
}

SSE_DECL bool Crowd::is_unreached(Session& session) const noexcept {
  return in_round() && session.crowd_index() >= reached_;
}

SSE_DECL void Crowd::move_member(std::size_t from, std::size_t to) noexcept {
  if (from == to) return;
  members_[to] = std::move(members_[from]);
  members_[to].session->set_crowd_index(static_cast<std::uint32_t>(to));
}

/// The last member takes its index; in a round, the last that was reached, and the last takes the index of that.
SSE_DECL IntrusivePtr<Session> Crowd::erase(std::size_t index) noexcept {
  IntrusivePtr<Session> session = std::move(members_[index].session);
  if (EventTap* const tap = session->tap()) tap_->leave(*tap);
  if (in_round() && index < reached_) {
    move_member(--reached_, index);
    index = reached_;
  }
  move_member(members_.size() - 1, index);
  members_.pop_back();
  if (members_.empty()) tap_ = {};
  return session;
}

SSE_DECL void Crowd::let_go(std::size_t index, BatchPart rest, std::size_t sent, error_code error) noexcept {
  const IntrusivePtr<Session> session = erase(index);
  {
    Connection& connection = session->connection();
    const SpinLock lock(shard->mutex);
    connection.assert_locked();
    connection.leave(*this);
  }
  session->left_crowd(std::move(rest), sent, error);
}

SSE_DECL void Crowd::on_event() noexcept {
  waiting_ = false;
  if (!posted_) turn();
}

SSE_DECL void Crowd::on_turn() noexcept {
  posted_ = false;
  turn();
}

SSE_DECL void Crowd::turn() noexcept {
  while (!run_turn())
    if (try_post()) return;
  end_if_empty();
}

/// Without members it waits no more, and is found no more once it has no wait.
SSE_DECL void Crowd::end_if_empty() noexcept {
  if (!members_.empty()) return;
  cancel_wait();
  if (!waiting_ && !posted_) IntrusiveList<Crowd>::erase(*this);
}

SSE_DECL void Crowd::cancel_wait() noexcept {
  if (waiting_) wait.place.cancel(key_);
}

/// False: without memory the next turn begins at once.
SSE_DECL bool Crowd::try_post() noexcept {
  try {
    posted_ = true;
    asio::post(SharedStrandExecutor(strand_), OnTurn(*this));
  } catch (...) {
    posted_ = false;
  }
  return posted_;
}

SSE_DECL bool Crowd::run_turn() noexcept {
  constexpr int max_rounds = 2;  // as EventWriter::Turn
  Budget budget;
  for (int rounds = 0;;) {
    if (!release_called(budget)) return false;
    if (!in_round() || !is_packed()) {
      if (dissolves_ && !dissolve(budget)) return false;
      if (rounds++ == max_rounds || !begin_round()) break;
    }
    if (!send(budget)) return false;
  }
  if (dissolves_) return false;
  start_wait();
  return !dissolves_;
}

/// Lets the called members go on. False: there are too many for one turn.
SSE_DECL bool Crowd::release_called(Budget& budget) noexcept {
  for (std::array<void*, 64> called;;) {
    const std::size_t count = take_called(called);
    for (std::size_t i = 0; i < count; ++i) {
      Session& session = *static_cast<Session*>(called[i]);
      let_go(session.crowd_index(), unsent(session), 0, {});
    }
    if (count != called.size()) return true;
    if (budget.sends <= count) return false;
    budget.sends -= count;
  }
}

/// Lets all members go on. False: there are too many for one turn.
SSE_DECL bool Crowd::dissolve(Budget& budget) noexcept {
  while (!members_.empty()) {
    if (budget.spent()) return false;
    let_go(members_.size() - 1, unsent(*members_.back().session), 0, {});
    budget.spend(0);
  }
  part_ = {};
  dissolves_ = false;
  return true;
}

SSE_DECL bool Crowd::begin_round() noexcept {
  reached_ = 0;
  try {
    if (tap_) tap_->prepare();
    switch (take_batch(part_)) {
      case Step::events:
        is_comment_due_ = false;
        set_due();
        if (tap_) {
          take_more();
          part_ = tap_->pack(part_, members_.size());
        }
        return true;
      case Step::called: return true;  // they are released before anything is sent
      case Step::lost: dissolves_ = true; return false;
      case Step::nothing: break;
    }
  } catch (const std::bad_alloc&) {  // each member tries by itself
    dissolves_ = true;
    return false;
  }
  if (!std::exchange(is_comment_due_, false)) return false;
  try {
    const IntrusivePtr<Batch> batch(new Batch(1));
    batch->add(tap_ ? raw_frame({}) : EventWriter::keep_alive_comment());
    const BatchPart comment{batch, 0, 1, false};
    part_ = tap_ ? tap_->pack(comment, members_.size()) : comment;
  } catch (const std::bad_alloc&) {  // the next tick tries again
    is_comment_due_ = true;
    expire_at(CoarseTimer::Clock::now());
    return false;
  }
  if (!tap_) count_bytes(part_.bytes() * members_.size());
  set_due();
  return true;
}

/// Takes further events for the same write of a compressed stream, where they are short.
SSE_DECL void Crowd::take_more() noexcept {
  constexpr std::size_t max_batches = 4;
  if (!part_.more) return;
  try {
    const IntrusivePtr<Batch> joined(new Batch(max_batches * Batch::max_size));
    const auto add = [&](const BatchPart& part) {
      for (std::size_t i = 0; i < part.size; ++i) joined->add(part.batch->event(part.begin + i));
    };
    add(part_);
    bool more = true;
    for (std::size_t batches = 1; more && batches < max_batches; ++batches) {
      BatchPart next;
      try {
        if (take_batch(next) != Step::events) break;
      } catch (const std::bad_alloc&) {
        break;
      }
      add(next);
      more = next.more;
    }
    part_ = {joined, 0, joined->size(), more};
  } catch (const std::bad_alloc&) {  // then it writes what it has
  }
}

/// One piece costs the system less than many. A copy pays from a few members on. Null: it is better left in pieces.
SSE_DECL const char* Crowd::text_of_round() const noexcept {
  if (part_.packed) return nullptr;  // it needs a flag of its own
  if (part_.size == 1) return static_cast<const char*>(part_.frames()[0].data());
  if (part_.size == 0 || members_.size() < 4) return nullptr;
  try {
    const char* text = part_.batch->text();
    for (std::size_t i = 0; i < part_.begin; ++i) text += part_.batch->frames()[i].size();
    return text;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

/// Sends to the members that have not been reached. False: the turn is over before the round.
SSE_DECL bool Crowd::send(Budget& budget) noexcept {
  if (!in_round()) return true;
  const std::size_t bytes = part_.bytes();
  const char* const text = text_of_round();
  error_code error;
  while (reached_ < members_.size()) {
    if (budget.spent()) return false;
    budget.spend(bytes);
    if (flickers(8)) {
      let_go(reached_, part_, 0, {});
      continue;
    }
    const int descriptor = members_[reached_].descriptor;
    const std::size_t sent =
        text ? send_text(descriptor, text, bytes, error) : send_frames(descriptor, part_, 0, error);
    if (sent != bytes) {
      let_go(reached_, part_, sent, std::exchange(error, {}));
      continue;
    }
    ++reached_;
    if (flickers(8)) let_go(reached_ - 1, {}, 0, {});
  }
  part_ = {};
  return true;
}

SSE_DECL void Crowd::start_wait() noexcept {
  if (waiting_ || members_.empty()) return;
  try {
    OnEvent handler(*this);
    key_ = wait.place.next_key();
    auto* const operation = WaitOperation<OnEvent>::make(handler, server_->executor);
    try {
      wait.place.wait(operation, key_, operation->context(), [this] {
        assert_locked();
        return is_ready();
      });
    } catch (...) {
      Waiter::destroy_all(operation);
      throw;
    }
    waiting_ = true;
  } catch (...) {  // no memory: each member tries by itself
    dissolves_ = true;
  }
}

SSE_DECL void Crowd::set_due() noexcept {
  expire_at(CoarseTimer::after(server_->options.stream.keep_alive));
}

SSE_DECL void Crowd::post_on_time(CoarseTimer::Owners& owners) noexcept {
  auto crowd = IntrusivePtr<Crowd>::if_alive(*this);
  if (!crowd) return;
  owners.keep(crowd);
  post(SharedStrandExecutor(strand_), [crowd = std::move(crowd)] { crowd->on_time(); });
}

SSE_DECL void Crowd::on_time() noexcept {
  if (!expired() || members_.empty()) return;  // something was written meanwhile
  if (in_round()) return set_due();
  is_comment_due_ = true;
  if (!posted_) turn();
}

}  // namespace sse::inline SSE_ABI::detail

#endif

#include "sse/detail/base/pop_options.hpp"
