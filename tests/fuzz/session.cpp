// A session of `serve`: however the bytes of a client are cut, it gets the same answer and its end, and nothing is
// left.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <sse/detail/server/server.hpp>
#include <sse/detail/server/session.hpp>
#include <sse/http.hpp>

#include <string>
#include <vector>

#include "support.hpp"

namespace {

namespace asio = sse::asio;
using sse::detail::IntrusivePtr;

sse::ServeOptions serve_options(bool behind_proxy) {
  sse::ServeOptions options;
  options.limits.max_head_size = 512;
  options.limits.max_headers = 8;
  options.metrics_path = "/m";
  options.allowed_origins = {"http://a"};
  options.topics_from_query = true;
  if (behind_proxy) options.proxy_protocol_from = {"unix"};
  options.admit = [](const sse::Request& request, sse::ConnectionOptions& connection) {
    if (request.query_value("no")) throw sse::HttpError(401, request.remote_address);
    connection.connection_id = "id";
  };
  return options;
}

sse::Options manager_options() {
  sse::Options options;
  options.clock = [] { return std::chrono::system_clock::time_point(); };
  return options;
}

/// A session at one end of a pair of sockets, and its client at the other. One thread does both.
class Exchange {
 public:
  explicit Exchange(bool behind_proxy) : events_(manager_options()) {
    int ends[2];
    EXPECT(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    client_ = ends[0];
    ::fcntl(client_, F_SETFL, O_NONBLOCK);
    const IntrusivePtr<sse::detail::Server> server(
        new sse::detail::Server(events_, serve_options(behind_proxy), io_.get_executor()));
    done_ = server->sessions_done;
    const auto session = server->make_session();
    session->stream().assign(asio::generic::stream_protocol(AF_UNIX, 0), ends[1]);
    session->stream().non_blocking(true);
    EXPECT(server->add(*session));
    session->begin();
  }
  ~Exchange() { ::close(client_); }

  void send(std::string_view bytes) {
    run();
    const auto sent = ::send(client_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    EXPECT(sent < 0 || static_cast<std::size_t>(sent) == bytes.size());
    run();
  }
  /// All that the session has sent, once it has ended.
  std::string finish() {
    run();
    done_->close();
    ::shutdown(client_, SHUT_WR);
    for (int round = 0; round < 100 && !done_->is_passed(); ++round) run();
    EXPECT(done_->is_passed());
    EXPECT(events_.get_connection_count() == 0);
    return received_;
  }

 private:
  void run() {
    io_.restart();
    io_.poll();
    char bytes[4096];
    for (ssize_t size; (size = ::recv(client_, bytes, sizeof bytes, 0)) > 0;)
      received_.append(bytes, static_cast<std::size_t>(size));
  }

  sse::EventManager events_;
  asio::io_context io_{1};
  std::shared_ptr<sse::detail::SessionGate> done_;
  int client_ = -1;
  std::string received_;
};

std::string answer(std::string_view bytes, bool behind_proxy, std::uint8_t seed, bool cut) {
  Exchange exchange(behind_proxy);
  if (cut)
    in_pieces(bytes, seed, [&](std::string_view piece) { exchange.send(piece); });
  else
    exchange.send(bytes);
  return exchange.finish();
}

/// The answer without the counts of a moment.
std::string comparable(const std::string& text) {
  return text.substr(0, text.find("openmetrics-text"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::uint8_t seed = input.byte();
  const std::string_view bytes = input.rest().substr(0, 1'024);
  const std::string whole = answer(bytes, seed % 2 == 1, seed, false);
  EXPECT(whole.empty() || whole.starts_with("HTTP/1.1 "));
  EXPECT(comparable(answer(bytes, seed % 2 == 1, seed, true)) == comparable(whole));
  return 0;
}
