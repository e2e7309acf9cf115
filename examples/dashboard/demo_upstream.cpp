#include "demo_upstream.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/write.hpp>
#include <nlohmann/json.hpp>
#include <sse/http.hpp>
#include <string_view>
#include <utility>

#include "pause.hpp"

namespace dashboard {
namespace {

constexpr const char* json_type = "application/json";

nlohmann::json product(int number) {
  return {{"id", number},
          {"name", "Product " + std::to_string(number)},
          {"price", 5 + number % 90},
          {"stock", number % 17}};
}

int number_in(std::string_view path) {
  const std::size_t digits = path.find_first_of("0123456789");
  return digits == std::string_view::npos ? 0 : std::atoi(std::string(path.substr(digits, 6)).c_str());
}

}  // namespace

asio::awaitable<void> DemoUpstream::serve(tcp::acceptor& acceptor) {
  const auto executor = co_await asio::this_coro::executor;
  asio::co_spawn(executor, incidents(), asio::detached);
  asio::co_spawn(executor, stock_changes(), asio::detached);
  for (;;) {
    error_code error;
    tcp::socket socket = co_await acceptor.async_accept(to(error));
    if (error)
      co_await pause(std::chrono::milliseconds(100));
    else
      asio::co_spawn(executor, connection(std::move(socket)), asio::detached);
  }
}

asio::awaitable<void> DemoUpstream::connection(tcp::socket socket) {
  beast::flat_buffer buffer;
  socket.set_option(tcp::no_delay(true));
  for (bool more = true; more;) {
    Request request;
    error_code error;
    co_await http::async_read(socket, buffer, request, to(error));
    if (error) co_return;
    more = co_await answer(socket, request);
  }
}

/// False: the connection is at its end.
asio::awaitable<bool> DemoUpstream::answer(tcp::socket& socket, const Request& request) {
  const std::string target(request.target());
  const std::string path = target.substr(0, target.find('?'));
  const bool post = request.method() == http::verb::post;

  if (path == "/api/updates") {
    sse::EventStream stream = events_.add_connection();
    const sse::StreamOptions options;
    co_await sse::write_events(socket, std::move(stream), options);
    co_return false;
  }
  if (path == "/reports/daily.csv") co_return co_await report(socket, request);
  if (path == "/api/checkout" && post) {
    co_await work(220);
    if (chance_.one_in(incident_ ? 2.5 : 60))
      co_return co_await reply(socket, request, 503, R"({"error":"the payment service does not answer"})", json_type);
    if (chance_.one_in(12)) co_return co_await reply(socket, request, 402, R"({"error":"card declined"})", json_type);
    co_return co_await reply(socket, request, 201, R"({"order":)" + std::to_string(chance_.whole(10000, 99999)) + "}",
                             json_type);
  }
  if (path == "/api/cart" && post) {
    co_await work(25);
    co_return co_await reply(socket, request, 201, R"({"items":)" + std::to_string(chance_.whole(1, 9)) + "}",
                             json_type);
  }
  if (path == "/api/session" && post) {
    co_await work(60);
    const bool refused = chance_.one_in(9);
    co_return co_await reply(socket, request, refused ? 401 : 200,
                             refused ? R"({"error":"wrong password"})" : R"({"user":7})", json_type);
  }
  if (path == "/api/cart/items" && request.method() == http::verb::delete_) {
    co_await work(15);
    co_return co_await reply(socket, request, 204, {}, nullptr);
  }
  if (path == "/api/search") {
    co_await work(70);
    if (incident_ && chance_.one_in(4))
      co_return co_await reply(socket, request, 500, R"({"error":"index is gone"})", json_type);
    auto found = nlohmann::json::array();
    for (int i = chance_.whole(0, 40); i > 0; --i) found.push_back(product(chance_.whole(1, 900)));
    co_return co_await reply(socket, request, 200, found.dump(), json_type);
  }
  if (path == "/api/recommendations") {
    co_await work(40);
    if (chance_.one_in(incident_ ? 3 : 25)) co_return false;  // a worker that dies hangs up without a word
    auto recommended = nlohmann::json::array();
    for (int i = 0; i < 4; ++i) recommended.push_back(product(chance_.whole(1, 900)));
    co_return co_await reply(socket, request, 200, recommended.dump(), json_type);
  }
  if (path.starts_with("/api/products")) {
    co_await work(8);
    const int number = number_in(path);
    if (number > 900) co_return co_await reply(socket, request, 404, R"({"error":"no such product"})", json_type);
    co_return co_await reply(socket, request, 200, product(number).dump(), json_type);
  }
  if (path.starts_with("/images/")) {
    co_await work(4);
    const auto size = static_cast<std::size_t>(4'000 + number_in(path) * 7'919 % 240'000);
    co_return co_await reply(socket, request, 200, std::string(size, '\xa5'), "image/jpeg");
  }
  if (path == "/" || path.starts_with("/assets/")) {
    co_await work(3);
    if (request.count(http::field::if_none_match) > 0) co_return co_await reply(socket, request, 304, {}, nullptr);
    co_return co_await reply(socket, request, 200, std::string(path == "/" ? 6'200 : 48'000, ' '), "text/html");
  }
  co_return co_await reply(socket, request, 404, R"({"error":"not found"})", json_type);
}

asio::awaitable<bool> DemoUpstream::reply(tcp::socket& socket, const Request& request, unsigned status,
                                          std::string body, const char* type) {
  Response response;
  response.version(request.version());
  response.result(status);
  if (type) response.set(http::field::content_type, type);
  response.body() = std::move(body);
  response.prepare_payload();
  response.keep_alive(request.keep_alive());
  http::response_serializer<http::string_body> serializer(response);
  error_code error;
  if (request.method() == http::verb::head)
    co_await http::async_write_header(socket, serializer, to(error));
  else
    co_await http::async_write(socket, serializer, to(error));
  co_return !error && response.keep_alive();
}

asio::awaitable<void> DemoUpstream::work(double median_ms) {
  co_await pause(chance_.duration(incident_ ? 6 * median_ms : median_ms));
}

/// Its length is not known when it begins.
asio::awaitable<bool> DemoUpstream::report(tcp::socket& socket, const Request& request) {
  http::response<http::empty_body> head;
  head.version(11);
  head.result(http::status::ok);
  head.set(http::field::content_type, "text/csv");
  head.chunked(true);
  http::response_serializer<http::empty_body> serializer(head);
  error_code error;
  co_await http::async_write_header(socket, serializer, to(error));
  if (request.method() == http::verb::head) co_return !error;
  const std::string rows(9'000, ';');
  for (int i = chance_.whole(4, 20); i > 0 && !error; --i) {
    co_await work(80);
    const auto chunk = http::make_chunk(asio::buffer(rows));
    co_await asio::async_write(socket, chunk, to(error));
    if (incident_ && chance_.one_in(30)) co_return false;  // breaks off in the middle
  }
  const auto last = http::make_chunk_last();
  if (!error) co_await asio::async_write(socket, last, to(error));
  co_return !error;
}

asio::awaitable<void> DemoUpstream::incidents() {
  co_await pause(std::chrono::seconds(35));
  for (;;) {
    incident_ = true;
    co_await pause(std::chrono::seconds(chance_.whole(12, 22)));
    incident_ = false;
    co_await pause(std::chrono::seconds(chance_.whole(80, 180)));
  }
}

asio::awaitable<void> DemoUpstream::stock_changes() {
  for (;;) {
    co_await pause(chance_.until_next(2));
    const nlohmann::json change = product(chance_.whole(1, 900));
    events_.emit_event("stock", change);
  }
}

}  // namespace dashboard
