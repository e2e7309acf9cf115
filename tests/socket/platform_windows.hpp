// platform.hpp for Windows. What has no counterpart there is missing, and the tests that need it ask for its macro.
#pragma once

#include <winsock2.h>
#include <ws2tcpip.h>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace platform {

using Descriptor = SOCKET;
constexpr Descriptor no_descriptor = INVALID_SOCKET;

/// Asio starts the system's sockets with its first context; some tests come before one.
inline const int sockets_started = [] {
  WSADATA data;
  return ::WSAStartup(MAKEWORD(2, 2), &data);
}();

inline void pause(std::chrono::milliseconds time) {
  ::Sleep(static_cast<DWORD>(time.count()));
}

inline Descriptor tcp_socket(int receive_buffer = 0) {
  const Descriptor socket = ::socket(AF_INET, SOCK_STREAM, 0);
  if (receive_buffer)
    ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, reinterpret_cast<const char*>(&receive_buffer), sizeof receive_buffer);
  return socket;
}
inline void close(Descriptor descriptor) {
  ::closesocket(descriptor);
}
inline void end_sending(Descriptor socket) {
  ::shutdown(socket, SD_SEND);
}
inline void set_timeout(Descriptor socket, int option, std::chrono::milliseconds time) {
  const auto limit = static_cast<DWORD>(time.count());
  ::setsockopt(socket, SOL_SOCKET, option, reinterpret_cast<const char*>(&limit), sizeof limit);
}
inline void set_send_timeout(Descriptor socket, std::chrono::seconds time) {
  set_timeout(socket, SO_SNDTIMEO, time);
}
inline void set_receive_timeout(Descriptor socket, std::chrono::seconds time) {
  set_timeout(socket, SO_RCVTIMEO, time);
}
inline std::size_t send(Descriptor socket, std::string_view bytes) {
  const int size = ::send(socket, bytes.data(), static_cast<int>(bytes.size()), 0);
  return size > 0 ? static_cast<std::size_t>(size) : 0;
}
inline std::size_t receive(Descriptor socket, char* buffer, std::size_t size) {
  const int got = ::recv(socket, buffer, static_cast<int>(size), 0);
  return got > 0 ? static_cast<std::size_t>(got) : 0;
}
inline bool wait_readable(Descriptor socket, std::chrono::milliseconds time) {
  WSAPOLLFD readable{socket, POLLRDNORM, 0};
  return ::WSAPoll(&readable, 1, static_cast<int>(time.count())) == 1;
}

/// The sockets among the handles of this process, which are small multiples of four.
inline std::vector<Descriptor> descriptors() {
  std::vector<Descriptor> found;
  for (Descriptor handle = 4; handle < 0x8000; handle += 4) {
    int type = 0, size = sizeof type;
    if (::getsockopt(handle, SOL_SOCKET, SO_TYPE, reinterpret_cast<char*>(&type), &size) == 0) found.push_back(handle);
  }
  return found;
}

inline void set_variable(const char* name, const std::string& value) {
  ::_putenv_s(name, value.c_str());
}
inline void unset_variable(const char* name) {
  ::_putenv_s(name, "");
}

}  // namespace platform
