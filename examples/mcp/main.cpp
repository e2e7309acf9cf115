// A server of the Model Context Protocol over Streamable HTTP: tools that stream their progress, and can be resumed.
// mcp [PORT]: a port of 127.0.0.1 (default 8080; 0: any free port).
#include <sse/answer_events.hpp>
#include <sse/http.hpp>
#include <sse/sse.hpp>

#include <asio/experimental/awaitable_operators.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using nlohmann::json;
using tcp = asio::ip::tcp;

/// A request that the protocol refuses: the answer is a JSON-RPC error.
struct RpcError {
  int code;
  std::string message;
};

/// Parses a message. Discarded: it is no JSON, or so deep that copying it could overflow the stack.
json parse(const std::string& body) {
  constexpr int max_depth = 64;
  bool too_deep = false;
  const auto is_kept = [&](int depth, json::parse_event_t, json&) {
    too_deep = too_deep || depth > max_depth;
    return depth <= max_depth;
  };
  json message = json::parse(body, is_kept, false);
  return too_deep ? json(json::value_t::discarded) : message;
}

/// One client. Its events have the topic `<id>` (its GET) or `<id>/<call>` (the answer of one call).
struct Session {
  std::string id, version;
  std::map<std::string, std::shared_ptr<asio::cancellation_signal>> calls;  ///< The running ones, by the request's id.
};

/// All of it runs on one thread.
class Server {
 public:
  explicit Server(asio::io_context& io) : io_(io) {}

  asio::awaitable<void> post(sse::HandledRequest& handled) {
    const std::string body = co_await sse::read_body(handled.stream, handled.request, 1024 * 1024);
    const json message = parse(body);
    json answer = {{"jsonrpc", "2.0"}, {"id", nullptr}};
    if (!message.is_object() || !message.value("method", json("")).is_string()) {
      answer["error"] = {{"code", -32700}, {"message", "The body is not one JSON-RPC message"}};
      co_return co_await handled.respond(400, sse::json_response(answer));
    }
    const std::string method = message.value("method", "");
    std::shared_ptr<Session> session = method == "initialize" ? nullptr : session_of(handled.request);
    if (!message.contains("id") || method.empty()) {  // a notification, or a response
      if (method == "notifications/cancelled") cancel(*session, message);
      co_return co_await handled.respond(202);
    }
    answer["id"] = message["id"];
    sse::Response response;
    try {
      if (method == "initialize") session = begin_session(message);
      if (method == "tools/call") co_return co_await stream_call(handled, session, message);
      answer["result"] = result_of(*session, method);
    } catch (const RpcError& error) {
      answer["error"] = {{"code", error.code}, {"message", error.message}};
    } catch (const json::exception& error) {
      answer["error"] = {{"code", -32602}, {"message", error.what()}};
    }
    response = sse::json_response(answer);
    if (method == "initialize" && session) response.headers.emplace_back("Mcp-Session-Id", session->id);
    co_await handled.respond(200, std::move(response));
  }

  /// The notifications of the server; with a Last-Event-ID the stream of that event, from there on.
  asio::awaitable<void> get(sse::HandledRequest& handled) {
    const std::shared_ptr<Session> session = session_of(handled.request);
    std::string topic = session->id;
    if (const std::string* const last = handled.request.header("Last-Event-ID")) {
      topic = events_.find(*last).topic();
      if (topic != session->id && !topic.starts_with(session->id + '/'))
        throw sse::HttpError(404, "The stream of this event cannot be resumed");
    }
    sse::EventStream stream = subscribe(topic, handled.request.header("Last-Event-ID"));
    co_await relay(handled, std::move(stream));
  }

  asio::awaitable<void> end(sse::HandledRequest& handled) {
    const std::shared_ptr<Session> session = session_of(handled.request);
    sessions_.erase(session->id);
    for (const auto& [id, call] : session->calls) call->emit(asio::cancellation_type::terminal);
    events_.emit_message("end", "", of_topic(session->id));
    co_await handled.respond(204);
  }

 private:
  static constexpr std::string_view versions[] = {"2025-11-25", "2025-06-18", "2025-03-26"};

  static sse::EmitOptions of_topic(std::string topic) {
    sse::EmitOptions options;
    options.topic = std::move(topic);
    return options;
  }

