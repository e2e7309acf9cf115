// client PORT CONNECTIONS [--greeting head|event] [--last-event-id ID] [--hold 1] [--gzip 1]: the load client. It
// connects, asks for /events, and waits for the head and the first event (or for the head alone) of each connection;
// with --hold it only connects. Then it obeys, and reads nothing meanwhile:
//   expect BYTES SECONDS   until each connection has so many bytes, which are counted and thrown away
//   go BYTES SECONDS       the same, counted from the response's head, after it has sent the requests that --hold held
//   answers SECONDS        sends the requests that --hold held, until each connection has ended; counts frames
//   frames COUNT SECONDS   until each connection has so many frames of whatever content
//   check COUNT SECONDS    the same, and each has the events 0, 1, 2 … and nothing else; how late each was
//   quiet SECONDS          until nothing has come for a quarter of a second: for streams of unknown length
//   stale SECONDS          reads what is there: how much of it was emitted before this command
//   quit
// The counting commands answer "armed" as soon as everything older is read.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <iostream>
#include <stdexcept>

#include "common.hpp"
#include "load_socket.hpp"

namespace {

using bench::now_ns;
using bench::reply;

struct Connection {
  int socket = -1;
  std::uint64_t bytes = 0, frames = 0;
  std::string unread;  ///< an incomplete frame
  bool after_newline = false;
  bool ended = false;
};

class Client {
 public:
  Client(in_port_t port, std::size_t count, bool head_only, std::string request)
      : count_(count), head_only_(head_only), request_(std::move(request)), buffer_(1 << 20) {
    address_.sin_family = AF_INET;
    address_.sin_port = htons(port);
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connections_.resize(count);
    ready_.resize(1024);
  }

  /// A bounded number at a time waits for its greeting, so that no backlog overflows.
  void connect(bool hold) {
    const std::int64_t start = now_ns();
    std::size_t greeted = 0;
    const auto read_greetings = [&](int timeout) {
      for_each_ready(timeout, [&](Connection& connection) {
        if (receive(connection) && is_greeted(connection)) ++greeted;
      });
    };
    for (std::size_t i = 0; i < count_; ++i) {
      connections_[i].socket = bench::connect_watched(address_, epoll_, EPOLLIN | EPOLLET, i);
      if (hold) continue;
      request(connections_[i]);
      if (i % 16 == 0) read_greetings(0);
      while (i + 1 - greeted > 256) read_greetings(1000);
    }
    while (!hold && greeted < count_) read_greetings(1000);
    const double seconds = 1e-9 * static_cast<double>(now_ns() - start);
    std::string id;
    if (const auto at = first_.rfind("id: "); at != first_.npos)
      id = first_.substr(at + 4, first_.find('\n', at) - at - 4);
    reply(R"({"ready":%zu,"seconds":%.6f,"greeting":%zu,"id":"%s"})", count_, seconds, first_.size(), id.c_str());
  }

  void obey(const bench::Command& command) {
    const std::uint64_t goal = command.count(0);
    if (command.name == "expect")
      return count(goal, command.number(1), &Connection::bytes, [this](Connection& c) { return discard(c); });
    if (command.name == "go") {
      const std::int64_t start = now_ns();
      for (auto& connection : connections_) request(connection);
      return count_from(start, goal, command.number(1), &Connection::bytes,
                        [this](Connection& c) { return discard(c); });
    }
    if (command.name == "answers") return answers(command.number(0));
    if (command.name == "frames")
      return count(goal, command.number(1), &Connection::frames, [this](Connection& c) { return count_frames(c); });
    if (command.name == "check")
      return count(goal, command.number(1), &Connection::frames, [this](Connection& c) { return check(c); });
    if (command.name == "quiet") return quiet(command.number(0));
    if (command.name == "stale") return stale(command.number(0));
    throw std::runtime_error("unknown command " + command.name);
  }

 private:
  void request(Connection& connection) {
    if (::send(connection.socket, request_.data(), request_.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request_.size()))
      bench::fail("send");
  }

  template <class Read>
  void for_each_ready(int timeout, Read&& read) {
    const int found = ::epoll_wait(epoll_, ready_.data(), static_cast<int>(ready_.size()), timeout);
    for (int i = 0; i < found; ++i) read(connections_[ready_[static_cast<std::size_t>(i)].data.u64]);
  }
  /// Takes the bytes that wait, into buffer_ unless `flags` throws them away; one call takes all that there is. 0:
  /// nothing, or the end where there may be one.
  std::size_t receive_some(Connection& connection, int flags) {
    const ssize_t size = ::recv(connection.socket, buffer_.data(), buffer_.size(), MSG_DONTWAIT | flags);
    if (size > 0) return static_cast<std::size_t>(size);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (size != 0 || !may_end_) throw std::runtime_error("a connection has ended");
    connection.ended = true;
    return 0;
  }
  bool receive(Connection& connection) {
    const std::size_t size = receive_some(connection, 0);
    connection.unread.append(buffer_.data(), size);
    return size > 0;
  }

