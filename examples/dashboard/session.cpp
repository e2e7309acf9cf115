#include "session.hpp"

#include <optional>
#include <sse/http.hpp>
#include <utility>

#include "own_pages.hpp"
#include "reply.hpp"

namespace dashboard {
namespace {

constexpr std::chrono::seconds idle_limit{75};
constexpr std::chrono::seconds head_limit{10};
constexpr std::chrono::seconds answer_limit{30};
constexpr std::chrono::seconds closing_limit{2};
constexpr std::size_t most_head_bytes = 16 * 1024;
constexpr std::size_t most_own_body_bytes = 64 * 1024;

/// The parameters that say where a page wants to go on.
sse::Request request_of(const RequestHead& head) {
  sse::Request request(head.method_string(), head.target());
  for (const auto& field : head) request.headers.emplace_back(field.name_string(), field.value());
  return request;
}

}  // namespace

Shared::Shared(UpstreamAddress upstream_address, const sse::Options& options, Exchange::Limits exchange_limits,
               local_host::Allowed allowed_hosts)
    : events(options),
      hosts(std::move(allowed_hosts)),
      log(events),
      upstream(std::move(upstream_address)),
      limits(exchange_limits),
      started(unix_time()) {}

nlohmann::json Shared::state() const {
  return {{"upstream", upstream.address().url()},
          {"started", started},
          {"watchers", events.get_connection_count()},
          {"running", log.running()},
          {"stats", events.stats()}};
}

void Session::enter(Stage stage, Deadline::Clock::duration limit) {
  stage_ = stage;
  entered_ = Deadline::Clock::now();
  deadline_.in(limit);
}

void Session::sweep(Deadline::Clock::time_point now) {
  if (!deadline_.passed(now)) return;
  error_code ignored;
  if (exchange_)
    exchange_->time_out();
  else
    client_.socket.cancel(ignored);
}

void Session::stop() {
  error_code ignored;
  evicted_ = true;
  if (has_no_request()) client_.socket.cancel(ignored);
}

void Session::cut() {
  error_code ignored;
  if (exchange_)
    exchange_->cut();
  else
    client_.socket.close(ignored);
}

asio::awaitable<void> Session::run() {
  for (bool more = true; more && !shared_.stopping && !evicted_;) more = co_await next_request();
  co_await close();
}

/// False: the connection is at its end.
asio::awaitable<bool> Session::next_request() {
  error_code error;
  if (client_.buffer.size() == 0) {
    enter(Stage::idle, idle_limit);
    const auto space = client_.buffer.prepare(block_size);
    const std::size_t size = co_await client_.socket.async_read_some(space, to(error));
    if (error) co_return false;
    client_.buffer.commit(size);
  }

  RequestParser request;
  request.header_limit(most_head_bytes);
  request.body_limit(boost::none);
  enter(Stage::head, head_limit);
  const Refusal unreadable = co_await request_rules::read_head(client_.socket, client_.buffer, request, error);
  if (unreadable.status != 0) co_return co_await refuse(unreadable.status, unreadable.reason);
  if (error && shared_.stopping) co_return false;
  if (error == asio::error::operation_aborted)
    co_return co_await refuse(408, "the head of the request came too slowly");
  if (error) co_return false;

  const Refusal refusal = check_request(request.get());
  if (refusal.status != 0) co_return co_await refuse(refusal.status, refusal.reason);
  request_rules::make_origin_form(request.get());
  if (is_own(request.get().target())) co_return co_await answer_own(request);
  co_return co_await relay(request);
}

asio::awaitable<bool> Session::relay(RequestParser& request) {
  stage_ = Stage::exchange;
  Exchange exchange(client_, address_, request, shared_.upstream, deadline_, shared_.limits);
  exchange_ = &exchange;
  const bool more = co_await exchange.run(shared_.log, shared_.stopping);
  exchange_ = nullptr;
  unread_ = !request.is_done();
  co_return more;
}

asio::awaitable<bool> Session::answer_own(const RequestParser& request) {
  const RequestHead& head = request.get();
  const bool head_only = head.method() == http::verb::head;
  if (!shared_.hosts.contains(head[http::field::host]))
    co_return co_await refuse(421, "this page is served for localhost: see --host");
  if (request.content_length().value_or(0) > most_own_body_bytes)
    co_return co_await refuse(413, "nothing here takes such a body");
  if (head.method() == http::verb::get && path_of(head.target()) == events_path) {
    co_await watch(head);
    co_return false;
  }
  Reply reply = own_reply(head, shared_);
  const bool keep_alive = request.keep_alive() && request.is_done() && !shared_.stopping;
  unread_ = !request.is_done();
  enter(Stage::answer, answer_limit);
  error_code error;
  co_await write_reply(client_, reply, head.version(), keep_alive, head_only, error);
  co_return keep_alive && !error;
}

asio::awaitable<void> Session::watch(const RequestHead& head) {
  stage_ = Stage::watching;
  deadline_.never();  // write_events keeps the time
  const sse::Request request = request_of(head);
  const sse::StreamOptions options;
  std::optional<sse::EventStream> stream;
  try {
    stream = shared_.events.add_connection(sse::connection_options(request));
    // In the stream it stands between what is replayed and what is new: it is the state at that point.
    shared_.events.send_event(stream->connection_id(), "state", shared_.state());
  } catch (const sse::Error&) {  // too much for one event: the page will ask for it; or the dashboard is being drained
  }
  if (stream)
    co_await sse::write_events(client_.socket, std::move(*stream), options);
  else
    co_await sse::write_events(client_.socket, shared_.events, request, options);  // says so
}

asio::awaitable<bool> Session::refuse(unsigned status, std::string_view text) {
  Reply reply = text_reply(status, text);
  enter(Stage::answer, answer_limit);
  unread_ = true;
  error_code ignored;
  co_await write_reply(client_, reply, 11, false, false, ignored);
  co_return false;
}

/// A client that is still sending when its connection is closed may lose what it was told: it is heard out for a
/// moment.
asio::awaitable<void> Session::close() {
  error_code error;
  client_.socket.shutdown(tcp::socket::shutdown_send, error);
  enter(Stage::closing, closing_limit);
  client_.buffer.clear();
  const auto space = client_.buffer.prepare(block_size);
  while (unread_ && !error) co_await client_.socket.async_read_some(space, to(error));
}

}  // namespace dashboard
