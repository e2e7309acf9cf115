#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/detail/batch.hpp"
#include "sse/event.hpp"
#include "sse/ring_buffer.hpp"

/// The last events of a manager, and where in them a client goes on.
namespace sse::detail {

/// An event's id, `<start>-<n>`: the manager's start in Unix ms, and a dense count from 1.
struct EventId {
  std::uint64_t start, n;
};

inline std::string to_string(const EventId& id) {
  return std::to_string(id.start) + '-' + std::to_string(id.n);
}

/// Nullopt: not an id as a manager writes it.
inline std::optional<EventId> parse_event_id(std::string_view text) noexcept {
  const auto take_number = [&](std::uint64_t& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const auto size = static_cast<std::size_t>(end - text.data());
    const bool padded = size > 1 && text.front() == '0';
    text.remove_prefix(size);
    return error == std::errc() && !padded;
  };
  EventId id{};
  if (!take_number(id.start) || !text.starts_with('-')) return std::nullopt;
  text.remove_prefix(1);
  if (!take_number(id.n) || !text.empty()) return std::nullopt;
  return id;
}

/// Events that a reader has lost and has not been told of.
struct Loss {
  std::size_t count = 0;
  std::size_t of_history = 0;         ///< of `count`, those that a history held no more
  std::uint64_t first = 0, last = 0;  ///< of those that had an id; 0: none had one
  bool reset = false;                 ///< nobody can say how many

  bool any() const noexcept { return count != 0 || reset; }
  void add(std::uint64_t sequence) noexcept { add(1, sequence, sequence); }
  void add(const Loss& next) noexcept {  ///< one that is no reset
    add(next.count, next.first, next.last);
    of_history += next.of_history;
  }
  void add(std::size_t more, std::uint64_t from, std::uint64_t to) noexcept {
    count += more;
    if (from == 0) return;
    first = first == 0 ? from : std::min(first, from);
    last = std::max(last, to);
  }
};

/// What a history gives to one reader.
struct ReplayPlan {
  std::optional<EventId>
      after;               ///< the stream goes on after it; unset: after the last event, with nothing of the history
  std::uint64_t next = 0;  ///< the history's first event for the stream
  Loss lost;               ///< before that
};

/// Where a client goes on that has seen the event `seen` (unset: it can't be read), in a history that holds `first` to
/// `last` (nothing: first is last + 1).
///
/// `after` is sent before the loss is told: a client that is cut between the two asks the same again, and is told then.
inline ReplayPlan plan_replay(std::optional<EventId> seen, std::uint64_t start, std::uint64_t first,
                              std::uint64_t last) {
  ReplayPlan plan;
  const bool known = seen && seen->start == start;
  plan.lost.reset = !known || seen->n > last;
  if (!seen || (known && seen->n > last)) return plan;
  plan.after = seen;
  plan.next = known ? std::max(seen->n + 1, first) : first;
  if (known && plan.next > seen->n + 1) {
    plan.lost.add(static_cast<std::size_t>(first - 1 - seen->n), seen->n + 1, first - 1);
    plan.lost.of_history = plan.lost.count;
  }
  return plan;
}

/// The last events, each with its id; they are shared with the connections. Thread-safe.
class History {
 public:
  History(std::size_t size, std::uint64_t begin) : start(begin), kept_(std::max<std::size_t>(size, 1)) {}

  const std::uint64_t start;

  /// The number of the last event; 0: there was none.
  std::uint64_t last() const noexcept {
    const std::lock_guard lock(mutex_);
    return last_;
  }

  /// `event` has the next number.
  void keep(const Event& event) noexcept {
    const std::lock_guard lock(mutex_);
    kept_.push(event);
    ++last_;
    batches_.forget_before(first());
  }

  /// plan_replay in what is held now.
  ReplayPlan plan(std::string_view seen) const {
    const std::lock_guard lock(mutex_);
    return plan_replay(parse_event_id(seen), start, first(), last_);
  }
  ReplayPlan plan_all() const {
    const std::lock_guard lock(mutex_);
    return plan_replay(EventId{start, first() - 1}, start, first(), last_);
  }

  /// The event `n`, or the oldest if that is gone; `n` must be last() at most.
  Event from(std::uint64_t n) const noexcept {
    const std::lock_guard lock(mutex_);
    return at(std::max(n, first()));
  }
  /// The events from `n` to `last`, in part; nothing if `n` is gone.
  BatchPart batch(std::uint64_t n, std::uint64_t last) {
    const std::lock_guard lock(mutex_);
    if (n < first()) return {};
    return batches_.read(n, last + 1, [this](std::uint64_t i) -> const Event& { return at(i); });
  }

 private:
  std::uint64_t first() const noexcept { return last_ + 1 - kept_.size(); }
  const Event& at(std::uint64_t n) const noexcept { return kept_[static_cast<std::size_t>(n - first())]; }

  mutable std::mutex mutex_;
  RingBuffer<Event> kept_;
  std::uint64_t last_ = 0;
  BatchCache batches_;
};

/// One reader's place in the history while it reads that. Guarded by its shard's mutex.
class Replay {
 public:
  /// From the event `next` to `last`. `wanted`: a bit for each of them; empty: all.
  Replay(std::uint64_t next, std::uint64_t last, std::vector<bool> wanted)
      : next_(next), base_(next), end_(last), wanted_(std::move(wanted)) {
    skip_unwanted();
  }
  bool done() const noexcept { return next_ > end_; }

  bool wants_all() const noexcept { return wanted_.empty(); }

  /// The next events, in part, where it wants all; nothing: `take` has to be asked.
  BatchPart take_batch(History& history) {
    BatchPart part = history.batch(next_, end_);
    next_ += part.size;
    return part;
  }

  /// The next event; empty: that was all. What the history has let go of meanwhile is added to `lost`.
  Event take(const History& history, Loss& lost) noexcept {
    while (!done()) {
      Event event = history.from(next_);
      const std::uint64_t found = std::min(EventAccess::sequence(event), end_ + 1);
      if (found == next_) {
        ++next_;
        skip_unwanted();
        return event;
      }
      while (next_ < found) {
        lost.add(next_++);
        ++lost.of_history;
        skip_unwanted();
      }
    }
    return {};
  }

 private:
  void skip_unwanted() noexcept {
    while (!done() && !wanted_.empty() && !wanted_[static_cast<std::size_t>(next_ - base_)]) ++next_;
  }

  std::uint64_t next_;
  const std::uint64_t base_, end_;
  const std::vector<bool> wanted_;
};

}  // namespace sse::detail
