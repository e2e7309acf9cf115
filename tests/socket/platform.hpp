// The system calls of the socket tests, for POSIX and, in platform_windows.hpp, for Windows, and behind them those that
// are the same. No other file here calls the system, but through Asio.
#pragma once

#if defined(_WIN32)
#include "platform_windows.hpp"
#else
/// For the tests of what only POSIX has: child processes, a limit of descriptors, a Unix socket's path.
#define SSE_TEST_POSIX 1

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

extern "C" char** environ;  // not declared by every system

namespace platform {

/// A socket, or whatever else the system numbers.
using Descriptor = int;
constexpr Descriptor no_descriptor = -1;

/// Shows what a client that never reads finds: the system bounds the bytes of a socket that are not sent.
#if defined(TCP_NOTSENT_LOWAT)
#define SSE_TEST_BOUNDED_SEND_BUFFER 1
#endif

inline void pause(std::chrono::milliseconds time) {
  ::poll(nullptr, 0, static_cast<int>(time.count()));
}

/// A new TCP socket of IPv4. `receive_buffer`: its size in bytes; 0: the system's choice.
inline Descriptor tcp_socket(int receive_buffer = 0) {
  const Descriptor socket = ::socket(AF_INET, SOCK_STREAM, 0);
#if defined(SO_NOSIGPIPE)
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
  if (receive_buffer) ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  return socket;
}
/// A socket that is connected to a Unix socket.
inline Descriptor connect_local(const std::string& path) {
  const Descriptor socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("the connection was refused");
  return socket;
}
inline void close(Descriptor descriptor) {
  ::close(descriptor);
}
inline void end_sending(Descriptor socket) {
  ::shutdown(socket, SHUT_WR);
}
inline void set_send_timeout(Descriptor socket, std::chrono::seconds time) {
  const timeval limit{static_cast<time_t>(time.count()), 0};
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}
inline void set_receive_timeout(Descriptor socket, std::chrono::seconds time) {
  const timeval limit{static_cast<time_t>(time.count()), 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}
/// The bytes that were sent; 0: none could be.
inline std::size_t send(Descriptor socket, std::string_view bytes) {
#if defined(MSG_NOSIGNAL)
  constexpr int flags = MSG_NOSIGNAL;
#else
  constexpr int flags = 0;  // Asio has set SO_NOSIGPIPE for its sockets, tcp_socket for its own
#endif
  const auto size = ::send(socket, bytes.data(), bytes.size(), flags);
  return size > 0 ? static_cast<std::size_t>(size) : 0;
}
/// The bytes that were read into `buffer`; 0: the end, or an error.
inline std::size_t receive(Descriptor socket, char* buffer, std::size_t size) {
  const auto got = ::recv(socket, buffer, size, 0);
  return got > 0 ? static_cast<std::size_t>(got) : 0;
}
/// False: there was nothing to read or to accept within the time.
inline bool wait_readable(Descriptor socket, std::chrono::milliseconds time) {
  pollfd readable{socket, POLLIN, 0};
  return ::poll(&readable, 1, static_cast<int>(time.count())) == 1;
}

/// Those of this process.
inline std::vector<Descriptor> descriptors() {
  std::vector<Descriptor> found;
#if defined(__linux__)
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    found.push_back(std::stoi(entry.path().filename().string()));
#else
  for (Descriptor descriptor = 0; descriptor < ::getdtablesize(); ++descriptor)
    if (::fcntl(descriptor, F_GETFD) != -1) found.push_back(descriptor);
#endif
  return found;
}
inline bool is_inherited(Descriptor descriptor) {
  return (::fcntl(descriptor, F_GETFD) & FD_CLOEXEC) == 0;
}
/// Another descriptor of the same socket, as a child process would have it.
inline Descriptor duplicate(Descriptor descriptor) {
  return ::dup(descriptor);
}
/// While it lives, this process can have no more descriptors than it has.
class NoMoreDescriptors {
 public:
  NoMoreDescriptors() {
    const Descriptor lowest_free = ::dup(0);
    ::close(lowest_free);
    if (lowest_free <= 0 || ::getrlimit(RLIMIT_NOFILE, &before_) != 0) throw std::runtime_error("no limit");
    rlimit none = before_;
    none.rlim_cur = static_cast<rlim_t>(lowest_free);
    if (::setrlimit(RLIMIT_NOFILE, &none) != 0) throw std::runtime_error("the limit can't be set");
  }
  NoMoreDescriptors(const NoMoreDescriptors&) = delete;
  ~NoMoreDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

/// A variable of this process's environment.
inline void set_variable(const char* name, const std::string& value) {
  ::setenv(name, value.c_str(), 1);
}
inline void unset_variable(const char* name) {
  ::unsetenv(name);
}

/// A name for a Unix socket that no other test process takes.
inline std::string local_path(const std::string& name) {
  return (std::filesystem::temp_directory_path() / (name + '-' + std::to_string(::getpid()) + ".sock")).string();
}

/// A process that reads a socket until it is killed.
class ReadingProcess {
 public:
  explicit ReadingProcess(Descriptor socket) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, socket, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclose(&actions, socket);
    std::array<char, 4> name = {'c', 'a', 't', '\0'};
    std::array<char*, 2> arguments = {name.data(), nullptr};
    const int error = posix_spawn(&child_, "/bin/cat", &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) throw std::runtime_error("cat can't be started");
  }
  ReadingProcess(const ReadingProcess&) = delete;
  ~ReadingProcess() { kill(); }

  void kill() {
    if (child_ == 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    child_ = 0;
  }

 private:
  pid_t child_ = 0;
};

}  // namespace platform
#endif

namespace platform {

inline sockaddr_in loopback(unsigned short port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}
/// Connects to a port of this machine. False: it was refused.
inline bool connect(Descriptor socket, unsigned short port) {
  const sockaddr_in address = loopback(port);
  return ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}
/// The port that a TCP socket of IPv4 is bound to; nullopt: it is no such socket.
inline std::optional<unsigned short> local_port(Descriptor socket) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0 || address.sin_family != AF_INET)
    return std::nullopt;
  return ntohs(address.sin_port);
}
/// A socket that listens to a free port of this machine.
inline Descriptor listen() {
  const Descriptor socket = tcp_socket();
  const sockaddr_in address = loopback(0);
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || ::listen(socket, 100) != 0)
    throw std::runtime_error("cannot listen");
  return socket;
}
inline Descriptor accept(Descriptor listener) {
  return ::accept(listener, nullptr, nullptr);
}
/// The next close discards what was not sent: the peer sees RST and not FIN.
inline void reset_on_close(Descriptor socket) {
  const linger now{1, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, reinterpret_cast<const char*>(&now), sizeof now);
}

}  // namespace platform
