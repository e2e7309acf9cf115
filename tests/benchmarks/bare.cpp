// bare [--greeting BYTES]: what the kernel costs, in loops without anything else. It accepts on the port that it
// prints, answers every request with a fixed response of so many bytes, and obeys:
//   pace RATE COUNT   one non-blocking send of a frame for each connection and event, RATE events a second
//   burst COUNT       as fast as it goes, 64 frames a call
//   usage, quit
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "common.hpp"

namespace {

using bench::now_ns;
using bench::reply;

constexpr std::size_t batch = 64;

[[noreturn]] void fail(const char* what) {
  throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}
void wait_for_room(int socket) {
  pollfd room{socket, POLLOUT, 0};
  ::poll(&room, 1, 1000);
}

class Loops {
 public:
  explicit Loops(std::size_t greeting) {
    greeting_ =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache, no-transform\r\nConnection: "
        "close\r\n\r\ndata: ";
    greeting_.resize(std::max(greeting, greeting_.size() + 2) - 2, '.');
    greeting_ += "\n\n";
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (listener_ < 0 || ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
        ::listen(listener_, 4096) != 0 || ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      fail("listen");
    watch(listener_);
    watch(STDIN_FILENO);
    reply(R"({"port":%d})", ntohs(address.sin_port));
  }

  /// Accepts and answers until there is a command.
  std::string next_command() {
    for (;;) {
      std::array<epoll_event, 256> ready;
      const int found = ::epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), -1);
      for (int i = 0; i < found; ++i) {
        const int descriptor = ready[static_cast<std::size_t>(i)].data.fd;
        if (descriptor == listener_)
          accept_all();
        else if (descriptor == STDIN_FILENO)
          return read_line();
        else
          answer(descriptor);
      }
    }
  }

  void pace(double rate, std::size_t count) const {
    const std::int64_t start = now_ns();
    std::int64_t busy = 0;
    for (std::size_t n = 0; n < count; ++n) {
      bench::sleep_until(start + static_cast<std::int64_t>(1e9 * static_cast<double>(n) / rate));
      const std::int64_t awake = now_ns();
      const std::string frame = bench::frame(bench::first_n + n, awake);
      for (const int socket : sockets_) send_all(socket, frame);
      busy += now_ns() - awake;
    }
    const double needed = 1e-9 * static_cast<double>(busy) * rate / static_cast<double>(count);
    reply(R"({"start":%lld,"end":%lld,"busy":%.4f})", static_cast<long long>(start), static_cast<long long>(now_ns()),
          needed);
  }

  void burst(std::size_t count) const {
    const std::int64_t start = now_ns();
    std::vector<std::string> frames;
    std::vector<iovec> parts;
    for (std::size_t n = 0; n < count; ++n) frames.push_back(bench::frame(bench::first_n + n, start));
    for (auto& frame : frames) parts.push_back({frame.data(), frame.size()});
    const std::size_t total = count * bench::frame_size;
    std::vector<std::size_t> sent(sockets_.size());
    // Each in its turn; a full one is passed over, and only when all are full the loop waits.
    for (std::size_t left = sockets_.size(); left > 0;) {
      bool progress = false;
      for (std::size_t i = 0; i < sockets_.size(); ++i) {
        if (sent[i] == total) continue;
        const std::size_t size = send_some(sockets_[i], parts, sent[i]);
        progress = progress || size > 0;
        sent[i] += size;
        if (sent[i] == total) --left;
      }
      if (!progress && left > 0)
        wait_for_room(sockets_[static_cast<std::size_t>(std::min_element(sent.begin(), sent.end()) - sent.begin())]);
    }
    reply(R"({"start":%lld,"end":%lld})", static_cast<long long>(start), static_cast<long long>(now_ns()));
  }

 private:
  void watch(int descriptor) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = descriptor;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) fail("epoll_ctl");
  }
  void accept_all() {
    for (int socket; (socket = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
      const int on = 1;
      ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      watch(socket);
      sockets_.push_back(socket);
    }
  }
  void answer(int socket) {
    char request[4096];
    const ssize_t size = ::recv(socket, request, sizeof request, 0);
    if (size > 0) return send_all(socket, greeting_);  // a request of the load client is one segment
    if (size < 0 && errno == EAGAIN) return;
    ::close(socket);
    std::erase(sockets_, socket);
  }
  static std::string read_line() {
    std::string line;
    for (char c; ::read(STDIN_FILENO, &c, 1) == 1 && c != '\n';) line.push_back(c);
    return line;
  }
  static void send_all(int socket, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t size = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (size >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(size));
      } else if (errno == EAGAIN) {
        wait_for_room(socket);
      } else {
        fail("send");
      }
    }
  }
  /// One call: at most 64 frames, from where this connection is.
  static std::size_t send_some(int socket, const std::vector<iovec>& parts, std::size_t sent) {
    std::array<iovec, batch> call;
    const std::size_t first = sent / bench::frame_size, inside = sent % bench::frame_size;
    const std::size_t count = std::min(batch, parts.size() - first);
    std::copy_n(parts.begin() + static_cast<std::ptrdiff_t>(first), count, call.begin());
    call[0] = {static_cast<char*>(call[0].iov_base) + inside, call[0].iov_len - inside};
    msghdr message{};
    message.msg_iov = call.data();
    message.msg_iovlen = count;
    const ssize_t size = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (size < 0 && errno != EAGAIN) fail("sendmsg");
    return size < 0 ? 0 : static_cast<std::size_t>(size);
  }

  const int epoll_ = ::epoll_create1(0);
  const int listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  std::string greeting_;
  std::vector<int> sockets_;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    bench::raise_descriptor_limit();
    Loops loops(bench::size_option(argc, argv, "--greeting", 0));
    for (std::string line; !(line = loops.next_command()).empty() && line != "quit";) {
      const bench::Command command(line);
      if (command.name == "pace")
        loops.pace(command.number(0), command.count(1));
      else if (command.name == "burst")
        loops.burst(command.count(0));
      else
        bench::reply_usage();
    }
    std::_Exit(0);  // the sockets close with it
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bare: %s\n", error.what());
    return 1;
  }
}
