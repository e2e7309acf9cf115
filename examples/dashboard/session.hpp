#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/intrusive/list.hpp>
#include <sse/sse.hpp>
#include <string_view>

#include "../common/local_host.hpp"
#include "exchange.hpp"

namespace dashboard {

/// Shared by all connections.
struct Shared {
  Shared(UpstreamAddress upstream_address, const sse::Options& options, Exchange::Limits exchange_limits,
         local_host::Allowed allowed_hosts);

  nlohmann::json state() const;

  sse::EventManager events;
  const local_host::Allowed hosts;  // of the own pages
  RequestLog log;
  Upstream upstream;
  const Exchange::Limits limits;
  const double started;  // Unix time: request ids begin anew with it
  bool stopping = false;
};

/// One client's connection: its requests, one after the other.
class Session : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  Session(Shared& shared, tcp::socket socket, const tcp::endpoint& address)
      : shared_(shared), client_(std::move(socket)), address_(address) {}

  asio::awaitable<void> run();

  /// Ends what has waited too long.
  void sweep(Deadline::Clock::time_point now);
  /// Ends a connection that has no request yet.
  void stop();
  bool has_no_request() const { return stage_ == Stage::idle || stage_ == Stage::head; }
  /// It has no request, and may make room for another one.
  bool can_give_way() const { return has_no_request() && !evicted_; }
  /// Since when it is in its stage.
  Deadline::Clock::time_point entered() const { return entered_; }
  void cut();
  bool answers() const { return stage_ == Stage::answer || stage_ == Stage::exchange; }

 private:
  enum class Stage { idle, head, answer, exchange, watching, closing };

  asio::awaitable<bool> next_request();
  asio::awaitable<bool> answer_own(const RequestParser& request);
  asio::awaitable<bool> relay(RequestParser& request);
  asio::awaitable<void> watch(const RequestHead& head);
  asio::awaitable<bool> refuse(unsigned status, std::string_view text);
  asio::awaitable<void> close();
  void enter(Stage stage, Deadline::Clock::duration limit);

  Shared& shared_;
  Peer client_;
  const tcp::endpoint address_;
  Stage stage_ = Stage::idle;
  Deadline deadline_;
  Deadline::Clock::time_point entered_ = Deadline::Clock::now();
  bool evicted_ = false;
  Exchange* exchange_ = nullptr;  // while there is one
  bool unread_ = false;           // some of the last request has not been read
};

}  // namespace dashboard