  std::shared_ptr<Session> begin_session(const json& message) {
    std::string version = message.value("params", json::object()).value("protocolVersion", "");
    if (std::find(std::begin(versions), std::end(versions), version) == std::end(versions)) version = versions[0];
    std::random_device random;
    std::string id;
    for (int i = 0; i < 4; ++i) id += std::to_string(random());
    return sessions_[id] = std::make_shared<Session>(Session{id, version, {}});
  }

  std::shared_ptr<Session> session_of(const sse::Request& request) const {
    const std::string* const id = request.header("Mcp-Session-Id");
    if (!id) throw sse::HttpError(400, "Mcp-Session-Id is required");
    const auto found = sessions_.find(*id);
    if (found == sessions_.end()) throw sse::HttpError(404, "There is no such session");
    const std::string* const version = request.header("Mcp-Protocol-Version");
    if (version && std::find(std::begin(versions), std::end(versions), *version) == std::end(versions))
      throw sse::HttpError(400, "This Mcp-Protocol-Version is not spoken");
    return found->second;
  }

  static json result_of(const Session& session, const std::string& method) {
    if (method == "ping") return json::object();
    if (method == "initialize")
      return {{"protocolVersion", session.version},
              {"capabilities", {{"tools", json::object()}, {"logging", json::object()}}},
              {"serverInfo", {{"name", "sse-mcp"}, {"version", "1.0.0"}}}};
    if (method == "logging/setLevel") return json::object();
    if (method != "tools/list") throw RpcError{-32601, "There is no method " + method};
    const json steps = {{"type", "integer"}, {"minimum", 1}}, pause = {{"type", "integer"}, {"minimum", 0}};
    const json text = {{"type", "string"}};
    return {
        {"tools",
         {{{"name", "count"},
           {"description", "Counts to `steps`, `pause_ms` apart, and tells its progress"},
           {"inputSchema",
            {{"type", "object"}, {"properties", {{"steps", steps}, {"pause_ms", pause}}}, {"required", {"steps"}}}}},
          {{"name", "announce"},
           {"description", "Logs a text to all clients"},
           {"inputSchema", {{"type", "object"}, {"properties", {{"text", text}}}, {"required", {"text"}}}}}}}};
  }

  static void cancel(Session& session, const json& message) {
    const auto call = session.calls.find(message.value("/params/requestId"_json_pointer, json()).dump());
    if (call != session.calls.end()) call->second->emit(asio::cancellation_type::terminal);
  }

  sse::EventStream subscribe(const std::string& topic, const std::string* last_event_id = nullptr) {
    sse::ConnectionOptions options;
    options.topics = {topic};
    options.raw = true;  // the protocol does not know the library's own events; a loss ends the stream
    options.max_queue_size = history_size;
    if (last_event_id) options.last_event_id = *last_event_id;
    return events_.add_connection(std::move(options));
  }

  /// Runs the tool apart from its answer, so that it goes on while its client is cut, and relays what it emits.
  asio::awaitable<void> stream_call(sse::HandledRequest& handled, std::shared_ptr<Session> session, json message) {
    const std::string name = message.at("params").at("name"), topic = session->id + '/' + std::to_string(++calls_);
    if (name != "count" && name != "announce") throw RpcError{-32602, "There is no tool " + name};
    sse::EventStream stream = subscribe(topic);
    // An event with an id and no data, so that a client that is cut before the first event can come back.
    if (session->version == versions[0]) events_.emit_message("", "", of_topic(topic));
    auto signal = std::make_shared<asio::cancellation_signal>();
    session->calls[message["id"].dump()] = signal;
    asio::co_spawn(io_, run_call(std::move(session), std::move(message), topic),
                   asio::bind_cancellation_slot(signal->slot(), [signal](std::exception_ptr) {}));
    co_await relay(handled, std::move(stream));
  }

