#pragma once

#include <chrono>
#include <cmath>
#include <random>

namespace dashboard {

/// The dice of the demo.
class Chance {
 public:
  bool one_in(double n) { return between(0.0, n) < 1.0; }
  double between(double low, double high) { return std::uniform_real_distribution<double>(low, high)(engine_); }
  int whole(int low, int high) { return std::uniform_int_distribution<int>(low, high)(engine_); }

  /// How long things take: mostly about the median, now and then many times that.
  std::chrono::microseconds duration(double median_ms, double spread = 0.5) {
    return std::chrono::microseconds(
        static_cast<long>(std::lognormal_distribution<double>(std::log(median_ms * 1000), spread)(engine_)));
  }
  /// The time to the next of events that come at random, `rate` a second on average.
  std::chrono::microseconds until_next(double rate) {
    return std::chrono::microseconds(static_cast<long>(std::exponential_distribution<double>(rate)(engine_) * 1e6));
  }

 private:
  std::mt19937 engine_{std::random_device{}()};
};

}  // namespace dashboard