  bool is_greeted(Connection& connection) {
    const auto head = connection.unread.find("\r\n\r\n");
    if (head == connection.unread.npos) return false;
    std::size_t begin = head + 4;
    const std::string_view interval = ": keep-alive ";
    if (connection.unread.compare(begin, interval.size(), interval) == 0) {
      begin = connection.unread.find("\n\n", begin);
      if (begin == connection.unread.npos) return false;
      begin += 2;
    }
    if (!head_only_ && connection.unread.find("\n\n", begin) == connection.unread.npos) return false;
    if (!connection.unread.starts_with("HTTP/1.1 200")) throw std::runtime_error("no stream: " + connection.unread);
    if (first_.empty()) first_ = connection.unread;
    connection.unread = {};
    return true;
  }

  // The ways to read a connection: each adds to what is counted and returns how much.
  std::uint64_t discard(Connection& connection) {
    const std::size_t size = receive_some(connection, MSG_TRUNC);
    connection.bytes += size;
    return size;
  }
  std::uint64_t count_frames(Connection& connection) {
    const auto before = connection.frames;
    read_frames(connection);
    return connection.frames - before;
  }
  /// Returns the bytes.
  std::size_t read_frames(Connection& connection) {
    const std::string_view bytes(buffer_.data(), receive_some(connection, 0));
    for (const char c : bytes) {
      if (c == '\n' && connection.after_newline) ++connection.frames;
      connection.after_newline = c == '\n' && !connection.after_newline;
    }
    return bytes.size();
  }
  std::uint64_t check(Connection& connection) {
    if (!receive(connection)) return 0;
    const std::int64_t now = now_ns();
    const auto before = connection.frames;
    for_each_frame(connection, [&](std::string_view frame) {
      if (frame.size() != bench::frame_size || number(frame, "\"n\":") != bench::first_n + connection.frames)
        throw std::runtime_error("not event " + std::to_string(connection.frames) + ": " + std::string(frame));
      ++connection.frames;
      late_.push_back(static_cast<float>(now - static_cast<std::int64_t>(number(frame, "\"sent\":\""))));
    });
    return connection.frames - before;
  }

  template <class Take>
  static void for_each_frame(Connection& connection, Take&& take) {
    std::size_t begin = 0;
    for (std::size_t end; (end = connection.unread.find("\n\n", begin)) != std::string::npos; begin = end + 2)
      take(std::string_view(connection.unread).substr(begin, end + 2 - begin));
    connection.unread.erase(0, begin);
  }
  static std::uint64_t number(std::string_view frame, std::string_view before) {
    const auto at = frame.find(before);
    return at == frame.npos ? 0 : std::strtoull(frame.data() + at + before.size(), nullptr, 10);
  }

  void discard_all() {
    for (bool more = true; more;) {
      more = false;
      for_each_ready(0, [&](Connection& connection) { more = receive_some(connection, MSG_TRUNC) > 0 || more; });
    }
  }
  template <class Read>
  void count(std::uint64_t goal, double seconds, std::uint64_t Connection::*counted, Read&& read) {
    discard_all();
    for (auto& connection : connections_) connection.bytes = connection.frames = 0, connection.unread.clear();
    late_.clear();
    reply("%s", R"({"armed":true})");
    count_from(now_ns(), goal, seconds, counted, read);
  }
  template <class Read>
  void count_from(std::int64_t start, std::uint64_t goal, double seconds, std::uint64_t Connection::*counted,
                  Read&& read) {
    const double cpu_before = bench::cpu_seconds();
    const std::int64_t limit = start + static_cast<std::int64_t>(seconds * 1e9);
    std::uint64_t total = 0, reads = 0;
    while (total < goal * count_ && now_ns() < limit)
      for_each_ready(100, [&](Connection& connection) { total += read(connection), ++reads; });
    const std::int64_t end = now_ns();
    const auto [least, most] =
        std::minmax_element(connections_.begin(), connections_.end(),
                            [&](const auto& a, const auto& b) { return a.*counted < b.*counted; });
    std::sort(late_.begin(), late_.end());
    const auto late = [&](double part) {
      return late_.empty() ? 0 : late_[static_cast<std::size_t>(part * static_cast<double>(late_.size() - 1))] * 1e-9;
    };
    reply(
        R"({"total":%llu,"least":%llu,"most":%llu,"start":%lld,"end":%lld,"reads":%llu,"cpu":%.6f,"p50":%.9f,"p99":%.9f})",
        static_cast<unsigned long long>(total), static_cast<unsigned long long>((*least).*counted),
        static_cast<unsigned long long>((*most).*counted), static_cast<long long>(start), static_cast<long long>(end),
        static_cast<unsigned long long>(reads), bench::cpu_seconds() - cpu_before, late(0.5), late(0.99));
  }

