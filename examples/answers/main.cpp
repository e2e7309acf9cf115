// A gateway for the answers of language models, with the streaming APIs of OpenAI and Anthropic.
// answers [PORT]: a port of 127.0.0.1 (default 8080; 0: any free port).
#include <sse/answer_events.hpp>
#include <sse/http.hpp>

#include <asio/experimental/awaitable_operators.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

using nlohmann::json;
using tcp = asio::ip::tcp;
using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;

/// A model is a way in which its source of tokens acts.
struct Model {
  std::string_view name;
  std::chrono::milliseconds pause;      ///< Before each token.
  std::size_t silent_after = SIZE_MAX;  ///< Tokens after which it says no more, and does not end.
  std::size_t fails_after = SIZE_MAX;   ///< Tokens after which it fails.
};
constexpr Model models[] = {{"steady", 20ms},
                            {"burst", 0ms},
                            {"mute", 0ms, 0},
                            {"silent", 0ms, 3},
                            {"refusing", 0ms, SIZE_MAX, 0},
                            {"failing", 0ms, SIZE_MAX, 3}};

/// A source of tokens, in place of your connection to a model. It says the words of the prompt, up to `max_tokens`, and
/// then again if there may be more.
class Source {
 public:
  static inline std::size_t running = 0, all_tokens = 0;  // of all sources

  Source(const asio::any_io_executor& executor, const json& request) : timer_(executor) {
    const std::string name = request.at("model");
    model_ = std::find_if(std::begin(models), std::end(models), [&](const Model& model) { return model.name == name; });
    if (model_ == std::end(models)) throw sse::HttpError(404, "There is no such model");
    const json& messages = request.at("messages");
    if (!messages.is_array() || messages.empty()) throw sse::HttpError(400, "There are no messages");
    const json& prompt = messages.back().at("content");
    std::istringstream text((prompt.is_array() ? prompt.at(0).at("text") : prompt).get<std::string>());
    for (std::string word; text >> word;) words_.push_back((words_.empty() ? "" : " ") + word);
    if (words_.empty()) throw sse::HttpError(400, "The prompt has no words");
    const double all = static_cast<double>(words_.size());
    const double wanted = request.value("max_completion_tokens", request.value("max_tokens", all));
    if (!(wanted >= 0 && wanted <= 1e6)) throw sse::HttpError(400, "max_tokens is not from 0 to 1000000");
    wanted_ = static_cast<std::size_t>(wanted);
    ++running;
  }
  ~Source() { --running; }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  asio::awaitable<std::optional<std::string>> next_token() {
    if (made == model_->fails_after) throw sse::HttpError(503, "The model is overloaded", {{"Retry-After", "1"}});
    const bool silent = made == model_->silent_after;
    if (made == wanted_ && !silent) co_return std::nullopt;
    if (silent || model_->pause > 0ms) {
      timer_.expires_after(silent ? 24h : model_->pause);
      co_await timer_.async_wait(asio::use_awaitable);  // it is cancelled when the client goes
    }
    ++all_tokens;
    co_return words_[made++ % words_.size()];
  }
  std::size_t words() const { return words_.size(); }

  std::size_t made = 0;

 private:
  asio::steady_timer timer_;
  const Model* model_ = nullptr;
  std::vector<std::string> words_;
  std::size_t wanted_ = 0;
};

/// One provider's form of answers: the events of its stream, by type (empty: none) and data.
struct Form {
  using Events = std::vector<std::pair<std::string, json>>;

  virtual ~Form() = default;
  virtual Events begin(const json& request, const Source& source) const = 0;
  virtual Events token(const json& request, const std::string& text) const = 0;
  virtual Events end(const json& request, const Source& source) const = 0;
  virtual json whole(const json& request, const Source& source, const std::string& text) const = 0;
  virtual json error(const sse::HttpError& error) const = 0;
  std::string ping, last;  ///< A ping's data, an event after the last. Empty: there is none.
};

