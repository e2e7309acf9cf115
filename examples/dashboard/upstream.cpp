#include "upstream.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <charconv>

namespace dashboard {

using namespace asio::experimental::awaitable_operators;

std::string UpstreamAddress::authority() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + (port == 80 ? "" : ":" + std::to_string(port));
}

std::optional<UpstreamAddress> parse_upstream(std::string_view url) {
  constexpr std::string_view scheme = "http://";
  if (!beast::iequals(url.substr(0, scheme.size()), scheme)) return std::nullopt;
  url.remove_prefix(scheme.size());
  if (url.ends_with('/')) url.remove_suffix(1);

  UpstreamAddress address;
  error_code error;
  if (url.starts_with('[')) {
    const std::size_t end = url.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    address.host = url.substr(1, end - 1);
    asio::ip::make_address_v6(address.host, error);
    if (error) return std::nullopt;
    url.remove_prefix(end + 1);
  } else {
    const std::size_t end = std::min(url.find(':'), url.size());
    address.host = url.substr(0, end);
    constexpr std::string_view name = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    if (address.host.empty() || address.host.size() > 253 || address.host.find_first_not_of(name) != std::string::npos)
      return std::nullopt;
    url.remove_prefix(end);
  }
  if (url.empty()) return address;
  if (!url.starts_with(':')) return std::nullopt;
  url.remove_prefix(1);
  const auto result = std::from_chars(url.data(), url.data() + url.size(), address.port);
  if (result.ec != std::errc() || result.ptr != url.data() + url.size() || address.port == 0) return std::nullopt;
  return address;
}

asio::awaitable<error_code> Upstream::resolve_and_connect(tcp::socket& socket) {
  error_code error;
  const auto numeric = asio::ip::make_address(address_.host, error);
  if (!error) {
    co_await socket.async_connect(tcp::endpoint(numeric, address_.port), to(error));
    co_return error;
  }
  tcp::resolver resolver(socket.get_executor());
  const std::string port = std::to_string(address_.port);
  const auto found = co_await resolver.async_resolve(address_.host, port, to(error));
  if (!error) co_await asio::async_connect(socket, found, to(error));
  co_return error;
}

asio::awaitable<std::unique_ptr<Peer>> Upstream::connect(std::chrono::milliseconds timeout, error_code& error) {
  const auto executor = co_await asio::this_coro::executor;
  tcp::socket socket(executor);
  asio::steady_timer timer(executor, timeout);
  auto connecting = resolve_and_connect(socket);
  auto too_long = timer.async_wait(asio::use_awaitable);
  const auto first = co_await (std::move(connecting) || std::move(too_long));
  error = first.index() == 0 ? std::get<0>(first) : make_error_code(boost::system::errc::timed_out);
  if (error) co_return nullptr;
  co_return std::make_unique<Peer>(std::move(socket));
}

std::unique_ptr<Peer> Upstream::take_kept() {
  while (!kept_.empty()) {
    std::unique_ptr<Peer> peer = std::move(kept_.back().peer);
    kept_.pop_back();
    // A connection in good order has nothing to say between two requests.
    char byte;
    error_code error;
    peer->socket.non_blocking(true, error);
    peer->socket.receive(asio::buffer(&byte, 1), tcp::socket::message_peek, error);
    if (error == asio::error::would_block || error == asio::error::try_again) return peer;
  }
  return nullptr;
}

void Upstream::keep(std::unique_ptr<Peer> peer) {
  constexpr std::size_t most = 32;
  if (kept_.size() >= most) kept_.pop_front();
  kept_.push_back({std::move(peer), Clock::now()});
}

void Upstream::sweep() {
  constexpr std::chrono::seconds longest{15};
  while (!kept_.empty() && Clock::now() - kept_.front().since > longest) kept_.pop_front();
}

}  // namespace dashboard
