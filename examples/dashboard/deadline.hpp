#pragma once

#include <chrono>

namespace dashboard {

/// A moment that someone else watches for: one sweep over all connections costs less than a timer for each.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  void in(Clock::duration time) { at_ = Clock::now() + time; }
  void never() { at_ = Clock::time_point::max(); }
  bool passed(Clock::time_point now) const { return at_ <= now; }

 private:
  Clock::time_point at_ = Clock::time_point::max();
};

}  // namespace dashboard
