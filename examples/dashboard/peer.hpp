#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cstddef>
#include <string>
#include <utility>

namespace dashboard {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using error_code = boost::system::error_code;

inline constexpr std::size_t block_size = 16 * 1024;  // the most that is held of a body in one direction

/// co_await operation(…, to(error)): the outcome goes to `error` and nothing is thrown.
inline auto to(error_code& error) {
  return asio::redirect_error(asio::use_awaitable, error);
}

/// One end of a connection: its socket, and what has been read from it ahead of its use.
struct Peer {
  explicit Peer(tcp::socket connected) : socket(std::move(connected)) {
    buffer.reserve(block_size);
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    socket.set_option(asio::socket_base::keep_alive(true), ignored);  // finds the dead end of a silent connection
#ifdef TCP_NOTSENT_LOWAT
    // The system may hold megabytes for a slow reader. With less of it unsent, the slowness reaches the other side at
    // once, and a reader that takes its bytes slowly but steadily is seen to do so.
    const int unsent = 128 * 1024;
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
#endif
  }

  tcp::socket socket;
  beast::flat_buffer buffer{128 * 1024};
};

inline std::string to_text(const tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(endpoint.port());
}

}  // namespace dashboard