struct OpenAi final : Form {
  OpenAi() { last = "[DONE]"; }
  static json usage(const Source& source) {
    return {{"prompt_tokens", source.words()},
            {"completion_tokens", source.made},
            {"total_tokens", source.words() + source.made}};
  }
  static json reason(const Source& source) { return source.made < source.words() ? "length" : "stop"; }
  static json head(const json& request, const char* object, json choice) {
    choice["index"] = 0;
    return {{"id", "chatcmpl-1"},
            {"object", object},
            {"created", std::time(nullptr)},
            {"model", request.at("model")},
            {"choices", json::array({std::move(choice)})}};
  }
  static json chunk(const json& request, json delta, json finish_reason = nullptr) {
    return head(request, "chat.completion.chunk", {{"delta", std::move(delta)}, {"finish_reason", finish_reason}});
  }
  Events begin(const json& request, const Source&) const override {
    return {{"", chunk(request, {{"role", "assistant"}, {"content", ""}})}};
  }
  Events token(const json& request, const std::string& text) const override {
    return {{"", chunk(request, {{"content", text}})}};
  }
  Events end(const json& request, const Source& source) const override {
    Events events{{"", chunk(request, json::object(), reason(source))}};
    if (request.value("/stream_options/include_usage"_json_pointer, false)) {
      json with_usage = chunk(request, nullptr);
      with_usage["choices"] = json::array();
      with_usage["usage"] = usage(source);
      events.emplace_back("", std::move(with_usage));
    }
    return events;
  }
  json whole(const json& request, const Source& source, const std::string& text) const override {
    const json message = {{"role", "assistant"}, {"content", text}};
    json answer = head(request, "chat.completion", {{"message", message}, {"finish_reason", reason(source)}});
    answer["usage"] = usage(source);
    return answer;
  }
  json error(const sse::HttpError& error) const override {
    const char* const type = error.status() < 500 ? "invalid_request_error" : "server_error";
    return {{"error", {{"message", error.what()}, {"type", type}, {"param", nullptr}, {"code", nullptr}}}};
  }
};

struct Anthropic final : Form {
  Anthropic() { ping = R"({"type":"ping"})"; }
  static json reason(const Source& source) { return source.made < source.words() ? "max_tokens" : "end_turn"; }
  static json message(const json& request, const Source& source, const json& content, const json& stop_reason) {
    const json usage = {{"input_tokens", source.words()}, {"output_tokens", source.made}};
    return {
        {"id", "msg_1"},      {"type", "message"},          {"role", "assistant"},      {"model", request.at("model")},
        {"content", content}, {"stop_reason", stop_reason}, {"stop_sequence", nullptr}, {"usage", usage}};
  }
  static json text_block(const std::string& text) { return {{"type", "text"}, {"text", text}}; }
  static void add(Events& events, const char* type, json event) {
    event["type"] = type;
    events.emplace_back(type, std::move(event));
  }
  Events begin(const json& request, const Source& source) const override {
    Events events;
    add(events, "message_start", {{"message", message(request, source, json::array(), nullptr)}});
    add(events, "content_block_start", {{"index", 0}, {"content_block", text_block("")}});
    return events;
  }
  Events token(const json&, const std::string& text) const override {
    Events events;
    add(events, "content_block_delta", {{"index", 0}, {"delta", {{"type", "text_delta"}, {"text", text}}}});
    return events;
  }
  Events end(const json&, const Source& source) const override {
    Events events;
    add(events, "content_block_stop", {{"index", 0}});
    add(events, "message_delta",
        {{"delta", {{"stop_reason", reason(source)}, {"stop_sequence", nullptr}}},
         {"usage", {{"output_tokens", source.made}}}});
    add(events, "message_stop", json::object());
    return events;
  }
  json whole(const json& request, const Source& source, const std::string& text) const override {
    return message(request, source, json::array({text_block(text)}), reason(source));
  }
  json error(const sse::HttpError& error) const override {
    const char* const type = error.status() == 404   ? "not_found_error"
                             : error.status() == 503 ? "overloaded_error"
                             : error.status() < 500  ? "invalid_request_error"
                                                     : "api_error";
    return {{"type", "error"}, {"error", {{"type", type}, {"message", error.what()}}}};
  }
};

/// The same error, with the text that the provider's clients expect.
sse::HttpError in_form(const Form& form, const sse::HttpError& error) {
  sse::Headers headers = error.headers();
  headers.emplace_back("Content-Type", "application/json");
  const std::string text =
      form.error(error).dump(-1, ' ', false, json::error_handler_t::replace);  // it may cite the request
  return sse::HttpError(error.status(), text, std::move(headers));
}

asio::awaitable<void> send(sse::EventSender& out, Form::Events events) {
  for (const auto& [type, data] : events) co_await out.send_event(type, data.dump());
}

/// Sends pings until it is cancelled, for clients that ignore comments in their own time-outs.
asio::awaitable<void> send_pings(sse::EventSender& out, const Form& form) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (;;) {
    timer.expires_after(form.ping.empty() ? 24h : 1s);
    co_await timer.async_wait(asio::use_awaitable);
    co_await out.send_event("ping", form.ping);
  }
}

/// Sends the tokens, and returns its failure: `||` would wait for its other side if it was thrown.
asio::awaitable<std::exception_ptr> send_tokens(sse::EventSender& out, const Form& form, const json& request,
                                                Source& source, std::string token) try {
  for (std::optional<std::string> next = std::move(token); next; next = co_await source.next_token())
    co_await send(out, form.token(request, *next));  // waits for room: a slow client slows the source
  co_return nullptr;
} catch (...) {
  co_return std::current_exception();
}

