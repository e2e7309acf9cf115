#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <sse/redis_log.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support.hpp"

namespace sse_test {

using sse::RedisLog, sse::RedisLogOptions;

/// A port of 127.0.0.1 that nobody has, below those that the system gives out, so that nobody gets it while its server
/// is down. A cluster's server takes the port 10,000 above it, too.
inline int free_port() {
  static std::mt19937 random(std::random_device{}());
  for (int attempt = 0; attempt < 100; ++attempt) {
    const int port = std::uniform_int_distribution<int>(10'240, 22'000)(random);
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    const bool good = ::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(socket);
    if (good) return port;
  }
  FAIL("no free port");
  return 0;
}

/// The path of a program, installed or only unpacked; empty: it is not here.
inline std::string program_path(const std::string& name) {
  const char* const unpacked = std::getenv("SSE_UNPACKED_DIR");
  for (const std::string& folder : {std::string("/usr"), std::string("/usr/local"), std::string("/opt/homebrew"),
                                    std::string(unpacked ? unpacked : "") + "/usr"}) {
    const std::string path = folder + "/bin/" + name;
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return {};
}

/// A person's connection to a server.
class RedisClient {
 public:
  explicit RedisClient(int port) : context_(redisConnectWithTimeout("127.0.0.1", port, {2, 0})) {
    if (context_) redisSetTimeout(context_, {5, 0});
  }
  RedisClient(const RedisClient&) = delete;
  RedisClient& operator=(const RedisClient&) = delete;
  ~RedisClient() { redisFree(context_); }

  /// The reply as a text; an array is its elements with spaces between them. An error begins with a dash.
  std::string operator()(std::initializer_list<std::string> words) {
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const std::string& word : words) texts.push_back(word.data()), sizes.push_back(word.size());
    if (!context_ || context_->err != 0) return "-no connection";
    const std::unique_ptr<redisReply, void (*)(void*)> reply(
        static_cast<redisReply*>(
            redisCommandArgv(context_, static_cast<int>(texts.size()), texts.data(), sizes.data())),
        freeReplyObject);
    return reply ? text_of(*reply) : std::string("-") + context_->errstr;
  }

 private:
  static std::string text_of(const redisReply& reply) {
    if (reply.type == REDIS_REPLY_ERROR) return '-' + std::string(reply.str, reply.len);
    if (reply.type == REDIS_REPLY_INTEGER) return std::to_string(reply.integer);
    if (reply.type == REDIS_REPLY_NIL) return "nil";
    if (reply.type != REDIS_REPLY_ARRAY) return std::string(reply.str, reply.len);
    std::string text;
    for (std::size_t i = 0; i < reply.elements; ++i) text += (i ? " " : "") + text_of(*reply.element[i]);
    return text;
  }

  redisContext* context_;
};

/// A server of the test's own, in a folder of its own.
class RedisServer {
 public:
  explicit RedisServer(std::vector<std::string> settings = {}, std::string program = "redis-server", int port = 0)
      : settings_(std::move(settings)), program_(program_path(program)), port_(port ? port : free_port()) {
    if (program_.empty()) SKIP("there is no " << program);
    start();
  }
  /// A sentinel with these lines in its configuration.
  struct Sentinel {
    std::string lines;
  };
  explicit RedisServer(const Sentinel& sentinel) : program_(program_path("redis-server")), port_(free_port()) {
    if (program_.empty()) SKIP("there is no redis-server");
    config_ = file("sentinel.conf");
    write_bytes(config_, "port " + std::to_string(port_) + "\nbind 127.0.0.1\ndir " + folder_.path().string() +
                             "\nlogfile log\n" + sentinel.lines);
    start();
  }
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;
  ~RedisServer() { kill(); }

  int port() const noexcept { return port_; }
  pid_t pid() const noexcept { return pid_; }
  std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }
  std::string file(const char* name) const { return folder_.file(name); }
  const fs::path& folder() const noexcept { return folder_.path(); }
  std::string option(const std::string& name, const std::string& value) const {
    return (*this)({"CONFIG", "SET", name, value});
  }

  /// Starts it, again with the same settings and folder, and waits until it answers.
  void start() {
    launch();
    for (const auto limit = std::chrono::steady_clock::now() + 20s;;) {
      const std::string answer = RedisClient(port_)({"PING"});
      if (answer == "PONG" || answer.starts_with("-NOAUTH")) return;
      int status = 0;
      if (::waitpid(pid_, &status, WNOHANG) == pid_) pid_ = -1;
      INFO(program_ << " answers " << answer << "; its log: " << bytes_of(file("log")));
      REQUIRE(pid_ > 0);
      REQUIRE(std::chrono::steady_clock::now() < limit);
      std::this_thread::sleep_for(2ms);
    }
  }
  /// Starts it, and does not wait.
  void launch() {
    std::vector<std::string> words{program_, "--port", std::to_string(port_),   "--bind",    "127.0.0.1",
                                   "::1",    "--dir",  folder_.path().string(), "--logfile", "log"};
    if (program_.find("sentinel") != std::string::npos) {
      const std::string config = file("sentinel.conf");
      words.insert(words.begin() + 1, config);
      if (!std::filesystem::exists(config)) write_bytes(config, "");
    } else {
      words.insert(words.end(), {"--save", "", "--appendonly", "no"});
    }
    words.insert(words.end(), settings_.begin(), settings_.end());
    if (!config_.empty()) words = {program_, config_, "--sentinel"};
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (const char* const unpacked = std::getenv("SSE_UNPACKED_DIR"); unpacked && program_.starts_with(unpacked)) {
        std::string libraries;
        for (const auto& folder : fs::directory_iterator(unpacked + std::string("/usr/lib"))) {
          libraries += folder.path().string() + ':';
        }
        ::setenv("LD_LIBRARY_PATH", libraries.c_str(), 1);
      }
      ::execvp(arguments[0], arguments.data());
      ::_exit(127);
    }
    REQUIRE(pid_ > 0);
  }
  void signal(int number) const { ::kill(pid_, number); }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  std::string operator()(std::initializer_list<std::string> words) const { return RedisClient(port_)(words); }

 private:
  const std::vector<std::string> settings_;
  const std::string program_;
  const int port_;
  std::string config_;
  const Folder folder_{Folder::in_memory()};
  pid_t pid_ = -1;
};

