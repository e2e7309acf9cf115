// client_http2 PORT CONNECTIONS STREAMS: the load client for HTTP/2, by prior knowledge. On each connection it asks for
// /events so many times, and waits until each stream has had some text. Its windows never close. Then it obeys:
//   expect BYTES SECONDS   until each stream has so many bytes of text, which are counted and thrown away
//   quit
// It answers "armed" as soon as everything older is read; `segments` are the TCP segments that came with text since.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iostream>
#include <stdexcept>

#include "common.hpp"
#include "load_socket.hpp"

namespace {

using bench::now_ns;
using bench::reply;

// RFC 9113, 6.
constexpr std::uint8_t data_frame = 0, headers_frame = 1, reset_frame = 3, settings_frame = 4, ping_frame = 6,
                       goaway_frame = 7, window_frame = 8;
constexpr std::size_t frame_header = 9;
constexpr std::uint32_t most_window = 0x7fffffff, first_window = 65'535;

std::string big_endian(std::uint32_t number) {
  const std::uint32_t bytes = htonl(number);
  return {reinterpret_cast<const char*>(&bytes), sizeof bytes};
}
std::string http2_frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload) {
  std::string bytes = big_endian(static_cast<std::uint32_t>(payload.size())).substr(1);
  bytes += static_cast<char>(type);
  bytes += static_cast<char>(flags);
  return bytes.append(big_endian(stream)).append(payload);
}

struct Connection {
  int socket = -1;
  std::string unread;                  ///< an incomplete frame
  std::vector<std::uint64_t> streams;  ///< the text of each, in bytes
  std::uint32_t consumed = 0;          ///< of the connection's window
  std::uint32_t segments = 0;          ///< before the last command
};

class Client {
 public:
  Client(in_port_t port, std::size_t connections, std::size_t streams) : connections_(connections), buffer_(1 << 20) {
    address_.sin_family = AF_INET;
    address_.sin_port = htons(port);
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (auto& connection : connections_) connection.streams.resize(streams);
  }

