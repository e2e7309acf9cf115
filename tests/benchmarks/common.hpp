// Shared by the programs of the benchmarks: the frame that everyone sends, clocks, and one command a line on stdin.
#pragma once

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// CLOCK_MONOTONIC: the same for all processes of a machine.
inline std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}
inline void sleep_until(std::int64_t ns) {
  const timespec then{ns / 1'000'000'000, ns % 1'000'000'000};
  ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, nullptr);
}

/// Of the whole process, user and system.
inline double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](timeval time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}
inline std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t pages = 0, resident = 0;
  file >> pages >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}
inline void raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Every event on the wire is one of these; n counts from first_n, so that it has always ten digits.
constexpr std::size_t frame_size = 172;
constexpr std::uint64_t first_n = 1'000'000'000;
constexpr std::string_view text = "fifty-five bytes of text that fill each frame up to 172";

/// When an event was emitted, as text of one length.
inline std::string stamp(std::int64_t ns) {
  char digits[21];
  std::snprintf(digits, sizeof digits, "%020lld", static_cast<long long>(ns));
  return digits;
}
/// The frame of emit_event("tick", {{"n", …}, {"sent", stamp(…)}, {"text", text}}).
inline std::string frame(std::uint64_t n, std::int64_t sent) {
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  char bytes[256];
  const int size = std::snprintf(
      bytes, sizeof bytes,
      "data: {\"type\":\"tick\",\"data\":{\"n\":%llu,\"sent\":\"%s\",\"text\":\"%.*s\"},\"timestamp\":%lld.%06ld}\n\n",
      static_cast<unsigned long long>(n), stamp(sent).c_str(), static_cast<int>(text.size()), text.data(),
      static_cast<long long>(time.tv_sec), time.tv_nsec / 1000);
  return {bytes, static_cast<std::size_t>(size)};
}

/// A token of an answer, as an API of a language model sends it.
inline std::string token(int n) {
  std::string json;
  json.reserve(96);
  json.append(R"({"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":" token )");
  return json.append(std::to_string(n)).append(R"("}}]})");
}

/// "name number number …"; numbers that are missing are 0.
struct Command {
  explicit Command(const std::string& line) {
    std::istringstream words(line);
    words >> name;
    for (double number; words >> number;) numbers.push_back(number);
  }
  double number(std::size_t i) const { return i < numbers.size() ? numbers[i] : 0; }
  std::size_t count(std::size_t i) const { return static_cast<std::size_t>(number(i)); }

  std::string name;
  std::vector<double> numbers;
};

/// "--name value" of the command line.
inline std::string option(int argc, char** argv, std::string_view name, std::string otherwise) {
  for (int i = 1; i + 1 < argc; ++i)
    if (argv[i] == name) return argv[i + 1];
  return otherwise;
}
inline std::size_t size_option(int argc, char** argv, std::string_view name, std::size_t otherwise) {
  return std::strtoull(option(argc, argv, name, std::to_string(otherwise)).c_str(), nullptr, 10);
}

/// One line of JSON, at once.
template <class... Arguments>
void reply(const char* format, Arguments... arguments) {
  std::printf(format, arguments...);
  std::putchar('\n');
  std::fflush(stdout);
}
inline void reply_usage(std::size_t overflows = 0) {
  reply(R"({"cpu":%.6f,"rss":%zu,"now":%lld,"overflows":%zu})", cpu_seconds(), resident_bytes(),
        static_cast<long long>(now_ns()), overflows);
}

}  // namespace bench
