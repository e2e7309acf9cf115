// An ordinary Boost.Beast server with a stream of events among its routes; answer_events.hpp is what makes it one.
#include "../common/command_line.hpp"
#include "../common/local_host.hpp"
#include "../common/request_rules.hpp"
#include "answer_events.hpp"

#include <sse/sse.hpp>

#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

constexpr std::uint32_t max_head_size = 16 * 1024;
constexpr std::uint64_t max_body_size = 64 * 1024;
constexpr std::chrono::seconds request_timeout{30}, response_timeout{30}, closing_timeout{2}, grace{5}, spread{1};

constexpr std::string_view page = R"(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Beast</title>
<link rel="icon" href="data:,">
<form><input id="text" aria-label="Text" autofocus maxlength="1000"> <button>Say</button></form>
<ol id="events" reversed></ol>
<script>
  const list = document.getElementById('events');
  new EventSource('/events').onmessage = ({ data }) => {
    list.prepend(Object.assign(document.createElement('li'), { textContent: data }));
    if (list.children.length > 1000) list.lastChild.remove();
  };
  document.forms[0].onsubmit = (submit) => {
    submit.preventDefault();
    fetch('/say', { method: 'POST', body: document.getElementById('text').value });
    submit.target.reset();
  };
</script>
)";

struct Server {
  Server(const sse::Options& options, local_host::Allowed allowed_hosts)
      : events(options), hosts(std::move(allowed_hosts)) {}

  sse::EventManager events;
  const local_host::Allowed hosts;
  std::set<beast::tcp_stream*> waiting;  // for a request: they are owed nothing when the server stops
  bool stopping = false;
};

Response text_response(http::status status, std::string_view text) {
  Response response(status, 11, text);
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  return response;
}

Response not_allowed(std::string_view allowed) {
  Response response = text_response(http::status::method_not_allowed, "Not with this method\n");
  response.set(http::field::allow, allowed);
  return response;
}

bool is_read(const Request& request) {
  return request.method() == http::verb::get || request.method() == http::verb::head;
}

/// Everything but the stream.
Response respond(const Request& request, std::string_view path, sse::EventManager& events) {
  if (path == "/") {
    if (!is_read(request)) return not_allowed("GET, HEAD");
    Response response = text_response(http::status::ok, page);
    response.set(http::field::content_type, "text/html; charset=utf-8");
    return response;
  }
  if (path == "/say") {
    if (request.method() != http::verb::post) return not_allowed("POST");
    events.emit_event("said", {{"text", request.body()}});
    return Response(http::status::no_content, 11);
  }
  if (path == "/events") return not_allowed("GET, HEAD");
  return text_response(http::status::not_found, "There is nothing here\n");
}

/// The answer to a request that cannot be read.
Response refuse(const request_rules::Refusal& refusal) {
  std::string text(refusal.reason);
  text.front() = static_cast<char>(text.front() - 'a' + 'A');  // a sentence
  return text_response(http::int_to_status(refusal.status), text + '\n');
}

/// False: the connection is at its end.
asio::awaitable<bool> write(beast::tcp_stream& stream, Response response, const Request& request, bool keep_alive) {
  beast::error_code error;
  response.version(keep_alive ? request.version() : 11);
  response.keep_alive(keep_alive);
  if (response.result() != http::status::no_content) response.prepare_payload();
  if (request.method() == http::verb::head) response.body().clear();
  stream.expires_after(response_timeout);
  co_await http::async_write(stream, response, asio::redirect_error(asio::use_awaitable, error));
  co_return keep_alive && !error;
}

using Parser = http::request_parser<http::string_body>;

/// Why the request is not read further, once its head is there.
request_rules::Refusal check(const Server& server, const request_rules::Head& head) {
  if (const auto refusal = request_rules::check(head); refusal.status != 0) return refusal;
  const std::string_view authority = request_rules::authority_of(head.target());
  if (!server.hosts.contains(authority.empty() ? std::string_view(head[http::field::host]) : authority))
    return {421, "this name is not served here"};
  return {};
}

/// Reads a request whose head is good. A status: why there is none. 0: with `error`, the connection is at its end.
asio::awaitable<request_rules::Refusal> read_request(Server& server, beast::tcp_stream& stream,
                                                     beast::flat_buffer& buffer, Parser& parser,
                                                     beast::error_code& error) {
  const auto to_error = [&] { return asio::redirect_error(asio::use_awaitable, error); };
  stream.expires_after(request_timeout);
  if (const auto refusal = co_await request_rules::read_head(stream, buffer, parser, error); refusal.status != 0)
    co_return refusal;
  if (!error) {
    if (const auto refusal = check(server, parser.get()); refusal.status != 0) co_return refusal;
    if (!request_rules::sends_body_unasked(parser.get())) {
      http::response<http::empty_body> go_on(http::status::continue_, 11);
      co_await http::async_write(stream, go_on, to_error());
    }
    request_rules::make_origin_form(parser.get());
  }
  if (!error) co_await http::async_read(stream, buffer, parser, to_error());
  const bool is_end = error == beast::error::timeout || server.stopping || !parser.got_some();
  if (!error || is_end) co_return request_rules::Refusal();
  co_return request_rules::refusal_of(error, parser.get().target());
}

