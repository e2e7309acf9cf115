#include "exchange.hpp"

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "reply.hpp"

namespace dashboard {

using namespace asio::experimental::awaitable_operators;

namespace {

std::string seconds(std::chrono::milliseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time).count()) + " s";
}

bool is_event_stream(const ResponseHead& head) {
  return beast::iequals(head[http::field::content_type].substr(0, 17), "text/event-stream");
}

/// A parser's error speaks of the text; any other one of the connection.
bool is_of_http(const error_code& error) {
  return error.category() == make_error_code(http::error::end_of_stream).category() &&
         error != http::error::end_of_stream && error != http::error::partial_message;
}

}  // namespace

Exchange::Exchange(Peer& client, const tcp::endpoint& client_address, RequestParser& request, Upstream& pool,
                   Deadline& deadline, Limits limits)
    : client_(client),
      client_address_(client_address),
      request_(request),
      pool_(pool),
      deadline_(deadline),
      limits_(limits) {
  // A request with a body comes to its end before the connection changes hands; none that does both is known.
  if (request_.is_done()) upgrade_ = wanted_upgrade(request_.get());
}

void Exchange::fail(unsigned status, std::string text) {
  if (failure_ != 0) return;
  failure_ = status;
  error_ = std::move(text);
}

void Exchange::cancel() {
  error_code ignored;
  client_.socket.cancel(ignored);
  if (upstream_) upstream_->socket.cancel(ignored);
}

void Exchange::time_out() {
  const std::string time = " for " + seconds(limits_.silence);
  if (client_writing_)
    fail(408, "the client took nothing" + time);
  else if (uploading_ && !upstream_writing_ && status_ == 0)
    fail(408, "the client sent nothing" + time);
  else if (upstream_writing_)
    fail(504, "the upstream took nothing" + time);
  else
    fail(504, "the upstream sent nothing" + time);
  deadline_.in(std::chrono::seconds(1));  // it may have passed between two operations, where there is nothing to cancel
  cancel();
}

void Exchange::cut() {
  fail(503, "the proxy was stopped");
  deadline_.in(std::chrono::milliseconds(100));
  cancel();
}

void Exchange::touch() {
  if (silence_allowed_ && !client_writing_ && !upstream_writing_)
    deadline_.never();
  else
    deadline_.in(limits_.silence);
}

asio::awaitable<bool> Exchange::run(RequestLog& log, const bool& stopping) {
  const RequestHead& head = request_.get();
  RequestLog::Request logged = log.start(head.method_string(), head.target(), to_text(client_address_));

  co_await relay();

  if (upgraded_) {
    co_await tunnel();
    failure_ == 0 ? logged.complete(status_, sent_) : logged.fail(status_, error_);
    co_return false;
  }
  if (failure_ != 0 && status_ == 0) {
    const bool keep_alive = request_.is_done() && keep_alive_;
    const bool told = co_await tell_failure(keep_alive && !stopping);
    logged.fail(told ? failure_ : 0, error_);
    co_return told&& keep_alive && !stopping;
  }
  if (failure_ != 0) {
    // If the connection's end is the body's end, a broken body must not look like a whole one.
    error_code ignored;
    if (ends_with_close_) client_.socket.set_option(asio::socket_base::linger(true, 0), ignored);
    if (ends_with_close_) client_.socket.close(ignored);
    logged.fail(status_, error_);
    co_return false;
  }
  if (client_gone_) {
    // A reader leaves an event stream in no other way.
    status_ != 0 && silence_allowed_ ? logged.complete(status_, sent_) : logged.fail(status_, "the client hung up");
    co_return false;
  }
  logged.complete(status_, sent_);
  if (upstream_good_ && request_.is_done() && !stopping) pool_.keep(std::move(upstream_));
  co_return keep_alive_&& request_.is_done();
}

asio::awaitable<void> Exchange::relay() {
  const RequestHead& head = request_.get();
  // The service may close a kept connection just when a request is sent on it. Only what can be sent twice is risked
  // there.
  const bool repeatable =
      request_.is_done() && upgrade_.empty() &&
      (head.method() == http::verb::get || head.method() == http::verb::head || head.method() == http::verb::options);
  keep_alive_ = request_.keep_alive();
  if (repeatable) upstream_ = pool_.take_kept();
  for (;;) {
    touch();
    kept_ = upstream_ != nullptr;
    stale_ = false;
    if (!upstream_) {
      error_code error;
      upstream_ = co_await pool_.connect(std::min(limits_.connect, limits_.silence), error);
      if (!upstream_) {
        const unsigned status = error == boost::system::errc::timed_out ? 504 : 502;
        fail(status, "connect to " + pool_.address().authority() + ": " + error.message());
        co_return;
      }
      if (failure_ != 0) co_return;
    }
    const bool sent = co_await send_head_to_upstream();
    if (sent) {
      auto upstream_side_ends = upstream_side();
      auto client_side_ends = client_side();
      co_await (std::move(upstream_side_ends) || std::move(client_side_ends));
    }
    if (!stale_ || failure_ != 0 || client_gone_) co_return;
    upstream_.reset();
  }
}