/// Answers with a stream. Its first event waits for the first token, so that a model that refuses is a status.
asio::awaitable<void> stream_answer(tcp::socket& socket, const sse::Request& head, const Form& form,
                                    const json& request, Source& source) {
  const auto produce = [&](sse::EventSender& out) -> asio::awaitable<void> {
    try {
      std::optional<std::string> token = co_await source.next_token();
      co_await send(out, form.begin(request, source));
      if (token) {
        const auto ended =
            co_await (send_tokens(out, form, request, source, *std::move(token)) || send_pings(out, form));
        if (const std::exception_ptr* failure = std::get_if<0>(&ended); failure && *failure)
          std::rethrow_exception(*failure);
      }
      co_await send(out, form.end(request, source));
      if (!form.last.empty()) co_await out.send_message(form.last);
    } catch (const sse::HttpError& error) {
      throw in_form(form, error);
    }
  };
  sse::AnswerOptions options;
  if (form.ping.empty()) options.error_type = "";  // OpenAI's clients know a failure by the data
  options.error_data = [&form](std::exception_ptr failure) -> std::string {
    try {
      std::rethrow_exception(std::move(failure));
    } catch (const sse::HttpError& error) {
      return error.what();
    } catch (...) {
      return form.error(sse::HttpError(500, "The gateway has failed")).dump();
    }
  };
  co_await sse::answer_events(socket, head, produce, options);
}

asio::awaitable<std::exception_ptr> collect_tokens(Source& source, std::string& text) try {
  while (const auto token = co_await source.next_token()) text += *token;
  co_return nullptr;
} catch (...) {
  co_return std::current_exception();
}

/// Answers with all tokens at once. A client that goes ends the source here, too.
asio::awaitable<void> write_answer(tcp::socket& socket, const Form& form, const json& request, Source& source) {
  std::string text;
  const auto ended =
      co_await (collect_tokens(source, text) || socket.async_wait(tcp::socket::wait_read, asio::use_awaitable));
  if (ended.index() == 1) co_return;
  if (std::get<0>(ended)) std::rethrow_exception(std::get<0>(ended));
  co_await sse::write_response(socket, 200, sse::json_response(form.whole(request, source, text)));
}

asio::awaitable<void> answer(tcp::socket& socket, const sse::Request& head, const Form& form) {
  if (head.method != "POST") throw sse::HttpError(405, "Only POST is supported", {{"Allow", "POST"}});
  const std::string body = co_await sse::read_body(socket, head, 1024 * 1024);
  std::unique_ptr<Source> source;
  json request;
  bool streams = false;
  try {
    request = json::parse(body);
    streams = request.value("stream", false);
    source = std::make_unique<Source>(socket.get_executor(), request);
  } catch (const json::exception& error) {
    throw sse::HttpError(400, error.what());
  }
  if (streams)
    co_await stream_answer(socket, head, form, request, *source);
  else
    co_await write_answer(socket, form, request, *source);
}

asio::awaitable<void> read_to_end(tcp::socket& socket) {
  std::array<char, 4096> ignored;
  for (sse::error_code error; !error;)
    co_await socket.async_read_some(asio::buffer(ignored), asio::redirect_error(asio::use_awaitable, error));
}

/// Waits for the peer's end, for at most 2 s: with bytes of a body unread, the system would discard the response.
asio::awaitable<void> wait_for_close(tcp::socket& socket) {
  socket.shutdown(tcp::socket::shutdown_send);
  asio::steady_timer limit(socket.get_executor(), 2s);
  co_await (read_to_end(socket) || limit.async_wait(asio::use_awaitable));
}

asio::awaitable<void> session(tcp::socket socket) try {
  static const OpenAi openai;
  static const Anthropic anthropic;
  const Form* form = &openai;
  std::optional<sse::HttpError> refusal;  // a coroutine cannot await in a `catch`
  try {
    const sse::Request head = co_await sse::read_request(socket);
    if (head.path == "/sources") {
      const json counts = {{"running", Source::running}, {"tokens", Source::all_tokens}};
      co_await sse::write_response(socket, 200, sse::json_response(counts));
    } else if (head.path == "/v1/chat/completions") {
      co_await answer(socket, head, *form);
    } else if (head.path == "/v1/messages") {
      co_await answer(socket, head, *(form = &anthropic));
    } else {
      throw sse::HttpError(404, "Nothing is served at this path");
    }
  } catch (const sse::HttpError& error) {
    refusal = in_form(*form, error);
  }
  if (refusal) {
    co_await sse::write_response(socket, *refusal);
    co_await wait_for_close(socket);
  }
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
      pause.expires_after(100ms);
      co_await pause.async_wait(asio::use_awaitable);
    }
  }
}

int main(int argc, char** argv) {
  asio::io_context io(1);
  const auto port = static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 8080);
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), port});
  std::cout << "http://" << acceptor.local_endpoint() << "/v1" << std::endl;
  asio::co_spawn(io, accept_all(acceptor), asio::detached);
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](auto, auto) { io.stop(); });
  io.run();
}
