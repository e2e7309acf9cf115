// An answer that comes in pieces, as that of a language model: POST a text, and get its words back as they are made.
// answering [PORT]: a port of 127.0.0.1 (default 8080; 0: any free port).
#include <sse/answer_events.hpp>
#include <sse/http.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

using tcp = asio::ip::tcp;

/// The source of the words: your model, your tool, your job.
class Model {
 public:
  Model(const asio::any_io_executor& executor, const std::string& prompt) : timer_(executor), words_(prompt) {}

  asio::awaitable<std::optional<std::string>> next_token() {
    std::string word;
    if (!(words_ >> word)) co_return std::nullopt;
    if (word == "fail") throw sse::HttpError(502, "The model has failed");
    timer_.expires_after(std::chrono::milliseconds(50));
    co_await timer_.async_wait(asio::use_awaitable);  // it is cancelled when the client goes
    co_return word;
  }

 private:
  asio::steady_timer timer_;
  std::istringstream words_;
};

asio::awaitable<void> answer(tcp::socket& socket, const sse::Request& request, const std::string& prompt) {
  Model model(socket.get_executor(), prompt);
  const auto produce = [&](sse::EventSender& out) -> asio::awaitable<void> {
    while (auto token = co_await model.next_token()) {
      const nlohmann::json delta = {{"delta", *token}};
      co_await out.send_json(delta);  // waits for room: a slow client slows the model
    }
    co_await out.send_message("[DONE]");
  };
  co_await sse::answer_events(socket, request, produce);
}

asio::awaitable<void> session(tcp::socket socket) try {
  std::optional<sse::HttpError> refusal;  // a coroutine cannot await in a `catch`
  sse::Request request;
  std::string prompt;
  try {
    request = co_await sse::read_request(socket);
    if (request.path != "/answers") throw sse::HttpError(404, "Nothing is served at this path");
    if (request.method != "POST") throw sse::HttpError(405, "Only POST is supported", {{"Allow", "POST"}});
    prompt = co_await sse::read_body(socket, request, 64 * 1024);
  } catch (const sse::HttpError& error) {
    refusal = error;
  }
  if (refusal)
    co_await sse::write_response(socket, *refusal);
  else
    co_await answer(socket, request, prompt);
} catch (const std::exception& error) {
  std::clog << "session: " << error.what() << '\n';  // the peer is gone
}

asio::awaitable<void> accept_all(tcp::acceptor& acceptor) {
  asio::steady_timer pause(acceptor.get_executor());
  while (acceptor.is_open()) {
    sse::error_code error;
    tcp::socket socket = co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (!error) {
      asio::co_spawn(acceptor.get_executor(), session(std::move(socket)), asio::detached);
    } else {  // no descriptors are left, for example: that passes
      pause.expires_after(std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::use_awaitable);
    }
  }
}

int main(int argc, char** argv) {
  asio::io_context io(1);
  const auto port = static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 8080);
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), port});
  std::cout << "http://" << acceptor.local_endpoint() << "/answers" << std::endl;
  asio::co_spawn(io, accept_all(acceptor), asio::detached);
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](auto, auto) { io.stop(); });
  io.run();
}
