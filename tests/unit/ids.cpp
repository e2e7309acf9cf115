#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "support.hpp"

#if !defined(_WIN32)
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace sse_test {
namespace {

TEST_CASE("managers that are made at once on many threads have different starts") {
  constexpr int threads = 4, each = 50;
  std::vector<std::vector<std::string>> starts(threads);
  std::vector<std::thread> makers;
  for (auto& mine : starts)
    makers.emplace_back([&mine] {
      for (int i = 0; i < each; ++i) {
        EventManager manager(history_of(1));
        mine.push_back(start_of(manager));
      }
    });
  for (std::thread& maker : makers) maker.join();
  std::set<std::string> different;
  for (const auto& mine : starts) different.insert(mine.begin(), mine.end());
  CHECK(different.size() == std::size_t{threads} * each);
}

#if !defined(_WIN32)

/// Calls `function` in a child of fork() and returns the text that it gives.
template <class Function>
std::string in_child(Function&& function) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const std::string text = function();
    const bool written = ::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::_exit(written ? 0 : 1);
  }
  ::close(ends[1]);
  std::string text;
  char buffer[256];
  for (ssize_t size; (size = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(size));
  ::close(ends[0]);
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  return text;
}

TEST_CASE("children of a fork give the ids of a manager another start than their parent and each other") {
  EventManager manager(history_of(10));
  manager.emit_event("number", 1);
  const std::string first = in_child([&] { return start_of(manager); });
  const std::string second = in_child([&] { return start_of(manager); });
  const std::string parent = start_of(manager);
  CHECK(!first.empty());
  CHECK(first != second);
  CHECK(first != parent);
  CHECK(second != parent);
}

TEST_CASE("managers that are made after a fork have different starts") {
  std::set<std::string> starts;
  constexpr int children = 20;
  for (int i = 0; i < children; ++i)
    starts.insert(in_child([] {
      EventManager manager(history_of(1));
      return start_of(manager);
    }));
  EventManager manager(history_of(1));
  starts.insert(start_of(manager));
  CHECK(starts.size() == children + 1);
}

TEST_CASE("a client that comes from one child of a fork to another is told a reset") {
  EventManager manager(history_of(10));
  emit_numbers(manager, 1, 2);
  const std::string seen = in_child([&] {
    emit_numbers(manager, 3, 5);
    sse::ConnectionOptions options;
    options.from_earliest = true;
    EventStream stream = manager.add_connection(options);
    std::string id;
    while (const auto event = stream.try_next()) id = event->id();
    return id;
  });
  const std::string told_text = in_child([&] {
    emit_numbers(manager, 6, 9);
    sse::ConnectionOptions options;
    options.last_event_id = seen;
    EventStream stream = manager.add_connection(options);
    emit_numbers(manager, 10, 10);
    std::string words;
    for (const std::string& word : told(stream)) words += word + '\n';
    return words;
  });
  CHECK(told_text == "connection\noverflow null\n6\n7\n8\n9\n10\n");
}

TEST_CASE("the streams of a child of a fork read on") {
  EventManager manager(history_of(10));
  EventStream stream = manager.add_connection();
  emit_numbers(manager, 1, 2);
  const std::string told_text = in_child([&] {
    emit_numbers(manager, 3, 4);
    std::string words;
    for (const std::string& word : told(stream)) words += word + '\n';
    return words;
  });
  CHECK(told_text == "connection\n1\n2\n3\n4\n");
  CHECK(told(stream) == Words{"connection", "1", "2"});
}

#endif

}  // namespace
}  // namespace sse_test
