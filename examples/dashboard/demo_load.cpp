#include "demo_load.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <cmath>
#include <numbers>
#include <utility>

#include "pause.hpp"

namespace dashboard {

using namespace asio::experimental::awaitable_operators;

/// One connection, and one request after the other on it.
class DemoLoad::Visitor {
 public:
  explicit Visitor(tcp::socket socket) : socket_(std::move(socket)) {}

  /// Asks and reads the whole answer; what it is, the page shows.
  asio::awaitable<void> ask(http::verb method, std::string target, std::string body = {}) {
    http::request<http::string_body> request(method, target, 11);
    request.set(http::field::host, "shop.example");
    request.set(http::field::user_agent, "demo");
    if (!body.empty()) request.set(http::field::content_type, "application/json");
    if (cached_ && method == http::verb::get) request.set(http::field::if_none_match, "\"1\"");
    request.body() = std::move(body);
    request.prepare_payload();
    if (!broken_) co_await http::async_write(socket_, request, to(broken_));
    http::response_parser<http::string_body> answer;
    answer.body_limit(8 * 1024 * 1024);
    if (!broken_) co_await http::async_read(socket_, buffer_, answer, to(broken_));
    if (!broken_ && !answer.keep_alive()) broken_ = http::error::end_of_stream;
  }

  bool broken() const { return static_cast<bool>(broken_); }
  void has_a_cache() { cached_ = true; }

 private:
  tcp::socket socket_;
  beast::flat_buffer buffer_;
  error_code broken_;
  bool cached_ = false;
};

/// A day in three minutes, with a quiet night.
double DemoLoad::visitors_a_second() const {
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start_;
  return 0.6 + 0.35 * std::sin(2 * std::numbers::pi * time.count() / 180);
}

asio::awaitable<void> DemoLoad::run() {
  const auto executor = co_await asio::this_coro::executor;
  constexpr int most_visitors = 40;
  asio::co_spawn(executor, follow_updates(), asio::detached);
  while (!stopping_) {
    if (visitors_ < most_visitors) asio::co_spawn(executor, visit(), asio::detached);
    co_await pause(chance_.until_next(visitors_a_second()));
  }
}

void DemoLoad::stop() {
  stopping_ = true;
  if (follower_) follower_->cancel();
}

asio::awaitable<void> DemoLoad::visit() {
  const auto executor = co_await asio::this_coro::executor;
  tcp::socket socket(executor);
  error_code error;
  co_await socket.async_connect(proxy_, to(error));
  if (error) co_return;
  Visitor visitor(std::move(socket));
  ++visitors_;
  if (chance_.one_in(30))
    co_await crawl(visitor);
  else if (chance_.one_in(25))
    co_await download_report(visitor);
  else
    co_await shop(visitor);
  --visitors_;
}

asio::awaitable<void> DemoLoad::shop(Visitor& visitor) {
  if (chance_.one_in(3)) visitor.has_a_cache();
  const int product = chance_.whole(1, 960);
  const std::string number = std::to_string(product);
  co_await visitor.ask(http::verb::get, "/");
  co_await visitor.ask(http::verb::get, "/assets/app.css");
  co_await visitor.ask(http::verb::get, "/api/products?page=" + std::to_string(chance_.whole(1, 40)));
  if (chance_.one_in(2)) co_await visitor.ask(http::verb::get, "/api/recommendations");
  while (!stopping_ && !visitor.broken() && !chance_.one_in(3)) {
    co_await pause(chance_.duration(700));
    if (chance_.one_in(2))
      co_await visitor.ask(http::verb::get, "/api/search?q=product+" + std::to_string(chance_.whole(1, 99)));
    co_await visitor.ask(http::verb::get, "/api/products/" + number);
    co_await visitor.ask(http::verb::get, "/images/" + number + ".jpg");
  }
  if (stopping_ || !chance_.one_in(3)) co_return;
  co_await visitor.ask(http::verb::post, "/api/cart", R"({"product":)" + number + "}");
  if (chance_.one_in(4)) co_await visitor.ask(http::verb::delete_, "/api/cart/items?id=" + number);
  if (chance_.one_in(2)) co_await visitor.ask(http::verb::post, "/api/session", R"({"user":"demo"})");
  co_await pause(chance_.duration(500));
  co_await visitor.ask(http::verb::post, "/api/checkout", R"({"card":"4242"})");
}

/// A burst.
asio::awaitable<void> DemoLoad::crawl(Visitor& visitor) {
  const int first = chance_.whole(1, 880);
  for (int i = 0; i < 40 && !stopping_ && !visitor.broken(); ++i) {
    co_await visitor.ask(i % 4 == 0 ? http::verb::head : http::verb::get, "/api/products/" + std::to_string(first + i));
    co_await pause(chance_.duration(12));
  }
}

/// Takes a second or two, and some people don't wait that long.
asio::awaitable<void> DemoLoad::download_report(Visitor& visitor) {
  const std::chrono::microseconds patience = chance_.duration(3'000);
  auto whole = visitor.ask(http::verb::get, "/reports/daily.csv");
  auto enough = pause(patience);
  co_await (std::move(whole) || std::move(enough));
}

asio::awaitable<void> DemoLoad::follow_updates() {
  const auto executor = co_await asio::this_coro::executor;
  while (!stopping_) {
    tcp::socket socket(executor);
    error_code error;
    co_await socket.async_connect(proxy_, to(error));
    if (!error) {
      Visitor visitor(std::move(socket));
      auto stream = visitor.ask(http::verb::get, "/api/updates");
      asio::steady_timer patience(executor, std::chrono::seconds(chance_.whole(90, 150)));
      follower_ = &patience;
      auto end = patience.async_wait(to(error));
      co_await (std::move(stream) || std::move(end));
      follower_ = nullptr;
    }
    co_await pause(std::chrono::seconds(2));
  }
}

}  // namespace dashboard
