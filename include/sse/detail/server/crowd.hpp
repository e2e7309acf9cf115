// SPDX-License-Identifier: MIT
// Sessions that have written the same events to plain sockets, and want the same further ones: one reads for all of
// them. See decisions/crowds.md.

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include "sse/config.hpp"
#include "sse/detail/base/intrusive_list.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/owned.hpp"
#include "sse/detail/base/platform.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/batch.hpp"
#include "sse/detail/gzip/event_chain.hpp"
#include "sse/detail/hub/shared_reader.hpp"
#include "sse/detail/net/coarse_timer.hpp"
#include "sse/detail/net/shared_strand.hpp"
#include "sse/detail/server/server.hpp"
#include "sse/detail/server/write_loop.hpp"

#include "sse/detail/base/push_options.hpp"

// For tests: 0 makes no crowds; 2 makes members leave and come back at random, also in the middle of a round.
#if !defined(SSE_CROWDS)
#define SSE_CROWDS 1
#endif

#if defined(SSE_SENDMSG)

namespace sse::inline SSE_ABI::detail {

class Session;

/// Sessions of one strand that have read the same of one backlog, and have nothing unsent. They have one place, one
/// wait and one deadline. A round takes events once and sends them to one member after the other; a member that takes
/// them whole costs that call and its entry here. Whoever takes less, or becomes different, leaves: it goes on by
/// itself, with what it has not been sent, and comes back when it has caught up. Compressed streams have crowds of
/// their own, which compress once for all members.
///
/// A turn on the strand sends to at most `max_sends` members or about `max_bytes`, then others have theirs. Everything
/// is called on the strand. The pending wait, or the posted turn, owns the crowd, which owns its members.
class Crowd final : public SharedReader,
                    public CoarseTimer::Deadline,
                    public RefCounted,
                    public IntrusiveList<Crowd>::Hook {
 public:
  static constexpr std::size_t max_sends = 256, max_bytes = 1024 * 1024;

  Crowd(IntrusivePtr<Server> server, const SharedStrand& strand, std::shared_ptr<Shard> shard);
  ~Crowd();

  /// Makes the session a member of a crowd of its strand.
  static CrowdEntry enter(Session& session) noexcept;
  /// Removes a member, and returns the events that were taken for it and not sent.
  static BatchPart leave(Session& session) noexcept;

 private:
  class OnEvent;
  class OnTurn;

  struct Member {
    int descriptor;
    IntrusivePtr<Session> session;
  };
  /// The rest of a turn.
  struct Budget {
    std::size_t sends = max_sends, bytes = max_bytes;
    bool spent() const noexcept { return sends == 0 || bytes == 0; }
    void spend(std::size_t sent) noexcept {
      --sends;
      bytes -= sent < bytes ? sent : bytes;
    }
  };

  static CrowdEntry try_enter(Session& session);
  CrowdEntry add(Session& session);
  /// True if the session's stream is compressed as those of the members, or plain as those.
  bool suits(Session& session) const noexcept;
  bool in_round() const noexcept { return part_.size != 0; }
  /// False: there was no memory to compress the events of the round, and all members leave.
  bool is_packed() const noexcept { return !tap_ || part_.packed; }
  bool is_unreached(Session& session) const noexcept;
  /// The events that were taken for a member and not sent.
  BatchPart unsent(Session& session) const noexcept { return is_unreached(session) ? part_ : BatchPart(); }
  void move_member(std::size_t from, std::size_t to) noexcept;
  IntrusivePtr<Session> erase(std::size_t index) noexcept;
  /// Removes a member, which goes on by itself.
  void let_go(std::size_t index, BatchPart rest, std::size_t sent, error_code error) noexcept;

  void on_event() noexcept;
  void on_turn() noexcept;
  void on_time() noexcept;
  void start_wait() noexcept;
  void cancel_wait() noexcept;
  void end_if_empty() noexcept;
  void turn() noexcept;
  bool try_post() noexcept;
  /// False: the turn is over, and another must follow.
  bool run_turn() noexcept;
  bool release_called(Budget& budget) noexcept;
  bool dissolve(Budget& budget) noexcept;
  bool send(Budget& budget) noexcept;
  /// False: there is nothing to send.
  bool begin_round() noexcept;
  void take_more() noexcept;
  const char* text_of_round() const noexcept;
  void set_due() noexcept;
  void on_deadline(CoarseTimer::Owners& owners) noexcept override { post_on_time(owners); }
  void post_on_time(CoarseTimer::Owners& owners) noexcept;
  CoarseTimer& coarse_timer() noexcept override { return *server_->timer; }

  const IntrusivePtr<Server> server_;
  const SharedStrand& strand_;
  std::deque<Member> members_;
  Owned<SharedTap> tap_;     ///< Null: the streams are plain, or there are no members.
  BatchPart part_;           ///< The events of the round. Empty: there is no round.
  std::size_t reached_ = 0;  ///< The members before this index have got `part_`.
  std::uint64_t key_ = 0;    ///< Of the wait.
  bool waiting_ = false;
  bool posted_ = false;          ///< A turn is posted.
  bool dissolves_ = false;       ///< All members leave.
  bool is_comment_due_ = false;  ///< A keep-alive.
};

}  // namespace sse::inline SSE_ABI::detail

#endif

#include "sse/detail/base/pop_options.hpp"
