#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "deadline.hpp"
#include "headers.hpp"
#include "peer.hpp"
#include "request_log.hpp"
#include "upstream.hpp"

namespace dashboard {

using RequestParser = http::request_parser<http::buffer_body>;

/// One request on its way to the upstream and its answer on the way back. Both bodies move at the same time, one block
/// at a time: what the receiver does not take is not read from the sender.
class Exchange {
 public:
  struct Limits {
    std::chrono::milliseconds connect{5'000};
    std::chrono::milliseconds silence{60'000};  // nothing moved in either direction
  };

  Exchange(Peer& client, const tcp::endpoint& client_address, RequestParser& request, Upstream& pool,
           Deadline& deadline, Limits limits);

  /// True: the client's connection is good for another request.
  asio::awaitable<bool> run(RequestLog& log, const bool& stopping);

  /// The deadline has passed.
  void time_out();
  /// Ends it now; what the client has not got it will not get.
  void cut();

 private:
  using ResponseParser = http::response_parser<http::buffer_body>;
  enum class End { done, read_failed, write_failed };

  asio::awaitable<void> relay();
  asio::awaitable<void> client_side();
  asio::awaitable<void> upstream_side();
  asio::awaitable<bool> send_head_to_upstream();
  asio::awaitable<bool> send_head_to_client(http::response<http::empty_body>& head);
  asio::awaitable<bool> read_answer_head(std::unique_ptr<ResponseParser>& answer);
  asio::awaitable<void> relay_answer(ResponseParser& answer);
  asio::awaitable<void> switch_protocols(const ResponseHead& head);
  asio::awaitable<bool> tell_failure(bool keep_alive);
  template <bool is_request>
  asio::awaitable<End> copy_body(Peer& from, http::parser<is_request, http::buffer_body>& parser, Peer& receiver,
                                 bool chunked, bool& writing, std::uint64_t& bytes, error_code& error);
  asio::awaitable<void> tunnel();
  asio::awaitable<void> pump(Peer& from, Peer& receiver, bool& writing, std::uint64_t& bytes);

  void fail(unsigned status, std::string text);
  void cancel();
  void touch();
  bool is_head() const { return request_.get().method() == http::verb::head; }

  Peer& client_;
  const tcp::endpoint client_address_;
  RequestParser& request_;
  Upstream& pool_;
  Deadline& deadline_;
  const Limits limits_;

  std::unique_ptr<Peer> upstream_;
  std::string upgrade_;         // the protocol that the client wants
  unsigned status_ = 0;         // of the head that the client has got
  std::uint64_t received_ = 0;  // bytes of the request's body
  std::uint64_t sent_ = 0;      // bytes of the response's body
  unsigned failure_ = 0;        // the status for what went wrong; 0: nothing did
  std::string error_;
  bool kept_ = false;   // the upstream's connection has been used before
  bool stale_ = false;  // … and turned out to be closed
  bool uploading_ = false;
  bool client_writing_ = false;
  bool upstream_writing_ = false;
  bool silence_allowed_ = false;  // an event stream or a tunnel
  bool client_gone_ = false;
  bool upgraded_ = false;
  bool keep_alive_ = false;       // what the client was told
  bool ends_with_close_ = false;  // how the client knows the end of the body
  bool upstream_good_ = false;    // its connection may be kept
  bool stopping_ = false;
};

}  // namespace dashboard
