#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <sse/sse.hpp>
#include <string>
#include <string_view>

namespace dashboard {

double unix_time();

/// Numbers the requests, tells of each as an event, and knows those that run.
class RequestLog {
  struct Row {
    std::string method, target, client;
    double timestamp;
    std::chrono::steady_clock::time_point since;
  };

 public:
  /// A request that runs. It ends by `complete` or `fail`, at the latest with this object.
  class Request {
   public:
    Request(RequestLog& log, std::uint64_t id) : log_(log), id_(id) {}
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;
    ~Request() {
      if (!ended_) fail(0, "given up by the proxy");
    }

    void complete(unsigned status, std::uint64_t bytes);
    void fail(unsigned status, std::string_view error);

   private:
    RequestLog& log_;
    std::uint64_t id_;
    bool ended_ = false;
  };

  explicit RequestLog(sse::EventManager& events);

  Request start(std::string_view method, std::string_view target, std::string client);

  nlohmann::json running() const;

 private:
  void emit(std::string_view type, std::uint64_t id, const Row& row, nlohmann::json data) noexcept;
  void end(std::uint64_t id, std::string_view type, nlohmann::json outcome);

  sse::EventManager& events_;
  std::uint64_t last_id_;
  std::map<std::uint64_t, Row> running_;  // one for each client connection at most
};

}  // namespace dashboard
