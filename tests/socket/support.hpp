#pragma once

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <future>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <sse/http.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "platform.hpp"

#if defined(SSE_USE_BOOST_ASIO)  // Clang has no alias that is the name of a namespace already
namespace asio = sse::asio;
#endif
using nlohmann::json;
using sse::tcp;
using namespace std::chrono_literals;
using namespace std::string_literals;

constexpr auto patience = 20s;  ///< time after which a thing counts as not happening, on a busy machine

[[noreturn]] inline void give_up(const std::string& what) {
  throw std::runtime_error("it did not happen within 20 s: " + what);
}

/// For a thing that tells nobody when it happens, a closed descriptor for example.
template <class Condition>
void eventually(const std::string& what, Condition&& condition) {
  const auto limit = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > limit) give_up(what);
    platform::pause(2ms);
  }
}

/// Ends when it is cancelled.
inline asio::awaitable<void> forever() {
  asio::steady_timer timer(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
  co_await timer.async_wait(asio::use_awaitable);
}

/// Keeps its promise when its coroutine's frame is gone.
struct KeptAtEnd {
  std::promise<void>& promise;
  ~KeptAtEnd() { promise.set_value(); }
};

/// The words of the system, or of Asio, for an error.
template <class Error>
std::string text_of(Error error) {
  return sse::error_code(error).message();
}

inline std::size_t open_descriptors() {
  return platform::descriptors().size();
}

inline const std::string good_request = "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A blocking peer that owes nothing to the library, and a strict reader of what an event stream may have.
class Client {
 public:
  explicit Client(platform::Descriptor descriptor) : fd_(descriptor) {
    if (fd_ == platform::no_descriptor) throw std::runtime_error("no descriptor");
    platform::set_send_timeout(fd_, patience);
  }
  Client(Client&& other) noexcept
      : fd_(std::exchange(other.fd_, platform::no_descriptor)), text_(std::move(other.text_)), taken_(other.taken_) {}
  Client& operator=(Client&& other) = delete;
  ~Client() { close(); }

  static Client unconnected(int receive_buffer = 0) { return Client(platform::tcp_socket(receive_buffer)); }
  static Client to(unsigned short port, int receive_buffer = 0) {
    Client client = unconnected(receive_buffer);
    if (!client.connect(port)) throw std::runtime_error("the connection was refused");
    return client;
  }
  bool connect(unsigned short port) { return platform::connect(fd_, port); }

  platform::Descriptor descriptor() const { return fd_; }
  void close() {
    if (fd_ != platform::no_descriptor) platform::close(std::exchange(fd_, platform::no_descriptor));
  }
  /// The peer sees RST and not FIN.
  void reset() {
    platform::reset_on_close(fd_);
    close();
  }
  void end_sending() { platform::end_sending(fd_); }
  /// False: the peer does not take it.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t size = platform::send(fd_, bytes);
      if (size == 0) return false;
      bytes.remove_prefix(size);
    }
    return true;
  }

  /// All that comes until the peer closes or resets.
  std::string read_to_end() {
    while (read_some()) {
    }
    return text_.substr(std::exchange(taken_, text_.size()));
  }
  /// The bytes up to and with `end`; nullopt: the peer has closed, and nothing is left.
  std::optional<std::string> take_until(std::string_view end) {
    if (taken_ > 1 << 16) text_.erase(0, std::exchange(taken_, 0));
    std::size_t scan = taken_;
    for (;;) {
      const std::size_t found = text_.find(end, scan);
      if (found != text_.npos) {
        const std::size_t begin = std::exchange(taken_, found + end.size());
        return text_.substr(begin, taken_ - begin);
      }
      scan = std::max(taken_, text_.size() - std::min(text_.size(), end.size()));
      if (read_some()) continue;
      if (taken_ == text_.size()) return std::nullopt;
      throw std::runtime_error("the peer closed in the middle: " + text_.substr(taken_, 200));
    }
  }

  std::string head() { return take_until("\r\n\r\n").value_or(""); }
  int status() {
    const std::string text = head();
    return text.starts_with("HTTP/1.1 ") ? std::stoi(text.substr(9)) : 0;
  }

  /// The next event; nullopt: the stream has ended.
  std::optional<json> event() {
    while (auto block = take_until("\n\n")) {
      last_ = *block;
      if (*block == ": keep-alive\n\n") {
        ++comments;
        continue;
      }
      if (block->starts_with(": keep-alive ")) {
        keep_alive = std::stoi(block->substr(13));
        continue;
      }
      if (block->starts_with("retry: ")) {
        retry = std::stoi(block->substr(7));
        continue;
      }
      std::string_view line = *block;
      if (line.starts_with("id: ")) {
        last_event_id = line.substr(4, line.find('\n') - 4);
        line.remove_prefix(line.find('\n') + 1);
      }
      if (line.starts_with("event: ")) line.remove_prefix(line.find('\n') + 1);
      const bool one_line = line.find('\n') == line.size() - 2;
      if (!line.starts_with("data: {") || !one_line) throw std::runtime_error("this is no frame: " + *block);
      return json::parse(line.substr(6));
    }
    return std::nullopt;
  }
  /// The bytes of what was read last.
  const std::string& last_frame() const { return last_; }

  std::size_t comments = 0;
  std::optional<int> retry, keep_alive;
  std::string last_event_id;

 private:
  bool read_some() {
    if (!platform::wait_readable(fd_, patience)) give_up("bytes from the peer, after: " + text_.substr(taken_, 200));
    char bytes[16384];
    const std::size_t size = platform::receive(fd_, bytes, sizeof bytes);
    text_.append(bytes, size);
    return size != 0;
  }

  platform::Descriptor fd_;
  std::string text_;
  std::size_t taken_ = 0;
  std::string last_;
};

