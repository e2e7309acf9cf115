#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "session.hpp"

namespace dashboard {

/// Accepts connections and keeps an eye on them. It must outlive the io_context: its sessions are coroutines there.
class Proxy {
 public:
  Proxy(const UpstreamAddress& upstream, const sse::Options& options, std::size_t max_connections,
        std::chrono::milliseconds silence, local_host::Allowed hosts);

  /// Until the acceptor is closed.
  asio::awaitable<void> accept(tcp::acceptor& acceptor);

  /// Takes no more requests, gives those that run some time, says goodbye to the watchers. Returns when no connection
  /// is left.
  asio::awaitable<void> stop();

 private:
  using Sessions = boost::intrusive::list<Session, boost::intrusive::constant_time_size<false>>;

  asio::awaitable<void> serve(tcp::socket socket);
  /// Ends the connection that has been without a request for the longest time. False: there is none.
  bool make_room();
  asio::awaitable<void> sweep();
  void tell_watchers();
  asio::awaitable<void> tell_stats();
  void tell(std::string_view type, const nlohmann::json& data);
  bool requests_run() const;

  Shared shared_;
  const std::size_t max_connections_;
  Sessions sessions_;
  std::size_t last_watchers_ = 0;
};

}  // namespace dashboard
