// SPDX-License-Identifier: MIT
// The state that `serve` and its sessions share: the sessions that there are, their strands and their timer.

#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/base/intrusive_list.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/mutex.hpp"
#include "sse/detail/base/thread_annotations.hpp"
#include "sse/detail/net/coarse_timer.hpp"
#include "sse/detail/net/shared_strand.hpp"
#include "sse/detail/server/session_gate.hpp"
#include "sse/event_manager.hpp"
#include "sse/http_options.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class Session;

/// One call of `serve`. Thread-safe.
class Server final : public CoarseTimer::Deadline, public RefCounted {
 public:
  Server(EventManager& manager, ServeOptions settings, asio::any_io_executor executor_of_acceptor);
  ~Server();

  /// The next session, whose socket has yet to be accepted.
  IntrusivePtr<Session> make_session();
  /// False: no more sessions are let in.
  bool add(Session& session) noexcept;
  /// Of one that was added.
  void remove(Session& session) noexcept;

  /// Lets no more sessions in, and returns those that there are.
  std::vector<IntrusivePtr<Session>> close();
  /// Closes the sockets of all sessions.
  void cut();
  /// Cuts them after that time; 0 and less: now.
  void cut_after(std::chrono::milliseconds time);
  bool is_stopping() const noexcept { return sessions_done->is_closed(); }

  EventManager& manager;
  const ServeOptions options;            ///< Immutable.
  const asio::any_io_executor executor;  ///< Immutable. The acceptor's.
  const std::shared_ptr<CoarseTimer> timer;
  const std::shared_ptr<SessionGate> sessions_done;  ///< every session is inside of it

 private:
  static constexpr int max_strands = 16;  ///< more than threads that would work on one serve's sockets

  // Inline in the class: g++ would take it for the key function and emit the vtable, and all that it needs, in every
  // file of a header-only program.
  void on_deadline() noexcept override { post_cut(); }
  void post_cut() noexcept;

  std::deque<SharedStrand> strands_;  ///< Immutable.
  std::size_t next_strand_ = 0;       ///< The accept loop's only.
  Mutex mutex_;
  IntrusiveList<Session> sessions_ SSE_GUARDED_BY(mutex_);
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