/// False: the connection is at its end.
asio::awaitable<bool> answer_next(Server& server, beast::tcp_stream& stream, beast::flat_buffer& buffer) {
  Parser parser;
  parser.header_limit(max_head_size);
  parser.body_limit(max_body_size);
  beast::error_code error;
  server.waiting.insert(&stream);
  const request_rules::Refusal refusal = co_await read_request(server, stream, buffer, parser, error);
  server.waiting.erase(&stream);
  if (refusal.status != 0) co_return co_await write(stream, refuse(refusal), parser.get(), false);
  if (error) co_return false;

  const Request request = parser.release();
  const std::string_view path = std::string_view(request.target()).substr(0, request.target().find('?'));
  const bool keep_alive = request.keep_alive() && !server.stopping;
  if (path != "/events" || !is_read(request))
    co_return co_await write(stream, respond(request, path, server.events), request, keep_alive);
  const sse::Request asked = request_of(request);
  const sse::ConnectionOptions connection = sse::connection_options(asked);  // who it is, what it may: set it here
  co_await answer_events(stream, server.events, asked, connection);
  co_return false;
}

/// Says that nothing more comes, and hears the peer out for a moment: to close a socket whose bytes are unread would
/// throw away what the peer has not read yet.
asio::awaitable<void> close(beast::tcp_stream& stream) {
  beast::error_code error;
  stream.socket().shutdown(tcp::socket::shutdown_send, error);
  stream.expires_after(closing_timeout);
  for (std::array<char, 4096> ignored; !error;)
    co_await stream.async_read_some(asio::buffer(ignored), asio::redirect_error(asio::use_awaitable, error));
}

asio::awaitable<void> run_session(Server& server, tcp::socket socket) {
  beast::tcp_stream stream(std::move(socket));
  beast::flat_buffer buffer(max_head_size + max_body_size);
  while (!server.stopping && co_await answer_next(server, stream, buffer)) {
  }
  co_await close(stream);
}

asio::awaitable<void> accept(Server& server, tcp::acceptor& acceptor) {
  asio::steady_timer pause(acceptor.get_executor());
  while (!server.stopping) {
    beast::error_code error;
    tcp::socket socket = co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (!error) {
      asio::co_spawn(acceptor.get_executor(), run_session(server, std::move(socket)), asio::detached);
    } else {  // no descriptors are left, for example: that passes
      pause.expires_after(std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::use_awaitable);
    }
  }
}

int run(const tcp::endpoint& endpoint, const sse::Options& options, const std::vector<std::string>& hosts) {
  Server server(options,
                local_host::Allowed(endpoint.address(),
                                    hosts));  // before the context, whose end destroys the sessions that are left
  asio::io_context io(1);                     // with more threads each session needs a strand: see examples/tls
  tcp::acceptor acceptor(io);
  try {
    acceptor = tcp::acceptor(io, endpoint);
  } catch (const boost::system::system_error& error) {
    std::cerr << "beast: cannot listen on " << endpoint << ": " << error.code().message() << std::endl;
    return 1;
  }
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](const beast::error_code&, int) { io.stop(); });
  asio::co_spawn(io, accept(server, acceptor), asio::detached);
  std::cout << "beast: http://" << acceptor.local_endpoint() << '/' << std::endl;
  io.run();

  signals.clear();  // a second one ends the program at once
  server.stopping = true;
  acceptor.close();
  for (beast::tcp_stream* stream : server.waiting) stream->cancel();
  asio::co_spawn(io, server.events.drain(grace, spread), asio::detached);
  io.restart();
  io.run_for(grace + closing_timeout);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace command_line;
  CLI::App app("A Boost.Beast server that sends what is posted to /say to every browser (or curl) at /events.\n",
               "beast");
  add_help_and_version(app,
                       "Once it listens, `beast: http://ADDR:PORT/` goes to standard output.\n"
                       "SIGINT and SIGTERM end it: every client is told `disconnect` and when to come back, and has 5 "
                       "seconds to read it.\n"
                       "Exit status: 0 after such an end, 1 if it can't listen, 2 on bad arguments.");
  std::string listen = "127.0.0.1:8080";
  std::vector<std::string> hosts;
  add_listen(app, listen);
  local_host::add_host(app, hosts);
  sse::Options options;
  options.history_size = 1000;
  options.max_connections = 1000;
  app.add_option("--max-connections", options.max_connections, "Streams at a time, 1 to 1000000 [1000]")
      ->type_name("N")
      ->check(whole_number(1, 1'000'000));
  if (const auto status = parse(app, argc, argv)) return *status;
  try {
    return run(*parse_endpoint(listen), options, hosts);
  } catch (const std::exception& error) {
    std::cerr << "beast: " << error.what() << std::endl;
    return 1;
  }
}
