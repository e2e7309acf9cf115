#include <thread>

#include "support.hpp"

namespace sse_test {
namespace {

// Leaves the process without a manager, whatever the test did.
struct Fresh {
  Fresh() { sse::cleanup_sse_manager(); }
  Fresh(const Fresh&) = delete;
  Fresh& operator=(const Fresh&) = delete;
  ~Fresh() { sse::cleanup_sse_manager(); }
};

TEST_CASE("the process has one manager, made on first use, whichever thread asks") {
  const Fresh fresh;
  std::vector<std::future<std::shared_ptr<EventManager>>> others;
  for (int i = 0; i < 8; ++i) others.push_back(std::async(std::launch::async, [] { return sse::get_sse_manager(); }));
  const auto manager = sse::get_sse_manager();
  for (auto& other : others) CHECK(get(std::move(other)) == manager);
  CHECK(manager->get_connection_info().max_queue_size == 100);
}

TEST_CASE("emit_sse_event reaches the process's manager, for a json and for a user's type") {
  const Fresh fresh;
  EventStream stream = sse::get_sse_manager()->add_connection();
  sse::emit_sse_event("x", {{"a", 1}});
  sse::emit_sse_event("x", 2);
  CHECK(told(stream) == Words{"connection", R"({"a":1})", "2"});
}

TEST_CASE("emit_sse_event never throws: the observer is told, and the clients get the error event") {
  const Fresh fresh;
  static_assert(noexcept(sse::emit_sse_event("x", json()))&& noexcept(sse::emit_sse_event("x", Broken())));
  Words failures;
  sse::Observer observer;
  observer.format_failure = [&](auto type, auto what) { failures.push_back(std::string(type) + std::string(what)); };
  sse::get_sse_manager()->set_observer(observer);
  EventStream stream = sse::get_sse_manager()->add_connection();
  sse::emit_sse_event("x ", Broken());
  sse::emit_sse_event("y", std::string(2 << 20, 'a'));
  CHECK(told(stream) == Words{"connection", "error", "error"});
  REQUIRE(failures.size() == 2);
  CHECK(failures[0] == "x a broken type");
  CHECK(failures[1].find("max_event_size is 1048576") != std::string::npos);
}

TEST_CASE("cleanup disconnects all and lets go, and the next use makes a new manager") {
  const Fresh fresh;
  EventStream stream = sse::get_sse_manager()->add_connection();
  const std::weak_ptr<EventManager> old = sse::get_sse_manager();
  const std::shared_ptr<EventManager> kept = old.lock();
  sse::cleanup_sse_manager();
  sse::cleanup_sse_manager();
  CHECK(kept->get_connection_count() == 0);
  CHECK(kept.use_count() == 1);
  CHECK(sse::get_sse_manager() != kept);
  sse::emit_sse_event("x", 1);
  const Words words = told(stream);
  REQUIRE(words.size() == 2);
  CHECK(words[1].starts_with("disconnect "));
  CHECK(stream.done());
}

}  // namespace
}  // namespace sse_test
