// SPDX-License-Identifier: MIT
// The state that `serve` and its sessions share: the list of sessions, their strands and their timer.

#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/base/intrusive_list.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/intrusive_queue.hpp"
#include "sse/detail/base/mutex.hpp"
#include "sse/detail/base/thread_annotations.hpp"
#include "sse/detail/net/address_set.hpp"
#include "sse/detail/net/coarse_timer.hpp"
#include "sse/detail/net/shared_strand.hpp"
#include "sse/detail/net/turn_queue.hpp"
#include "sse/detail/server/session_gate.hpp"
#include "sse/event_manager.hpp"
#include "sse/http_options.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class Crowd;
class Session;

/// One call of `serve`. Thread-safe.
class Server final : public CoarseTimer::Deadline, public RefCounted {
 public:
  static constexpr int max_strands = 16;  ///< More than the threads that are expected to run one `serve`.

  Server(EventManager& manager, ServeOptions settings, asio::any_io_executor executor_of_acceptor,
         int strands = max_strands);
  ~Server();

  /// Makes a session, whose socket has yet to be accepted.
  IntrusivePtr<Session> make_session();
  /// Adds a session whose socket was accepted. It is pending until its stream begins; past RequestLimits::max_pending
  /// the oldest pending one is closed. False: no more sessions are accepted.
  bool add(Session& session);
  void begin_stream(Session& session) noexcept;
  /// Counts a request that a handler answers. False: there are too many.
  bool begin_handler() noexcept;
  void handler_done() noexcept { --handled_; }
  /// Removes a session. Does nothing for one that was not added.
  void remove(Session& session) noexcept;

  /// Accepts no more sessions, and returns the present ones.
  std::vector<IntrusivePtr<Session>> close();
  /// Closes the sockets of all sessions. Without memory it tries again with the next tick.
  void cut() noexcept;
  /// Calls cut() after that time. 0 or less: now.
  void cut_after(std::chrono::milliseconds time) noexcept;
  /// The crowds of a strand, on which this is to be called.
  IntrusiveList<Crowd>& crowds(const SharedStrand& strand) noexcept { return crowds_[strand.number]; }
  bool is_stopping() const noexcept { return sessions_done->is_closed(); }

  EventManager& manager;
  const ServeOptions options;            ///< Immutable.
  const AddressSet proxies;              ///< Immutable. ServeOptions::proxy_protocol_from.
  const std::string script_tag;          ///< Immutable. The ETag of ServeOptions::script.
  const asio::any_io_executor executor;  ///< Immutable. The acceptor's.
  const std::shared_ptr<CoarseTimer> timer;
  const std::shared_ptr<SessionGate> sessions_done;  ///< Every session has entered it.

 private:
  // Defined in the class, because g++ would otherwise take it for the key function and emit the vtable, with all that
  // it needs, in every file of a header-only program.
  void on_deadline(CoarseTimer::Owners& owners) noexcept override { post_cut(owners); }
  CoarseTimer& coarse_timer() noexcept override { return *timer; }
  void post_cut(CoarseTimer::Owners& owners) noexcept;

  std::atomic<std::size_t> handled_ = 0;      ///< Requests that handlers are answering.
  TurnQueue turns_;                           ///< Of the strands.
  std::deque<SharedStrand> strands_;          ///< Immutable.
  std::vector<IntrusiveList<Crowd>> crowds_;  ///< By the number of their strand, on which they are used.
  std::size_t next_strand_ = 0;               ///< The accept loop's only.
  Mutex mutex_;
  IntrusiveQueue<Session> pending_ SSE_GUARDED_BY(mutex_);
  IntrusiveQueue<Session> streams_ SSE_GUARDED_BY(mutex_);
  std::size_t pending_count_ SSE_GUARDED_BY(mutex_) = 0;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
