#include <sse/metrics.hpp>

#include "support.hpp"

namespace sse_test {
namespace {

using sse::EndReason, sse::LossReason, sse::RefusalReason, sse::Stats;

/// Checks that the events which every reader of one manager got, lost and still has are those meant for it.
void check_sum(const Stats& stats, std::uint64_t meant) {
  CHECK(stats.delivered + stats.lost.total() - stats.lost[LossReason::unknown] + stats.queued == meant);
}

TEST_CASE("stats count what is emitted, delivered and lost, and how the queues stand") {
  EventManager manager(3);
  EventStream fast = manager.add_connection(), slow = add_quiet(manager), idle = add_quiet(manager);
  emit_numbers(manager, 1, 2);
  CHECK(told(fast) == Words{"connection"} + numbers(1, 2));
  emit_numbers(manager, 3, 5);
  Stats stats = manager.stats();
  CHECK(stats.emitted == 5);
  CHECK(stats.delivered == 2);
  CHECK(stats.lost[LossReason::queue_full] == 4);  // 1 and 2, of two readers that have not come across it
  CHECK(stats.queued == 9);
  CHECK(stats.opened == 3);
  CHECK(stats.connections == 3);
  CHECK(stats.queued_at_least == decltype(stats.queued_at_least){3, 0, 0, 0, 0, 0});
  check_sum(stats, 15);
  CHECK(told(slow) == Words{"overflow 2"} + numbers(3, 5));
  CHECK(manager.send_event(slow.connection_id(), "alone", 1));
  CHECK_FALSE(manager.send_event("nobody", "alone", 1));
  stats = manager.stats();
  CHECK(stats.sent == 1);
  CHECK(stats.lost[LossReason::queue_full] == 4);
  CHECK(stats.delivered == 5);
  check_sum(stats, 16);
  fast.close();
  { const EventStream gone = std::move(idle); }
  manager.disconnect(slow.connection_id());
  stats = manager.stats();
  CHECK(stats.connections == 0);
  CHECK(stats.ended[EndReason::closed] == 2);
  CHECK(stats.ended[EndReason::disconnected] == 1);
  CHECK(stats.lost[LossReason::unread] == 6);
  CHECK(told(slow) == Words{"1"});
  check_sum(manager.stats(), 16);
}

TEST_CASE("an event whose notice has been read, and not itself, waits") {
  EventManager manager(2);
  EventStream stream = add_quiet(manager);
  emit_numbers(manager, 1, 5);
  REQUIRE(word(stream.try_next().value()) == "overflow 3");
  CHECK(manager.stats().queued == 2);
  check_sum(manager.stats(), 5);
  CHECK(told(stream) == numbers(4, 5));
  check_sum(manager.stats(), 5);
}

TEST_CASE("every end has its reason") {
  EventManager manager(1);
  sse::ConnectionOptions policy;
  policy.overflow_policy = sse::OverflowPolicy::disconnect;
  EventStream slow = manager.add_connection(policy);
  emit_numbers(manager, 1, 2);
  EventStream older = manager.add_connection("id"), newer = manager.add_connection("id");
  manager.disconnect_all();
  const Stats stats = manager.stats();
  CHECK(stats.ended[EndReason::too_slow] == 1);
  CHECK(stats.ended[EndReason::replaced] == 1);
  CHECK(stats.ended[EndReason::disconnected] == 1);
  CHECK(stats.ended.total() == stats.opened);
  CHECK(to_string(EndReason::failed) == "failed");
  CHECK(to_string(LossReason::unknown) == "unknown");
  CHECK(to_string(RefusalReason::origin) == "origin");
}

TEST_CASE("stats tell losses of the history apart, and events that nobody wanted count as emitted") {
  EventManager manager(history_of(2));
  emit_numbers(manager, 1, 5);
  EventStream late = manager.add_connection(after(id_of(manager, 1))), lost = manager.add_connection(after("5-5"));
  const Stats stats = manager.stats();
  CHECK(stats.emitted == 5);
  CHECK(stats.lost[LossReason::history_gone] == 2);
  CHECK(stats.lost[LossReason::unknown] == 1);
  EventManager no_history;
  no_history.emit_event("x", 1, on_topic("nobody's"));
  CHECK(no_history.stats().emitted == 1);
  CHECK_THROWS(no_history.emit_event("x", Broken()));
  CHECK(no_history.stats().format_failures == 1);
}

struct Loss {
  std::string id;
  sse::LostEvents events;
};
std::vector<Loss> losses;
void watch(EventManager& manager) {
  losses.clear();
  sse::Observer observer;
  observer.loss = [&manager](const sse::ConnectionRow& row, const sse::LostEvents& events) {
    manager.stats();  // no lock is held
    losses.push_back({row.connection_id, events});
  };
  manager.set_observer(observer);
}

TEST_CASE("the observer is told who lost how many and why, once the reader is told") {
  EventManager manager(history_of(10, 2));
  watch(manager);
  EventStream slow = manager.add_connection("slow");
  emit_numbers(manager, 1, 5);
  CHECK(losses.empty());
  told(slow);
  REQUIRE(losses.size() == 1);
  CHECK(losses[0].id == "slow");
  CHECK(losses[0].events.reason == LossReason::queue_full);
  CHECK(losses[0].events.count == 3);
  CHECK(losses[0].events.first_id == id_of(manager, 1));
  CHECK(losses[0].events.last_id == id_of(manager, 3));
}

TEST_CASE("the observer is told of losses that no reader will be told of, and of what was never read") {
  EventManager manager(2);
  watch(manager);
  {
    EventStream slow = manager.add_connection("slow");
    emit_numbers(manager, 1, 5);
  }
  REQUIRE(losses.size() == 2);
  CHECK(losses[0].events.reason == LossReason::queue_full);
  CHECK(losses[0].events.count == 3);
  CHECK(losses[1].events.reason == LossReason::unread);
  CHECK(losses[1].events.count == 2);
}

TEST_CASE("the observer is told what a client lost between two connections") {
  EventManager manager(history_of(2));
  emit_numbers(manager, 1, 5);
  watch(manager);
  EventStream late = manager.add_connection(after(id_of(manager, 1))), other = manager.add_connection(after("5-5"));
  told(late), told(other);
  REQUIRE(losses.size() == 2);
  CHECK(losses[0].events.reason == LossReason::history_gone);
  CHECK(losses[0].events.count == 2);
  CHECK(losses[0].events.last_id == id_of(manager, 3));
  CHECK(losses[1].events.reason == LossReason::unknown);
  CHECK(losses[1].events.count == 0);
  CHECK(losses[1].events.first_id.empty());
}

TEST_CASE("stats as JSON and as metrics have every number") {
  EventManager manager(1);
  EventStream stream = add_quiet(manager);
  emit_numbers(manager, 1, 3);
  const Stats stats = manager.stats();
  const json all = stats;
  CHECK(all["emitted"] == 3);
  CHECK(all["lost"]["queue_full"] == 2);
  CHECK(all["queued_at_least"]["1"] == 1);
  const std::string open = metrics_text(stats), text = metrics_text(stats, sse::MetricsFormat::prometheus);
  CHECK(open.find("# TYPE sse_events_lost counter\nsse_events_lost_total{reason=\"queue_full\"} 2\n") != open.npos);
  CHECK(open.ends_with("\n# EOF\n"));
  CHECK(text.find("# TYPE sse_events_lost_total counter\n") != text.npos);
  CHECK(text.find("EOF") == text.npos);
  CHECK(text.find("\nsse_queued_connections{at_least=\"1\"} 1\n") != text.npos);
  CHECK(sse::metrics_format("application/openmetrics-text;version=1.0.0,text/plain;q=0.5") ==
        sse::MetricsFormat::openmetrics);
  CHECK(sse::metrics_format("text/plain") == sse::MetricsFormat::prometheus);
}

}  // namespace
}  // namespace sse_test