/// Listens on a port of its own and calls a function with each connection, on a thread for each.
class Listener {
 public:
  explicit Listener(std::function<void(int)> serve) : serve_(std::move(serve)) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(socket_, 64) == 0);
    REQUIRE(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { accept_all(); });
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { stop(); }

  void stop() {
    if (!thread_.joinable()) return;
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    close_all();
    for (std::thread& thread : threads_) thread.join();
    ::close(socket_);
  }
  /// Ends the connections that there are.
  void close_all() {
    const std::lock_guard guard(mutex_);
    for (const int connection : connections_) ::shutdown(connection, SHUT_RDWR);
  }
  int port() const noexcept { return port_; }
  std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }

 private:
  void accept_all() {
    for (;;) {
      const int connection = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) return;
      const std::lock_guard guard(mutex_);
      connections_.push_back(connection);
      threads_.emplace_back([this, connection] {
        serve_(connection);
        const std::lock_guard closing(mutex_);
        std::erase(connections_, connection);
        ::close(connection);
      });
    }
  }

  const std::function<void(int)> serve_;
  int socket_ = -1, port_ = 0;
  std::mutex mutex_;
  std::vector<int> connections_;  // guarded by mutex_
  std::thread thread_;
  std::vector<std::thread> threads_;  // the accepting thread's, then the destructor's
};

/// Between a log and its server: cuts a connection after so many bytes, or passes none on.
class Proxy {
 public:
  explicit Proxy(int server) : server_(server), listener_([this](int client) { relay(client); }) {}

  int port() const noexcept { return listener_.port(); }
  std::string url() const { return listener_.url(); }
  /// Ends all connections. The next one is cut after so many bytes to the server, or from it.
  void cut_next(long to_server, long from_server) {
    {
      const std::lock_guard guard(mutex_);
      budget_[0] = to_server;
      budget_[1] = from_server;
      is_armed_ = true;
    }
    listener_.close_all();
  }
  /// The connections that were cut.
  int cuts() const noexcept { return cuts_; }
  /// New connections go to another server.
  void go_to(int server) noexcept { server_ = server; }
  /// From now on the connections stay, and no byte gets through.
  void swallow(bool on) noexcept { swallows_ = on; }

 private:
  void relay(int client) {
    long budget[2] = {-1, -1};
    {
      const std::lock_guard guard(mutex_);
      if (std::exchange(is_armed_, false)) budget[0] = budget_[0], budget[1] = budget_[1];
    }
    const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(server_.load()));
    bool good = ::connect(server, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    while (good) {
      pollfd sources[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
      ::poll(sources, 2, 1000);
      for (int from = 0; from < 2 && good; ++from) {
        if (sources[from].revents != 0) good = pass(from ? server : client, from ? client : server, budget[from]);
      }
    }
    ::close(server);
  }
  bool pass(int from, int to, long& budget) {
    char bytes[4096];
    if (budget == 0) {
      ++cuts_;
      return false;
    }
    const std::size_t most = budget < 0 ? sizeof bytes : std::min(sizeof bytes, static_cast<std::size_t>(budget));
    const ssize_t size = ::recv(from, bytes, most, 0);
    if (size <= 0) return false;
    if (budget > 0) budget -= size;
    if (swallows_) return true;
    return ::send(to, bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL) == size;
  }

  std::atomic<int> server_;
  std::mutex mutex_;
  long budget_[2] = {-1, -1};  // guarded by mutex_
  bool is_armed_ = false;      // guarded by mutex_
  std::atomic<int> cuts_ = 0;
  std::atomic<bool> swallows_ = false;
  Listener listener_;  // the last: its threads use the others
};

/// Settings that let a test of a dead server end soon.
inline RedisLogOptions quick() {
  RedisLogOptions options;
  options.reply_timeout = 500ms;
  options.block = 200ms;
  return options;
}

/// Repeats a call, as the manager does, until it succeeds. On any thread: Catch2's macros are for one at a time.
template <class Function>
auto until_it_works(Function function, std::chrono::milliseconds limit = 60s) {
  for (const auto end = std::chrono::steady_clock::now() + limit;;) {
    try {
      return function();
    } catch (const LogError& error) {
      if (!error.may_pass() || std::chrono::steady_clock::now() >= end) throw std::runtime_error(error.what());
    }
    std::this_thread::sleep_for(5ms);
  }
}

}  // namespace sse_test
