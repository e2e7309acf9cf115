// Standard input on a thread of its own: it may be a pipe, a terminal or a regular file, and the event loop of Linux
// (epoll) can't wait for the last of these. Blocking reads also leave the descriptor's flags alone, which other
// processes share.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace cast {

class StandardInput {
 public:
  using OnBytes = std::function<void(std::string_view)>;
  using OnEnd = std::function<void(std::string error)>;  // empty: the input's end

  /// Both functions are called on the reading thread; `on_end` is the last call, and none comes after stop().
  StandardInput(OnBytes on_bytes, OnEnd on_end) {
    if (::pipe(wake_.data()) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    thread_ = std::thread([this, on_bytes = std::move(on_bytes), on_end = std::move(on_end)] {
      try {
        if (read_all(on_bytes)) on_end({});
      } catch (const std::exception& error) {
        on_end(error.what());
      }
    });
  }

  StandardInput(const StandardInput&) = delete;
  StandardInput& operator=(const StandardInput&) = delete;
  ~StandardInput() { stop(); }

  void stop() {
    if (!thread_.joinable()) return;
    ::close(wake_[1]);  // the other end reads as hung up from now on
    thread_.join();
    ::close(wake_[0]);
  }

 private:
  /// False: stopped before the end.
  bool read_all(const OnBytes& on_bytes) {
    std::string buffer(64 * 1024, '\0');
    for (;;) {
      std::array<pollfd, 2> wait{{{STDIN_FILENO, POLLIN, 0}, {wake_[0], POLLIN, 0}}};
      if (::poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR)
        throw std::system_error(errno, std::generic_category());
      if (wait[1].revents != 0) return false;
      if (wait[0].revents == 0) continue;
      const ssize_t size = ::read(STDIN_FILENO, buffer.data(), buffer.size());
      if (size == 0) return true;
      if (size > 0)
        on_bytes(std::string_view(buffer).substr(0, static_cast<std::size_t>(size)));
      else if (errno != EINTR && errno != EAGAIN)
        throw std::system_error(errno, std::generic_category());
    }
  }

  std::array<int, 2> wake_{};
  std::thread thread_;
};

}  // namespace cast