  void connect() {
    const std::int64_t start = now_ns();
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      open(connections_[i], i);
      read_some(0);
    }
    while (!each_has(1)) read_some(100);
    reply(R"({"ready":%zu,"seconds":%.6f})", connections_.size(), 1e-9 * static_cast<double>(now_ns() - start));
  }

  void expect(std::uint64_t goal, double seconds) {
    while (read_some(0) != 0) continue;
    for (auto& connection : connections_) {
      std::fill(connection.streams.begin(), connection.streams.end(), 0);
      connection.segments = segments(connection);
    }
    reply("%s", R"({"armed":true})");
    const double cpu_before = bench::cpu_seconds();
    const std::int64_t start = now_ns(), limit = start + static_cast<std::int64_t>(seconds * 1e9);
    std::uint64_t total = 0;
    const std::uint64_t wanted = goal * connections_.size() * connections_.front().streams.size();
    while (total < wanted && now_ns() < limit) total += read_some(100);
    const std::int64_t end = now_ns();
    std::uint64_t least = ~std::uint64_t{0}, most = 0, segments_come = 0;
    for (const auto& connection : connections_) {
      segments_come += segments(connection) - connection.segments;
      for (const std::uint64_t bytes : connection.streams) least = std::min(least, bytes), most = std::max(most, bytes);
    }
    reply(R"({"least":%llu,"most":%llu,"segments":%llu,"end":%lld,"cpu":%.6f})", static_cast<unsigned long long>(least),
          static_cast<unsigned long long>(most), static_cast<unsigned long long>(segments_come),
          static_cast<long long>(end), bench::cpu_seconds() - cpu_before);
  }

 private:
  void open(Connection& connection, std::size_t index) {
    connection.socket = bench::connect_watched(address_, epoll_, EPOLLIN, index);
    std::string bytes = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    bytes += http2_frame(settings_frame, 0, 0, std::string("\0\4", 2) + big_endian(most_window));
    bytes += http2_frame(window_frame, 0, 0, big_endian(most_window - first_window));
    // RFC 7541, by the static table: GET, http, :path and :authority as literals. Flags: END_STREAM and END_HEADERS.
    const std::string request = "\x82\x86\x04\x07/events\x01\x09localhost";
    for (std::size_t stream = 0; stream < connection.streams.size(); ++stream)
      bytes += http2_frame(headers_frame, 5, static_cast<std::uint32_t>(2 * stream + 1), request);
    send(connection, bytes);
  }
  void send(Connection& connection, std::string_view bytes) {
    if (::send(connection.socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
      bench::fail("send");
  }

  /// The bytes of text that came.
  std::uint64_t read_some(int timeout) {
    std::array<epoll_event, 256> ready;
    const int found = ::epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), timeout);
    std::uint64_t text = 0;
    for (int i = 0; i < found; ++i) text += receive(connections_[ready[static_cast<std::size_t>(i)].data.u64]);
    return text;
  }
  std::uint64_t receive(Connection& connection) {
    const ssize_t size = ::recv(connection.socket, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (size <= 0) throw std::runtime_error("a connection has ended");
    connection.unread.append(buffer_.data(), static_cast<std::size_t>(size));
    std::uint64_t text = 0;
    std::string_view rest = connection.unread;
    while (rest.size() >= frame_header) {
      const std::size_t length = number(rest.substr(0, 3));
      if (rest.size() < frame_header + length) break;
      text += take(connection, rest.substr(0, frame_header), rest.substr(frame_header, length));
      rest.remove_prefix(frame_header + length);
    }
    connection.unread.erase(0, connection.unread.size() - rest.size());
    return text;
  }
  std::uint64_t take(Connection& connection, std::string_view header, std::string_view payload) {
    const auto type = static_cast<std::uint8_t>(header[3]), flags = static_cast<std::uint8_t>(header[4]);
    if (type == reset_frame || type == goaway_frame) throw std::runtime_error("a stream has ended");
    if ((type == settings_frame || type == ping_frame) && flags == 0)
      send(connection, http2_frame(type, 1, 0, type == ping_frame ? payload : std::string_view()));
    if (type != data_frame) return 0;
    connection.streams.at((number(header.substr(5)) - 1) / 2) += payload.size();
    connection.consumed += static_cast<std::uint32_t>(payload.size());
    if (connection.consumed > most_window / 4) {
      send(connection, http2_frame(window_frame, 0, 0, big_endian(connection.consumed)));
      connection.consumed = 0;
    }
    return payload.size();
  }
  static std::size_t number(std::string_view bytes) {
    std::size_t value = 0;
    for (const char byte : bytes) value = value << 8 | static_cast<std::uint8_t>(byte);
    return value;
  }
  bool each_has(std::uint64_t bytes) const {
    return std::all_of(connections_.begin(), connections_.end(), [&](const Connection& connection) {
      return *std::min_element(connection.streams.begin(), connection.streams.end()) >= bytes;
    });
  }
  static std::uint32_t segments(const Connection& connection) {
    tcp_info info{};
    socklen_t size = sizeof info;
    ::getsockopt(connection.socket, IPPROTO_TCP, TCP_INFO, &info, &size);
    return info.tcpi_data_segs_in;
  }
  const int epoll_ = ::epoll_create1(0);
  sockaddr_in address_{};
  std::vector<Connection> connections_;
  std::vector<char> buffer_;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc < 4) throw std::runtime_error("usage: client_http2 PORT CONNECTIONS STREAMS");
    bench::raise_descriptor_limit();
    const auto argument = [&](int i) { return std::strtoul(argv[i], nullptr, 10); };
    Client client(static_cast<in_port_t>(argument(1)), argument(2), argument(3));
    client.connect();
    for (std::string line; std::getline(std::cin, line) && line != "quit";) {
      const bench::Command command(line);
      if (command.name != "expect") throw std::runtime_error("unknown command " + command.name);
      client.expect(command.count(0), command.number(1));
    }
    std::_Exit(0);  // the sockets close with it
  } catch (const std::exception& error) {
    std::fprintf(stderr, "client_http2: %s\n", error.what());
    return 1;
  }
}