/// An observer that remembers. Shared with the manager, which may tell it something as late as its own end.
class Log {
 public:
  sse::Observer observer() const {
    sse::Observer observer;
    observer.connection_removed = [state = state_](const sse::ConnectionRow&, std::string_view reason) {
      const std::lock_guard lock(state->mutex);
      state->reasons.emplace_back(reason);
      state->changed.notify_all();
    };
    return observer;
  }
  /// Why the first `count` connections were removed, once they were.
  std::vector<std::string> removed(std::size_t count) const {
    std::unique_lock lock(state_->mutex);
    if (!state_->changed.wait_for(lock, patience, [&] { return state_->reasons.size() >= count; }))
      give_up("the end of " + std::to_string(count) + " connections");
    return state_->reasons;
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::string> reasons;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

/// An io_context with its threads.
class Context {
 public:
  explicit Context(unsigned threads = 1) {
    for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { io.run(); });
  }
  ~Context() { join(); }
  void join() {
    io.stop();
    for (auto& thread : threads_)
      if (thread.joinable()) thread.join();
  }

  asio::io_context io;

 private:
  asio::executor_work_guard<asio::io_context::executor_type> work_{io.get_executor()};
  std::vector<std::thread> threads_;
};

/// A coroutine on a strand of its own, where its cancellations are emitted too.
class Task {
 public:
  using Strand = asio::strand<asio::io_context::executor_type>;

  Task(asio::io_context& io, asio::awaitable<void> work) : Task(asio::make_strand(io), std::move(work)) {}
  Task(const Strand& strand, asio::awaitable<void> work) : strand_(strand) {
    asio::co_spawn(strand_, std::move(work),
                   asio::bind_cancellation_slot(state_->signal.slot(), [state = state_](std::exception_ptr error) {
                     if (error)
                       state->done.set_exception(error);
                     else
                       state->done.set_value();
                   }));
  }
  ~Task() {  // what the coroutine refers to goes away next
    for (int i = 0; i < 2 && !ready(); ++i) cancel();
    if (done_.valid()) done_.wait_for(patience);
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  void cancel(asio::cancellation_type type = asio::cancellation_type::terminal) {
    asio::post(strand_, [state = state_, type] { state->signal.emit(type); });
  }
  /// Calls the function on the coroutine's strand.
  template <class Function>
  void post(Function function) {
    asio::post(strand_, std::move(function));
  }
  bool ready() const { return !done_.valid() || done_.wait_for(0s) == std::future_status::ready; }
  /// Waits for the end, and throws what the coroutine threw.
  void get() {
    if (done_.wait_for(patience) != std::future_status::ready) give_up("the coroutine's end");
    done_.get();
  }
  /// The code of the system_error that it ends with.
  sse::error_code error() {
    try {
      get();
      return {};
    } catch (const sse::system_error& error) {
      return error.code();
    }
  }

 private:
  struct State {
    asio::cancellation_signal signal;
    std::promise<void> done;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
  Strand strand_;
  std::future<void> done_ = state_->done.get_future();
};

inline tcp::acceptor listen(asio::io_context& io) {
  return {io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
}

/// A client, and the socket that was accepted from it.
inline std::pair<Client, tcp::socket> connect(asio::io_context& io, int receive_buffer = 0) {
  tcp::acceptor acceptor = listen(io);
  Client client = Client::to(acceptor.local_endpoint().port(), receive_buffer);
  return {std::move(client), acceptor.accept()};
}

/// A manager that is served.
class Server {
 public:
  explicit Server(const sse::ServeOptions& options = {}, const sse::Options& settings = {}, unsigned threads = 1)
      : events(settings), context(threads), task(context.io, serve(options)) {}

  Client get(std::string_view request = good_request, int receive_buffer = 0) const {
    Client client = Client::to(port, receive_buffer);
    client.send(request);
    return client;
  }
  /// A client that has read its head and its `connection` event.
  Client stream(int receive_buffer = 0) const {
    Client client = get(good_request, receive_buffer);
    const int status = client.status();
    if (status != 200) throw std::runtime_error("no stream, but status " + std::to_string(status));
    const auto first = client.event();
    if (!first || first->at("type") != "connection") throw std::runtime_error("no connection event");
    return client;
  }
  void wait_for_count(std::size_t count) const {
    eventually(std::to_string(count) + " connections", [&] { return events.get_connection_count() == count; });
  }

  Log log;
  sse::EventManager events;
  Context context;
  unsigned short port = 0;
  Task task;

 private:
  asio::awaitable<void> serve(const sse::ServeOptions& options) {
    events.set_observer(log.observer());
    tcp::acceptor acceptor = listen(context.io);
    port = acceptor.local_endpoint().port();
    return sse::serve(std::move(acceptor), events, options);
  }
};

/// A stream around a socket that takes 7 bytes a write and gives 1 a read.
class Narrow {
 public:
  explicit Narrow(tcp::socket& socket) : socket_(socket) {}

  using executor_type = tcp::socket::executor_type;
  executor_type get_executor() { return socket_.get_executor(); }
  tcp::socket& next_layer() { return socket_; }

  template <class Token>
  auto async_read_some(const asio::mutable_buffer& buffer, Token&& token) {
    return socket_.async_read_some(asio::buffer(buffer, 1), std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    asio::const_buffer first;
    for (auto i = asio::buffer_sequence_begin(buffers); i != asio::buffer_sequence_end(buffers) && !first.size(); ++i)
      first = *i;
    return socket_.async_write_some(asio::buffer(first, 7), std::forward<Token>(token));
  }

 private:
  tcp::socket& socket_;
};
