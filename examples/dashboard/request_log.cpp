#include "request_log.hpp"

#include <exception>
#include <iostream>
#include <utility>

namespace dashboard {
namespace {

/// A page needs no more of a target than this, and every event goes to every page.
std::string shortened(std::string_view target) {
  constexpr std::size_t longest = 1024;
  if (target.size() <= longest) return std::string(target);
  return std::string(target.substr(0, longest)) + "\u2026";
}

double milliseconds_since(std::chrono::steady_clock::time_point then) {
  using namespace std::chrono;
  const auto elapsed = duration_cast<microseconds>(steady_clock::now() - then);
  return static_cast<double>(elapsed.count()) / 1e3;
}

}  // namespace

double unix_time() {
  using namespace std::chrono;
  return static_cast<double>(duration_cast<microseconds>(system_clock::now().time_since_epoch()).count()) / 1e6;
}

/// With a log the rows of an earlier run are on the page, too: the numbers begin at the time in milliseconds.
RequestLog::RequestLog(sse::EventManager& events)
    : events_(events),
      last_id_(events.stats().log.state == sse::LogState::none ? 0 : static_cast<std::uint64_t>(unix_time() * 1e3)) {}

RequestLog::Request RequestLog::start(std::string_view method, std::string_view target, std::string client) {
  const std::uint64_t id = ++last_id_;
  const auto row = running_.emplace(id, Row{std::string(method), shortened(target), std::move(client), unix_time(),
                                            std::chrono::steady_clock::now()});
  emit("request_start", id, row.first->second, nlohmann::json::object());
  return Request(*this, id);
}

void RequestLog::Request::complete(unsigned status, std::uint64_t bytes) {
  ended_ = true;
  log_.end(id_, "request_complete", {{"status", status}, {"bytes", bytes}});
}

void RequestLog::Request::fail(unsigned status, std::string_view error) {
  ended_ = true;
  log_.end(id_, "request_error", {{"status", status}, {"error", error}});
}

void RequestLog::end(std::uint64_t id, std::string_view type, nlohmann::json outcome) {
  const auto row = running_.extract(id);
  outcome["duration_ms"] = milliseconds_since(row.mapped().since);
  emit(type, id, row.mapped(), std::move(outcome));
}

void RequestLog::emit(std::string_view type, std::uint64_t id, const Row& row, nlohmann::json data) noexcept {
  try {
    data["id"] = id;
    data["method"] = row.method;
    data["target"] = row.target;
    data["client"] = row.client;
    events_.emit_event(type, data);
  } catch (const std::exception& error) {  // the request goes on, seen or not
    std::cerr << "dashboard: an event was not sent: " << error.what() << std::endl;
  }
}

nlohmann::json RequestLog::running() const {
  auto rows = nlohmann::json::array();
  for (const auto& [id, row] : running_)
    rows.push_back({{"id", id},
                    {"method", row.method},
                    {"target", row.target},
                    {"client", row.client},
                    {"timestamp", row.timestamp}});
  return rows;
}

}  // namespace dashboard
