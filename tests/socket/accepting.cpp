// Accepting: half heads, lack of memory, Unix sockets, load balancers, and the sockets that child processes do not
// inherit.
#include <atomic>
#include <cstdlib>
#include <new>

#include "support.hpp"

// The test program's allocations fail where a test says so, but for the test's own thread.
namespace {
std::atomic<bool> starving{false};
std::atomic<int> failures{0};
thread_local bool is_fed = false;
}  // namespace

void* operator new(std::size_t size) {
  if (starving && !is_fed) {
    ++failures;
    throw std::bad_alloc();
  }
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace {

using asio::local::stream_protocol;

TEST_CASE("past max_pending the oldest connection without a stream goes, and nobody else") {
  sse::ServeOptions options;
  options.limits.max_pending = 3;
  const Server server(options);
  std::vector<Client> streams;
  for (int i = 0; i < 5; ++i) streams.push_back(server.stream());
  std::vector<Client> pending;
  for (int i = 0; i < 5; ++i) {
    const bool silent = i == 1;
    pending.push_back(server.get(silent ? "" : "GET /events HTTP/1.1\r\nHost: x\r\n"));
  }
  CHECK(pending[0].read_to_end().empty());
  CHECK(pending[1].read_to_end().empty());
  for (std::size_t i = 2; i < 5; ++i) {
    pending[i].send("\r\n");
    CHECK(pending[i].status() == 200);
  }
  server.wait_for_count(8);
  CHECK_NOTHROW(server.stream());
}

TEST_CASE("without a limit of pending connections none goes") {
  sse::ServeOptions options;
  options.limits.max_pending = 0;
  const Server server(options);
  std::vector<Client> pending;
  for (int i = 0; i < 20; ++i) pending.push_back(server.get("GET /events HTTP/1.1\r\n"));
  for (Client& client : pending) {
    client.send("Host: x\r\n\r\n");
    CHECK(client.status() == 200);
  }
}

TEST_CASE("without memory serve keeps its streams, leaves new peers in the queue, and serves them later") {
  sse::EventManager events;
  asio::io_context io;
  const auto work = asio::make_work_guard(io);
  std::jthread thread([&] {
    for (;;) try {
        io.run();
        return;
      } catch (const std::bad_alloc&) {  // a strand of Asio's
      }
  });
  tcp::acceptor acceptor = listen(io);
  const auto port = acceptor.local_endpoint().port();
  std::optional<Task> task(std::in_place, io, sse::serve(std::move(acceptor), events));
  const auto get = [&] {
    Client client = Client::to(port);
    client.send(good_request);
    return client;
  };
  Client stream = get();
  CHECK(stream.status() == 200);
  CHECK(stream.event()->at("type") == "connection");
  std::vector<Client> late;
  for (int i = 0; i < 4; ++i) late.push_back(Client::unconnected());
  // The stream waits for its next event after a few turns of its strand, each of which posts the next.
  for (int i = 0; i < 20; ++i) asio::post(io, asio::use_future([] {})).get();
  is_fed = starving = true;
  bool connected = true;
  for (Client& client : late) connected = connected && client.connect(port) && client.send(good_request);
  eventually("three allocations that fail", [] { return failures >= 3; });
  starving = false;
  is_fed = false;
  CHECK(connected);
  std::size_t served = 0;
  for (Client& client : late) served += client.status() == 200;
  CHECK(served >= late.size() - 1);  // one may have been accepted, and then had to go
  events.emit_event("after", 1);
  CHECK(stream.event()->at("type") == "after");
  CHECK(get().status() == 200);
  task.reset();
  io.stop();
}

#if defined(SSE_CLOSE_ON_EXEC)
/// The sockets of this process that are bound to the port: the acceptor and what it has accepted.
std::vector<platform::Descriptor> descriptors_of(unsigned short port) {
  std::vector<platform::Descriptor> found = platform::descriptors();
  std::erase_if(found, [port](platform::Descriptor descriptor) { return platform::local_port(descriptor) != port; });
  return found;
}

TEST_CASE("a child process inherits neither the acceptor nor a client's socket") {
  const Server server;
  const Client stream = server.stream();
  const Client half = server.get("GET");
  const Client other = server.stream();  // accepted after `half`
  const std::vector<platform::Descriptor> descriptors = descriptors_of(server.port);
  CHECK(descriptors.size() == 4);
  for (const auto descriptor : descriptors) CHECK_FALSE(platform::is_inherited(descriptor));
}

TEST_CASE("a stream's end reaches its client, though another process has its socket, too") {
  Server server;
  Client client = server.stream();
  std::vector<platform::Descriptor> copies;
  for (const auto descriptor : descriptors_of(server.port)) copies.push_back(platform::duplicate(descriptor));
  server.events.disconnect_all("bye");
  CHECK(client.event()->at("message") == "bye");
  CHECK_FALSE(client.event());
  for (const auto descriptor : copies) platform::close(descriptor);
}
#endif

#if defined(SSE_TEST_POSIX)
/// A service over a Unix socket.
struct LocalServer {
  explicit LocalServer(const sse::ServeOptions& options = {}, const sse::Options& settings = {}) : events(settings) {
    std::filesystem::remove(path);
    stream_protocol::acceptor acceptor(context.io, stream_protocol::endpoint(path));
    task.emplace(context.io, sse::serve(std::move(acceptor), events, options));
  }
  ~LocalServer() { std::filesystem::remove(path); }

  Client get(std::string_view request = good_request) const {
    Client client(platform::connect_local(path));
    client.send(request);
    return client;
  }

  const std::string path = platform::local_path("sse");
  sse::EventManager events;
  Context context{2};
  std::optional<Task> task;
};

TEST_CASE("serve works over a Unix socket: limits, many streams, and a good end") {
  sse::ServeOptions options;
  std::string address = "unset";
  options.admit = [&](const sse::Request& request, sse::ConnectionOptions&) { address = request.remote_address; };
  sse::Options settings;
  settings.max_connections = 20;
  LocalServer server(options, settings);
  Client first = server.get();
  CHECK(first.status() == 200);
  CHECK(address.empty());
  std::vector<Client> clients;
  for (int i = 1; i < 20; ++i) {
    clients.push_back(server.get());
    CHECK(clients.back().status() == 200);
  }
  clients.push_back(std::move(first));
  CHECK(server.get().status() == 503);
  CHECK(server.get("nonsense\r\n").status() == 400);
  for (Client& client : clients) CHECK(client.event()->at("type") == "connection");
  for (int n = 0; n < 50; ++n) server.events.emit_event("n", n);
  Client half = server.get("GET");
  server.task->cancel();
  for (Client& client : clients) {
    for (int n = 0; n < 50; ++n) REQUIRE(client.event()->at("data") == n);
    CHECK(client.event()->at("message") == "The server is shutting down");
    CHECK_FALSE(client.event());
  }
  CHECK(half.read_to_end().empty());
  CHECK_NOTHROW(server.task->get());
  CHECK(server.events.get_connection_count() == 0);
}

TEST_CASE("serve takes a Unix socket's acceptor of any executor") {
  using Executor = asio::io_context::executor_type;
  sse::EventManager events;
  Context context;
  const std::string path = platform::local_path("sse-any");
  std::filesystem::remove(path);
  asio::basic_socket_acceptor<stream_protocol, Executor> acceptor(context.io, stream_protocol::endpoint(path));
  Task task(context.io, sse::serve(std::move(acceptor), events));
  stream_protocol::socket socket(context.io);
  socket.connect(stream_protocol::endpoint(path));
  Client client(socket.release());
  client.send(good_request);
  CHECK(client.status() == 200);
  std::filesystem::remove(path);
}
#endif

/// A service that answers each admitted request with the address that it has seen.
std::string address_seen(std::vector<std::string> proxies, const std::string& bytes) {
  sse::ServeOptions options;
  options.proxy_protocol_from = std::move(proxies);
  options.admit = [](const sse::Request& request, sse::ConnectionOptions&) {
    throw sse::HttpError(403, request.remote_address);
  };
  const Server server(options);
  std::string answer;
  for (const std::size_t piece : {bytes.size(), std::size_t{7}}) {
    Client client = server.get("");
    for (std::size_t begin = 0; begin < bytes.size(); begin += piece) client.send(bytes.substr(begin, piece));
    const int status = client.status();
    const std::string body = client.read_to_end();
    const std::string seen = status == 403 ? body.substr(0, body.find('\n')) : std::to_string(status);
    if (!answer.empty()) CHECK(seen == answer);
    answer = seen;
  }
  return answer;
}

TEST_CASE("a load balancer names the client, and nobody else can") {
  const std::string text = "PROXY TCP4 192.0.2.7 10.0.0.1 1 2\r\n";
  const std::string binary =
      std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0C", 16) + std::string("\xC0\0\2\x08\x0A\0\0\1\0\1\0\2", 12);
  CHECK(address_seen({"127.0.0.0/8"}, text + good_request) == "192.0.2.7");
  CHECK(address_seen({"::1", "127.0.0.1"}, binary + good_request) == "192.0.2.8");
  CHECK(address_seen({"127.0.0.1"}, "PROXY UNKNOWN\r\n" + good_request) == "127.0.0.1");
  CHECK(address_seen({"127.0.0.1"}, good_request) == "400");
  CHECK(address_seen({"127.0.0.1"}, text + text + good_request) == "400");
  CHECK(address_seen({"192.0.2.1", "unix"}, text + good_request) == "400");
  CHECK(address_seen({"192.0.2.1", "unix"}, good_request) == "127.0.0.1");
  CHECK(address_seen({}, text + good_request) == "400");
}

TEST_CASE("serve says which entry of its load balancers is none") {
  sse::EventManager events;
  Context context;
  sse::ServeOptions options;
  options.proxy_protocol_from = {"10.0.0.0/33"};
  Task task(context.io, sse::serve(listen(context.io), events, options));
  CHECK_THROWS_AS(task.get(), sse::Error);
}

TEST_CASE("an IPv4 client of an acceptor for both families has an IPv4 address") {
  sse::EventManager events;
  Context context;
  tcp::acceptor acceptor(context.io);
  sse::error_code error;
  acceptor.open(tcp::v6(), error);
  if (!error) acceptor.set_option(asio::ip::v6_only(false), error);
  if (!error) acceptor.bind({asio::ip::address_v6::any(), 0}, error);
  if (error) SKIP("this system has no IPv6");
  acceptor.listen();
  const auto port = acceptor.local_endpoint().port();
  sse::ServeOptions options;
  options.admit = [](const sse::Request& request, sse::ConnectionOptions&) {
    throw sse::HttpError(403, request.remote_address);
  };
  Task task(context.io, sse::serve(std::move(acceptor), events, options));
  Client client = Client::to(port);
  client.send(good_request);
  CHECK(client.read_to_end().ends_with("\r\n\r\n127.0.0.1\n"));
}

}  // namespace