asio::awaitable<bool> Exchange::send_head_to_upstream() {
  http::request<http::empty_body> head =
      request_for_upstream(request_.get(), client_address_, pool_.address().authority());
  if (request_.chunked())
    head.chunked(true);
  else if (const auto length = request_.content_length())
    head.content_length(*length);
  if (!upgrade_.empty()) {
    head.set(http::field::connection, "Upgrade");
    head.set(http::field::upgrade, upgrade_);
  }
  http::request_serializer<http::empty_body> serializer(head);
  upstream_writing_ = true;
  error_code error;
  co_await http::async_write_header(upstream_->socket, serializer, to(error));
  upstream_writing_ = false;
  if (!error) co_return true;
  stale_ = kept_;
  if (!stale_) fail(502, "the upstream closed the connection: " + error.message());
  co_return false;
}

asio::awaitable<bool> Exchange::send_head_to_client(http::response<http::empty_body>& head) {
  http::response_serializer<http::empty_body> serializer(head);
  client_writing_ = true;
  touch();
  error_code error;
  co_await http::async_write_header(client_.socket, serializer, to(error));
  client_writing_ = false;
  touch();
  if (error && failure_ == 0) client_gone_ = true;
  co_return !error;
}

asio::awaitable<bool> Exchange::tell_failure(bool keep_alive) {
  Reply reply = text_reply(failure_, error_);
  deadline_.in(std::min<std::chrono::milliseconds>(limits_.silence, std::chrono::seconds(5)));
  error_code error;
  co_await write_reply(client_, reply, request_.get().version(), keep_alive, is_head(), error);
  co_return !error;
}

/// Passes the request's body on, then looks out for the client's end. Returns when the client is gone.
asio::awaitable<void> Exchange::client_side() {
  error_code error;
  if (!request_.is_done()) {
    uploading_ = true;
    touch();
    const bool chunked = request_.chunked();
    const End end = co_await copy_body(client_, request_, *upstream_, chunked, upstream_writing_, received_, error);
    if (end == End::read_failed) {
      if (error == asio::error::operation_aborted || failure_ != 0) co_return;
      if (is_of_http(error))
        fail(400, "the request's body: " + error.message());
      else
        client_gone_ = true;
      co_return;
    }
    // An upstream that takes no more of the body may still send an answer that says why.
    uploading_ = false;
    touch();
  }
  constexpr std::size_t far_enough = 64 * 1024;
  while (client_.buffer.size() < far_enough) {
    const auto space = client_.buffer.prepare(4096);
    const std::size_t size = co_await client_.socket.async_read_some(space, to(error));
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      client_gone_ = failure_ == 0;
      co_return;
    }
    client_.buffer.commit(size);
  }
  // A client that sends its next requests that far ahead is not read from until they are due.
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer for_ever(executor, asio::steady_timer::time_point::max());
  co_await for_ever.async_wait(to(error));
}

/// Passes the answer on. Returns when it has, when it can't, or at a change of protocol.
asio::awaitable<void> Exchange::upstream_side() {
  constexpr int most_interim_answers = 16;
  for (int interim = 0; interim <= most_interim_answers; ++interim) {
    std::unique_ptr<ResponseParser> answer;
    const bool got = co_await read_answer_head(answer);
    if (!got) co_return;
    const ResponseHead& head = answer->get();
    if (head.result_int() == 101) {
      co_await switch_protocols(head);
      co_return;
    }
    if (head.result_int() >= 200) {
      co_await relay_answer(*answer);
      co_return;
    }
    if (request_.get().version() == 10) continue;  // has no interim answers
    http::response<http::empty_body> interim_head = response_for_client(head, 11);
    const bool sent = co_await send_head_to_client(interim_head);
    if (!sent) co_return;
  }
  fail(502, "the upstream sends interim answers without end");
}

asio::awaitable<bool> Exchange::read_answer_head(std::unique_ptr<ResponseParser>& answer) {
  answer = std::make_unique<ResponseParser>();
  answer->header_limit(64 * 1024);
  answer->body_limit(boost::none);
  answer->skip(is_head());
  touch();
  error_code error;
  co_await http::async_read_header(upstream_->socket, upstream_->buffer, *answer, to(error));
  if (!error) co_return true;
  if (error == asio::error::operation_aborted || failure_ != 0) co_return false;
  if (is_of_http(error))
    fail(502, "the upstream's answer is not HTTP: " + error.message());
  else if (kept_ && !answer->got_some())
    stale_ = true;
  else
    fail(502, "the upstream closed the connection without an answer");
  co_return false;
}

asio::awaitable<void> Exchange::switch_protocols(const ResponseHead& head) {
  if (upgrade_.empty()) {
    fail(502, "the upstream changes the protocol unasked");
    co_return;
  }
  http::response<http::empty_body> answer = response_for_client(head, 11);
  answer.set(http::field::connection, "Upgrade");
  answer.set(http::field::upgrade, head[http::field::upgrade]);
  const bool sent = co_await send_head_to_client(answer);
  if (!sent) co_return;
  status_ = 101;
  upgraded_ = true;
}

