#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <initializer_list>
#include <memory>
#include <optional>
#include <sse/redis_log.hpp>
#include <string>
#include <thread>
#include <vector>

#include "support.hpp"

namespace sse_test {

using sse::RedisLog, sse::RedisLogOptions;

/// A port of 127.0.0.1 that nobody listened to a moment ago.
inline int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool good = ::bind(socket, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                    ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(socket);
  REQUIRE(good);
  return ntohs(address.sin_port);
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
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;
  ~RedisServer() { kill(); }

  int port() const noexcept { return port_; }
  pid_t pid() const noexcept { return pid_; }
  std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }
  std::string file(const char* name) const { return folder_.file(name); }

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
  const Folder folder_{Folder::in_memory()};
  pid_t pid_ = -1;
};

/// Settings that let a test of a dead server end soon.
inline RedisLogOptions quick() {
  RedisLogOptions options;
  options.reply_timeout = 500ms;
  options.block = 200ms;
  return options;
}

/// Repeats a call, as the manager does, until it succeeds.
template <class Function>
auto until_it_works(Function function, std::chrono::milliseconds limit = 20s) {
  for (const auto end = std::chrono::steady_clock::now() + limit;;) {
    try {
      return function();
    } catch (const LogError& error) {
      INFO(error.what());
      REQUIRE(error.may_pass());
      REQUIRE(std::chrono::steady_clock::now() < end);
    }
    std::this_thread::sleep_for(5ms);
  }
}

}  // namespace sse_test