  /// Emits the events of a call: its progress, then its result.
  asio::awaitable<void> run_call(std::shared_ptr<Session> session, json message, std::string topic) {
    json answer = {{"jsonrpc", "2.0"}, {"id", message["id"]}};
    try {
      const json arguments = message["params"].value("arguments", json::object());
      std::string text;
      if (message["params"]["name"] == "count")
        text = co_await count(arguments, message["params"], topic);
      else
        text = announce(arguments.at("text"));
      answer["result"] = {{"content", {{{"type", "text"}, {"text", text}}}}};
    } catch (const json::exception& error) {
      answer["error"] = {{"code", -32602}, {"message", error.what()}};
    } catch (const sse::system_error&) {  // cancelled: the protocol wants no answer
      answer = nullptr;
    }
    session->calls.erase(message["id"].dump());
    if (!answer.is_null()) events_.emit_message("", answer.dump(), of_topic(topic));
    events_.emit_message("end", "", of_topic(topic));
  }

  asio::awaitable<std::string> count(const json& arguments, const json& params, const std::string& topic) {
    const int steps = arguments.at("steps");
    const auto pause = std::chrono::milliseconds(arguments.value("pause_ms", 0));
    const json token = params.value("/_meta/progressToken"_json_pointer, json());
    asio::steady_timer timer(io_);
    for (int step = 1; step <= steps; ++step) {
      timer.expires_after(pause);
      co_await timer.async_wait(asio::use_awaitable);  // throws when the call is cancelled
      if (token.is_null()) continue;
      const json progress = {{"progressToken", token}, {"progress", step}, {"total", steps}};
      const json event = {{"jsonrpc", "2.0"}, {"method", "notifications/progress"}, {"params", progress}};
      events_.emit_message("", event.dump(), of_topic(topic));
    }
    co_return "counted to " + std::to_string(steps);
  }

  std::string announce(const std::string& text) {
    const json log = {{"level", "info"}, {"data", text}};
    const json event = {{"jsonrpc", "2.0"}, {"method", "notifications/message"}, {"params", log}};
    for (const auto& [id, session] : sessions_) events_.emit_message("", event.dump(), of_topic(id));
    return "told " + std::to_string(sessions_.size());
  }

  /// Answers with the events of a stream, each with its id, until the event `end`.
  static asio::awaitable<void> relay(sse::HandledRequest& handled, sse::EventStream stream) {
    const auto produce = [&stream](sse::EventSender& out) -> asio::awaitable<void> {
      while (const std::optional<sse::Event> event = co_await stream.next()) {
        if (event->type() == "end") co_return;
        out.set_id(event->id());
        co_await out.send_message(event->json());
      }
    };
    sse::AnswerOptions options;
    options.stream = handled.options;
    options.failure_form = sse::FailureForm::cut;
    options.head_delay = std::chrono::milliseconds(0);
    co_await sse::answer_events(handled.stream, handled.request, produce, options);
  }

  static constexpr std::size_t history_size = 10'000;  // events of all clients together that can be resumed

  static sse::Options settings() {
    sse::Options options;
    options.history_size = history_size;
    return options;
  }

  asio::io_context& io_;
  sse::EventManager events_{settings()};
  std::map<std::string, std::shared_ptr<Session>> sessions_;
  std::uint64_t calls_ = 0;
};

int main(int argc, char** argv) {
  asio::io_context io(1);
  const auto port = static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 8080);
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), port});
  std::cout << "http://" << acceptor.local_endpoint() << "/mcp" << std::endl;

  Server server(io);
  sse::EventManager unused;  // every path has a handler
  sse::ServeOptions options;
  const std::string own_port = std::to_string(acceptor.local_endpoint().port());
  const std::vector<std::string> pages = {"http://127.0.0.1:" + own_port, "http://localhost:" + own_port};
  options.admit = [pages](const sse::Request& request, sse::ConnectionOptions&) {  // against DNS rebinding
    sse::check_origin(request, pages, {"127.0.0.1", "localhost"});
  };
  options.path = "/mcp";
  options.handle("POST", "/mcp", [&](sse::HandledRequest& handled) { return server.post(handled); });
  options.handle("GET", "/mcp", [&](sse::HandledRequest& handled) { return server.get(handled); });
  options.handle("DELETE", "/mcp", [&](sse::HandledRequest& handled) { return server.end(handled); });

  asio::cancellation_signal stop;
  asio::co_spawn(io, sse::serve(std::move(acceptor), unused, options),
                 asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr) { io.stop(); }));
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](auto, auto) { stop.emit(asio::cancellation_type::terminal); });
  io.run();
}