  /// The frames are counted up to the ends of all connections.
  void answers(double seconds) {
    may_end_ = true;
    const std::int64_t limit = now_ns() + static_cast<std::int64_t>(seconds * 1e9);
    for (auto& connection : connections_) request(connection);
    std::size_t ended = 0;
    while (ended < count_ && now_ns() < limit)
      for_each_ready(100, [&](Connection& connection) {
        const bool ended_before = connection.ended;
        while (!connection.ended && read_frames(connection) > 0) continue;
        ended += connection.ended && !ended_before ? 1 : 0;
      });
    const auto [least, most] = std::minmax_element(connections_.begin(), connections_.end(),
                                                   [](const auto& a, const auto& b) { return a.frames < b.frames; });
    reply(R"({"ended":%zu,"least":%llu,"most":%llu})", ended, static_cast<unsigned long long>(least->frames),
          static_cast<unsigned long long>(most->frames));
  }

  void quiet(double seconds) {
    discard_all();
    for (auto& connection : connections_) connection.bytes = 0;
    reply("%s", R"({"armed":true})");
    const double cpu_before = bench::cpu_seconds();
    const std::int64_t start = now_ns(), limit = start + static_cast<std::int64_t>(seconds * 1e9);
    std::int64_t last = 0;
    std::uint64_t total = 0;
    while (now_ns() < limit && (last == 0 || now_ns() < last + 250'000'000))
      for_each_ready(100, [&](Connection& connection) {
        const std::uint64_t size = discard(connection);
        total += size;
        if (size != 0) last = now_ns();
      });
    reply(R"({"total":%llu,"end":%lld,"cpu":%.6f})", static_cast<unsigned long long>(total),
          static_cast<long long>(last), bench::cpu_seconds() - cpu_before);
  }

  /// Of the first connection. A notice must stand exactly where the events that it tells of are missing.
  void stale(double seconds) {
    Connection& connection = connections_.front();
    connection.unread.clear();
    const std::int64_t start = now_ns(), limit = start + static_cast<std::int64_t>(seconds * 1e9);
    std::uint64_t old_bytes = 0, old_frames = 0, next = bench::first_n, told = 0, dropped = 0, misplaced = 0;
    while (now_ns() < limit) {
      if (!receive(connection)) bench::sleep_until(now_ns() + 100'000);
      for_each_frame(connection, [&](std::string_view frame) {
        if (frame.find("\"type\":\"overflow\"") != frame.npos) {
          told = number(frame, "\"dropped\":");
          dropped += told;
          return;
        }
        const auto n = number(frame, "\"n\":");
        if (n == 0) return;
        if (n != next + told) ++misplaced;
        next = n + 1;
        told = 0;
        if (static_cast<std::int64_t>(number(frame, "\"sent\":\"")) >= start) return;
        old_bytes += frame.size();
        ++old_frames;
      });
    }
    reply(R"({"old_bytes":%llu,"old_frames":%llu,"dropped":%llu,"seen":%llu,"misplaced":%llu})",
          static_cast<unsigned long long>(old_bytes), static_cast<unsigned long long>(old_frames),
          static_cast<unsigned long long>(dropped), static_cast<unsigned long long>(next - bench::first_n),
          static_cast<unsigned long long>(misplaced));
  }

  const std::size_t count_;
  const bool head_only_;
  const std::string request_;
  const int epoll_ = ::epoll_create1(0);
  sockaddr_in address_{};
  std::vector<Connection> connections_;
  std::vector<epoll_event> ready_;
  std::vector<char> buffer_;
  std::vector<float> late_;
  std::string first_;
  bool may_end_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc < 3) throw std::runtime_error("usage: client PORT CONNECTIONS [--name value]...");
    bench::raise_descriptor_limit();
    const bool hold = bench::option(argc, argv, "--hold", "0") == "1";
    const std::string id = bench::option(argc, argv, "--last-event-id", "");
    std::string request = "GET /events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n";
    if (bench::option(argc, argv, "--gzip", "0") == "1") request += "Accept-Encoding: gzip\r\n";
    if (!id.empty()) request += "Last-Event-ID: " + id + "\r\n";
    Client client(static_cast<in_port_t>(std::strtoul(argv[1], nullptr, 10)), std::strtoul(argv[2], nullptr, 10),
                  bench::option(argc, argv, "--greeting", "event") == "head", request + "\r\n");
    client.connect(hold);
    for (std::string line; std::getline(std::cin, line) && line != "quit";) client.obey(bench::Command(line));
    std::_Exit(0);  // the sockets close with it
  } catch (const std::exception& error) {
    std::fprintf(stderr, "client: %s\n", error.what());
    return 1;
  }
}
