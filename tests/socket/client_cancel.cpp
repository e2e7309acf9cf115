#include <catch2/generators/catch_generators.hpp>

#if defined(SSE_USE_BOOST_ASIO)
#include <boost/asio/experimental/awaitable_operators.hpp>
#else
#include <asio/experimental/awaitable_operators.hpp>
#endif

#include "client_support.hpp"

namespace {

using Type = asio::cancellation_type;

std::string numbers(int first, int last) {
  std::string text;
  for (; first <= last; ++first) text += "id: " + std::to_string(first) + "\ndata: " + std::to_string(first) + "\n\n";
  return text;
}

TEST_CASE("a step that is cancelled, in whatever state, loses nothing and cuts nothing") {
  const Type type = GENERATE(Type::terminal, Type::partial, Type::total);
  Listener listener;
  Context context;
  std::optional<sse::Client> client(std::in_place, listener.url(), quick());
  std::string text;
  const auto strand = asio::make_strand(context.io);
  const auto one = [&]() -> asio::awaitable<void> {
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    bool over = false;
    text = co_await step(*client, over);
  };
  const auto cancel_one = [&] {
    Task task(strand, one());
    task.cancel(type);
    CHECK(task.error() == asio::error::operation_aborted);
  };
  const auto get_one = [&] {
    Task task(strand, one());
    task.get();
    return text;
  };
  cancel_one();  // while it connects
  Client peer = listener.accept();
  cancel_one();
  CHECK(peer.head().starts_with("GET /events"));
  peer.send(stream_head.substr(0, 20));
  cancel_one();  // in the head
  peer.send(stream_head.substr(20));
  cancel_one();
  peer.send("data: a\n\ndata: b\n\ndata: ");
  CHECK(get_one() == "message a");
  CHECK(get_one() == "message b");
  cancel_one();  // in a message
  peer.send("c\n\n");
  CHECK(get_one() == "message c");
  CHECK_FALSE(listener.waiting(0ms));
  const auto end = [&]() -> asio::awaitable<void> {
    client.reset();
    co_return;
  };
  Task(strand, end()).get();
  CHECK(peer.read_to_end().empty());
}

TEST_CASE("steps that race with a timer, and cuts of the connection, lose and double no message") {
  using namespace asio::experimental::awaitable_operators;
  constexpr int count = 3000;
  Listener listener;
  Context context;
  Mailbox said;
  const auto work = [&]() -> asio::awaitable<void> {
    const auto executor = co_await asio::this_coro::executor;
    sse::Client client(listener.url(), quick());
    asio::steady_timer timer(executor);
    for (int read = 0; read < count;) {
      timer.expires_after(std::chrono::microseconds(read % 50));
      const auto result = co_await (client.next() || timer.async_wait(asio::use_awaitable));
      if (result.index() == 1) continue;
      const auto& message = std::get<0>(result);
      if (!message || message->data != std::to_string(++read))
        throw std::runtime_error("not message " + std::to_string(read));
    }
  };
  Task task(asio::make_strand(context.io), work());
  for (int first = 1; first <= count; first += 500) {
    Client peer = listener.answer(stream_head);
    CHECK(listener.asked("Last-Event-ID: " + std::to_string(first - 1)) == (first > 1));
    for (int n = first; n < first + 500; n += 10) peer.send(numbers(n, n + 9));
  }
  CHECK_NOTHROW(task.get());
}

TEST_CASE("a slow reader slows the server, and gets all of it") {
  Listener listener;
  Context context;
  Mailbox said;
  std::optional<sse::Client> client(std::in_place, listener.url(), quick());
  bool over = false;
  const auto one = [&]() -> asio::awaitable<void> { said.put(co_await step(*client, over)); };
  const auto strand = asio::make_strand(context.io);
  const auto read = [&] {
    Task(strand, one()).get();
    return said.take();
  };
  auto sending = std::async(std::launch::async, [&] {
    Client peer = listener.answer(stream_head);
    const std::string large(100'000, 'x');
    for (int n = 0; n < 300; ++n) peer.send("data: " + large + "\nid: " + std::to_string(n) + "\n\n");
  });
  for (int n = 0; n < 300; ++n) {
    const std::string text = read();
    REQUIRE(text.substr(text.rfind(' ') + 1) == std::to_string(n));
    if (n == 0) CHECK(sending.wait_for(200ms) == std::future_status::timeout);  // it is far more than the buffers take
  }
  sending.get();
  const auto end = [&]() -> asio::awaitable<void> {
    client.reset();  // where its executor is
    co_return;
  };
  Task(strand, end()).get();
}

TEST_CASE("a second step at the same time is an error, and the first goes on") {
  asio::io_context io;
  Listener listener;
  sse::Client client(listener.url(), quick());
  sse::error_code second;
  std::string first;
  bool over = false;
  const auto read = [&]() -> asio::awaitable<void> { first = co_await step(client, over); };
  const auto read_too = [&]() -> asio::awaitable<void> {
    try {
      co_await client.next();
    } catch (const sse::system_error& error) {
      second = error.code();
    }
    sse::Client moved(std::move(client));  // its end is the end of the step that waits
  };
  asio::co_spawn(io, read(), asio::detached);
  asio::co_spawn(io, read_too(), asio::detached);
  io.run_for(patience);
  CHECK(io.stopped());
  CHECK(second == asio::error::already_started);
  CHECK(first == "end");
}

asio::awaitable<void> answer_twice(tcp::acceptor acceptor) {
  for (int connection = 0; connection < 2; ++connection) {
    tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    const std::string answer = stream_head + "data: a\n\ndata: b\n\n";
    co_await asio::async_write(socket, asio::buffer(answer), asio::use_awaitable);
  }
}

/// Runs the client against a server that answers, step by step of its context: after `steps` of them `cut` is called.
/// Returns how many steps there were.
template <class Cut>
std::size_t run_steps(std::size_t steps, Cut cut) {
  std::optional<asio::io_context> io(std::in_place);
  tcp::acceptor acceptor = listen(*io);
  const std::string url = "http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
  asio::co_spawn(*io, answer_twice(std::move(acceptor)), asio::detached);
  std::optional<sse::Client> client;
  client.emplace(url, quick());
  int messages = 0;
  const auto work = [&]() -> asio::awaitable<void> {
    while (client && messages < 4) {
      const auto message = co_await client->next();
      if (!message) break;
      ++messages;
    }
  };
  asio::co_spawn(*io, work(), asio::detached);
  std::size_t ran = 0;
  while (ran < steps && messages < 4) {
    if (io->run_one_for(patience) == 0) give_up("the next step");
    ++ran;
  }
  cut(io, client);
  return messages == 4 ? 0 : ran;
}

TEST_CASE("a client that is closed or destroyed at any step, or whose context is, leaves nothing behind") {
  const std::size_t before = open_descriptors();
  const auto run_out = [](std::optional<asio::io_context>& io) {
    // The server's own accept waits for ever.
    for (int n = 0; n < 100 && io->poll() > 0;) ++n;
  };
  for (std::size_t steps = 0;; ++steps) {
    INFO(steps);
    const std::size_t ran = run_steps(steps, [&](auto& io, auto& client) {
      client.reset();
      run_out(io);
    });
    run_steps(steps, [&](auto& io, auto& client) {
      client->close();
      client->close();
      run_out(io);
    });
    run_steps(steps, [&](auto& io, auto& client) {
      client->close();
      io.reset();
    });
    run_steps(steps, [&](auto& io, auto& client) {
      io.reset();
      client.reset();
    });
    REQUIRE(open_descriptors() == before);
    if (ran < steps) {
      CHECK(steps > 20);
      break;
    }
  }
}

TEST_CASE("many clients on several threads, each on a strand") {
  Server server({}, {}, 2);
  Context context(4);
  constexpr std::size_t clients = 30;
  Mailbox said;
  std::vector<std::unique_ptr<Task>> tasks;
  const std::string url = "http://127.0.0.1:" + std::to_string(server.port) + "/events";
  const auto work = [&]() -> asio::awaitable<void> {
    sse::Client client(url, quick());
    for (int expected = 0; expected < 50;) {
      const auto message = co_await client.next();
      const json event = json::parse(message.value().data);
      if (event.at("type") == "connection")
        said.put("connected");
      else if (event.at("data") != expected++)
        throw std::runtime_error("out of order");
    }
  };
  for (std::size_t n = 0; n < clients; ++n)
    tasks.push_back(std::make_unique<Task>(asio::make_strand(context.io), work()));
  for (std::size_t n = 0; n < clients; ++n) said.take();
  for (int n = 0; n < 50; ++n) server.events.emit_event("n", n);
  for (const auto& task : tasks) CHECK_NOTHROW(task->get());
  server.wait_for_count(0);
}

}  // namespace
