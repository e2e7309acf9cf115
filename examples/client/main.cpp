// Follows somebody else's stream and prints its messages, until the stream ends for good.
// client [URL [TOKEN]]: default http://127.0.0.1:8080/events
#include <sse/client.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

/// Text that a server has sent, for one line of a terminal or a log: no line break and no control character gets
/// through.
std::string printable(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

asio::awaitable<void> follow(std::string url, std::string token) {
  sse::ClientOptions options;
  if (!token.empty()) options.headers = {{"Authorization", "Bearer " + token}};  // sent to this origin only
  options.idle_timeout = std::chrono::seconds(60);  // without a byte for so long, it counts as cut
  options.max_failures = 3;                         // attempts in a row; by default it never gives up
  options.retry = std::chrono::milliseconds(100);   // until the server names a time
  options.observer.retrying = [](std::chrono::milliseconds wait, std::string_view why) {
    std::clog << printable(why) << "; again in " << wait.count() << " ms\n";
  };
  sse::Client client(url, options);
  while (std::optional<sse::Message> message = co_await client.next())
    std::cout << printable(message->type) << ' ' << printable(message->data) << std::endl;
}  // nullopt: the server answered 204, or somebody called close()

int main(int argc, char** argv) {
  asio::io_context io(1);
  int status = 0;
  asio::co_spawn(io, follow(argc > 1 ? argv[1] : "http://127.0.0.1:8080/events", argc > 2 ? argv[2] : ""),
                 [&](std::exception_ptr failure) {
                   try {
                     if (failure) std::rethrow_exception(failure);
                   } catch (const std::exception& error) {  // sse::BadResponse: an answer that is not a stream
                     std::cerr << printable(error.what()) << '\n';
                     status = 1;
                   }
                 });
  io.run();
  return status;
}