asio::awaitable<void> Exchange::relay_answer(ResponseParser& answer) {
  const ResponseHead& head = answer.get();
  const unsigned status = head.result_int();
  const std::size_t codings = head.count(http::field::transfer_encoding);
  if (codings > 1 || (codings == 1 && !beast::iequals(head[http::field::transfer_encoding], "chunked"))) {
    fail(502, "the upstream uses a transfer coding other than chunked");
    co_return;
  }
  const unsigned version = request_.get().version();
  http::response<http::empty_body> out = response_for_client(head, version);
  bool chunked = false;
  const bool no_body = is_head() || status == 204 || status == 304;
  if (no_body) {
    if (status != 204 && head.count(http::field::content_length) > 0)
      out.set(http::field::content_length, head[http::field::content_length]);
  } else if (const auto length = answer.content_length()) {
    out.content_length(*length);
  } else if (version == 11) {
    chunked = true;
    out.chunked(true);
  } else {
    ends_with_close_ = true;
  }
  // The rest of a refused body can't be told from the client's next request.
  keep_alive_ = keep_alive_ && !ends_with_close_ && (request_.is_done() || uploading_);
  out.keep_alive(keep_alive_);
  silence_allowed_ = is_event_stream(head);
  const bool sent = co_await send_head_to_client(out);
  if (!sent) co_return;
  status_ = status;

  error_code error;
  if (!no_body) {
    const End end = co_await copy_body(*upstream_, answer, client_, chunked, client_writing_, sent_, error);
    if (error == asio::error::operation_aborted || failure_ != 0) co_return;
    if (end == End::write_failed) {
      client_gone_ = true;
      co_return;
    }
    if (end == End::read_failed) {
      fail(502, is_of_http(error) ? "the upstream's body: " + error.message()
                                  : "the upstream closed the connection in the middle of its answer");
      co_return;
    }
  }
  upstream_good_ = answer.keep_alive() && !answer.need_eof() && upstream_->buffer.size() == 0;
}

template <bool is_request>
asio::awaitable<Exchange::End> Exchange::copy_body(Peer& from, http::parser<is_request, http::buffer_body>& parser,
                                                   Peer& receiver, bool chunked, bool& writing, std::uint64_t& bytes,
                                                   error_code& error) {
  const auto block = std::make_unique_for_overwrite<char[]>(block_size);
  auto& body = parser.get().body();
  parser.eager(false);  // or it would wait for the next chunk with the last one in hand
  while (!parser.is_done()) {
    body.data = block.get();
    body.size = block_size;
    body.more = true;
    // One read and no more: an event that has come goes out before the next is waited for.
    co_await http::async_read_some(from.socket, from.buffer, parser, to(error));
    if (error == http::error::need_buffer) error = {};
    const std::size_t size = block_size - body.size;
    touch();
    if (size > 0) {
      const auto data = asio::buffer(block.get(), size);
      error_code write_error;
      writing = true;
      touch();
      if (chunked) {
        const auto chunk = http::make_chunk(data);
        co_await asio::async_write(receiver.socket, chunk, to(write_error));
      } else {
        co_await asio::async_write(receiver.socket, data, to(write_error));
      }
      writing = false;
      touch();
      if (write_error) {
        error = write_error;
        co_return End::write_failed;
      }
      bytes += size;
    }
    if (error) co_return End::read_failed;
    if (failure_ != 0) co_return End::read_failed;
  }
  if (chunked) {
    writing = true;
    const auto last = http::make_chunk_last();
    co_await asio::async_write(receiver.socket, last, to(error));
    writing = false;
    touch();
    if (error) co_return End::write_failed;
  }
  co_return End::done;
}

asio::awaitable<void> Exchange::tunnel() {
  silence_allowed_ = true;
  touch();
  try {
    auto to_upstream = pump(client_, *upstream_, upstream_writing_, received_);
    auto to_client = pump(*upstream_, client_, client_writing_, sent_);
    co_await (std::move(to_upstream) && std::move(to_client));
  } catch (const boost::system::system_error&) {  // either end has broken off, which is how most tunnels end
  }
}

asio::awaitable<void> Exchange::pump(Peer& from, Peer& receiver, bool& writing, std::uint64_t& bytes) {
  const auto block = std::make_unique_for_overwrite<char[]>(block_size);
  for (;;) {
    std::size_t size = std::min(from.buffer.size(), block_size);
    error_code error;
    if (size > 0) {
      asio::buffer_copy(asio::buffer(block.get(), size), from.buffer.data());
      from.buffer.consume(size);
    } else {
      size = co_await from.socket.async_read_some(asio::buffer(block.get(), block_size), to(error));
    }
    if (error == asio::error::eof) break;
    if (error) throw boost::system::system_error(error);
    writing = true;
    touch();
    co_await asio::async_write(receiver.socket, asio::buffer(block.get(), size), asio::use_awaitable);
    writing = false;
    bytes += size;
    touch();
  }
  error_code ignored;
  receiver.socket.shutdown(tcp::socket::shutdown_send, ignored);
  silence_allowed_ = false;  // one half is closed: the other may not stay open for ever
  touch();
}

}  // namespace dashboard
