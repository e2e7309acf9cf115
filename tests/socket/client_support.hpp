#pragma once

#include <deque>
#include <functional>
#include <sse/client.hpp>

#include "../parts.hpp"
#include "support.hpp"

using sse_test::Parts;

/// Messages from one thread to another, in order.
class Mailbox {
 public:
  void put(std::string text) {
    const std::lock_guard lock(mutex_);
    texts_.push_back(std::move(text));
    changed_.notify_all();
  }
  std::string take() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, patience, [&] { return !texts_.empty(); })) give_up("the next thing told");
    std::string text = std::move(texts_.front());
    texts_.pop_front();
    return text;
  }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return texts_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> texts_;
};

/// A server that does what the test says, step by step.
class Listener {
  platform::Descriptor fd_;  // before `port`, which is read from it

 public:
  Listener() : fd_(platform::listen()), port(platform::local_port(fd_).value()) {}
  Listener(const Listener&) = delete;
  ~Listener() { close(); }

  void close() {
    if (fd_ != platform::no_descriptor) platform::close(std::exchange(fd_, platform::no_descriptor));
  }
  bool waiting(std::chrono::milliseconds time) const { return platform::wait_readable(fd_, time); }
  Client accept() const {
    if (!waiting(patience)) give_up("a connection");
    return Client(platform::accept(fd_));
  }
  /// Accepts, reads a request's head into `request`, and answers.
  Client answer(std::string_view bytes) {
    Client peer = accept();
    request = peer.head();
    peer.send(bytes);
    return peer;
  }
  bool asked(std::string_view line) const { return request.find("\r\n" + std::string(line) + "\r\n") != request.npos; }
  std::string url(std::string_view target = "/events") const {
    return "http://127.0.0.1:" + std::to_string(port) + std::string(target);
  }

  unsigned short port;
  std::string request;
};

inline const std::string stream_head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";

inline std::string chunk(std::string_view text) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", text.size());
  return size + std::string(text) + "\r\n";
}

/// `type data id` of a message; `end`; `status N: why` or `error: why`.
inline std::string told(const std::optional<sse::Message>& message) {
  if (!message) return "end";
  return message->type + ' ' + message->data + (message->last_event_id.empty() ? "" : ' ' + message->last_event_id);
}

/// Takes one step; sets `over` at the end.
inline asio::awaitable<std::string> step(sse::Client& client, bool& over) {
  try {
    const std::optional<sse::Message> message = co_await client.next();
    over = !message;
    co_return told(message);
  } catch (const sse::BadResponse& bad) {
    co_return "status " + std::to_string(bad.status()) + ": " + bad.what();
  } catch (const sse::system_error& failed) {
    if (failed.code() == asio::error::operation_aborted) throw;
    co_return "error: "s + failed.what();
  } catch (const std::exception& failed) {
    co_return "error: "s + failed.what();
  }
}

inline asio::awaitable<void> read_all(std::string url, sse::ClientOptions options, Mailbox& told) {
  sse::Client client(url, std::move(options));
  for (bool over = false; !over;) told.put(co_await step(client, over));
}

/// Times for a test: an attempt follows another at once.
inline sse::ClientOptions quick() {
  sse::ClientOptions options;
  options.retry = 0ms;
  options.max_retry = 1ms;
  return options;
}
inline sse::ClientOptions once() {
  sse::ClientOptions options = quick();
  options.reconnect = false;
  return options;
}

/// A client that reads until its end, in a thread of its own.
class Reading {
 public:
  explicit Reading(const std::string& url, sse::ClientOptions options = quick())
      : task_(context_.io, read_all(url, watched(std::move(options)), told_)) {}

  std::string take() { return told_.take(); }
  std::string note() { return notes_.take(); }
  std::size_t untold() { return told_.size(); }

 private:
  sse::ClientOptions watched(sse::ClientOptions options) {
    options.observer.connected = [this](const sse::Url& url) { notes_.put("connected " + url.target); };
    options.observer.disconnected = [this](std::string_view why) { notes_.put("disconnected: " + std::string(why)); };
    options.observer.retrying = [this](std::chrono::milliseconds wait, std::string_view why) {
      notes_.put("retrying after " + std::to_string(wait.count()) + " ms: " + std::string(why));
    };
    return options;
  }

  Mailbox told_, notes_;
  Context context_;
  Task task_;
};

/// All that a client says of an answer that comes in these parts, joined with `|`.
inline std::string read_parts(std::vector<std::string> parts, sse::ClientOptions options = once()) {
  std::erase(parts, "");
  options.connect = [parts = std::move(parts)](sse::Url) -> asio::awaitable<sse::AnyStream> {
    const auto executor = co_await asio::this_coro::executor;
    co_return Parts(executor, parts);
  };
  asio::io_context io;
  std::string all;
  const auto work = [&]() -> asio::awaitable<void> {
    sse::Client client("http://test/", options);
    for (bool over = false; !over;) {
      const std::string one = co_await step(client, over);
      all += (all.empty() ? "" : "|") + one;
    }
  };
  std::exception_ptr failure;
  asio::co_spawn(io, work(), [&](std::exception_ptr error) { failure = error; });
  io.run_for(patience);
  CHECK(io.stopped());
  if (failure) std::rethrow_exception(failure);
  return all;
}

inline std::vector<std::string> bytes_of(std::string_view text) {
  std::vector<std::string> parts;
  for (const char c : text) parts.emplace_back(1, c);
  return parts;
}
