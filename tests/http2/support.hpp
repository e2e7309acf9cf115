// A blocking peer that speaks HTTP/2, and writes each frame as a test likes.
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstdint>
#include <map>
#include <sse/http2.hpp>

#include "../socket/support.hpp"

namespace http2_test {

using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
enum Type : std::uint8_t {
  data,
  headers,
  priority,
  rst_stream,
  settings,
  push_promise,
  ping,
  goaway,
  window_update,
  continuation,
  priority_update = 16
};

inline std::string number(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift & 0xFF));
  return bytes;
}
inline std::uint32_t number_of(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char c : bytes.substr(0, 4)) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}
inline std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload = {}) {
  std::string bytes = number(static_cast<std::uint32_t>(payload.size())).substr(1);
  bytes.push_back(static_cast<char>(type));
  bytes.push_back(static_cast<char>(flags));
  return bytes.append(number(stream)).append(payload);
}
inline std::string setting(std::uint16_t id, std::uint32_t value) {
  return number(id).substr(2) + number(value);
}
/// A field, literal and not indexed.
inline std::string packed(std::string_view name, std::string_view value) {
  const auto text = [](std::string_view bytes) {
    std::string length;
    std::size_t left = bytes.size();
    if (left < 127) {
      length.push_back(static_cast<char>(left));
    } else {
      length.push_back(127);
      for (left -= 127; left >= 128; left /= 128) length.push_back(static_cast<char>(left % 128 + 128));
      length.push_back(static_cast<char>(left));
    }
    return length.append(bytes);
  };
  return std::string(1, '\0') + text(name) + text(value);
}
inline std::string packed(const Fields& fields) {
  std::string block;
  for (const auto& [name, value] : fields) block += packed(name, value);
  return block;
}
inline Fields get(std::string path = "/events", Fields more = {}) {
  Fields fields{{":method", "GET"}, {":scheme", "http"}, {":path", std::move(path)}, {":authority", "localhost"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

/// One stream, as its peer sees it.
struct Stream {
  Fields fields;
  std::string body;
  bool ended = false;
  std::optional<std::uint32_t> reset;
  std::size_t taken = 0;   ///< Bytes of the body that a test has read.
  std::size_t window = 0;  ///< Bytes that the server has given back.

  bool over() const { return ended || reset; }
  std::string field(std::string_view name) const {
    for (const auto& [key, value] : fields)
      if (key == name) return value;
    return "";
  }
  int status() const { return std::atoi(field(":status").c_str()); }
};

/// The peer. Frames are filed as they come; SETTINGS and PING are acknowledged.
class Peer {
 public:
  explicit Peer(const Server& server, std::string_view its_settings = {}, int receive_buffer = 0)
      : Peer(Client::to(server.port, receive_buffer)) {
    send(std::string(preface) + frame(settings, 0, 0, its_settings));
  }
  /// Sends nothing by itself.
  explicit Peer(Client socket) : socket_(std::move(socket)), inflater_(make_inflater(), nghttp2_hd_inflate_del) {}

  bool send(std::string_view bytes) { return socket_.send(bytes); }
  bool send(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload = {}) {
    return send(frame(type, flags, stream, payload));
  }
  /// Opens the next stream. 5: END_STREAM and END_HEADERS.
  std::uint32_t request(const Fields& fields, std::uint8_t flags = 5) {
    const std::uint32_t id = next_id_;
    next_id_ += 2;
    const std::string block = packed(fields);
    constexpr std::size_t most = 16'384;
    std::string frames;
    for (std::size_t at = 0; at < block.size(); at += most) {
      const bool last = block.size() - at <= most;
      const int first_flags = at == 0 ? flags & 1 : 0;
      frames += frame(at == 0 ? headers : continuation, static_cast<std::uint8_t>(first_flags | (last ? flags & 4 : 0)),
                      id, block.substr(at, most));
    }
    send(frames);
    return id;
  }
  Stream& stream(std::uint32_t id) { return streams_[id]; }
  /// The stream, once it is over.
  Stream& response(std::uint32_t id) {
    read_until([&] { return streams_[id].over(); });
    return streams_[id];
  }
  Stream& ask(const Fields& fields, std::uint8_t flags = 5) { return response(request(fields, flags)); }
  /// Opens a stream of events, and reads up to its `connection`.
  std::uint32_t open(const std::string& path = "/events") {
    const std::uint32_t id = request(get(path));
    const auto first = event(id);
    if (!first || first->at("type") != "connection") throw std::runtime_error("no stream of events");
    return id;
  }
  /// The next event of a stream. Nullopt: the stream is over.
  std::optional<json> event(std::uint32_t id) {
    Stream& one = streams_[id];
    for (;;) {
      const std::size_t end = one.body.find("\n\n", one.taken);
      if (end != one.body.npos) {
        const std::string block = one.body.substr(one.taken, end - one.taken);
        one.taken = end + 2;
        const std::size_t line = block.find("data: ");
        if (line != block.npos) return json::parse(block.substr(line + 6));
        continue;
      }
      if (one.over() || !step()) return std::nullopt;
    }
  }
  template <class Condition>
  void read_until(Condition&& condition) {
    while (!condition())
      if (!step()) throw std::runtime_error("the peer has closed; GOAWAY " + std::to_string(goaway_code.value_or(99)));
  }
  /// Reads all until the peer closes.
  void read_to_end() {
    while (step()) {
    }
  }
  /// Waits until the peer has handled all that was sent. Twice, because the answer to a PING passes others by.
  void sync() {
    for (int i = 0; i < 2; ++i) {
      const std::size_t before = pongs_;
      send(ping, 0, 0, "12345678");
      read_until([&] { return pongs_ > before; });
    }
  }
  /// True: the connection serves requests.
  bool lives() { return ask(get("/nowhere")).status() == 404; }

  Client& socket() { return socket_; }

  std::optional<std::uint32_t> goaway_code, goaway_last;
  std::size_t goaways = 0;
  std::map<std::uint16_t, std::uint32_t> their_settings;
  bool gives_windows_back = true;

 private:
  static nghttp2_hd_inflater* make_inflater() {
    nghttp2_hd_inflater* inflater = nullptr;
    if (nghttp2_hd_inflate_new(&inflater) != 0) throw std::bad_alloc();
    return inflater;
  }
  bool fill(std::size_t size) {
    while (text_.size() < size) {
      if (!platform::wait_readable(socket_.descriptor(), patience)) give_up("a frame");
      char bytes[16384];
      const std::size_t got = platform::receive(socket_.descriptor(), bytes, sizeof bytes);
      if (got == 0) return false;
      text_.append(bytes, got);
    }
    return true;
  }
  /// Reads one frame; false: the peer has closed.
  bool step() {
    if (!fill(9)) return false;
    const std::size_t size = number_of(std::string(1, '\0') + text_.substr(0, 3));
    if (!fill(9 + size)) return false;
    const auto type = static_cast<std::uint8_t>(text_[3]), flags = static_cast<std::uint8_t>(text_[4]);
    const std::uint32_t id = number_of(std::string_view(text_).substr(5));
    const std::string payload = text_.substr(9, size);
    text_.erase(0, 9 + size);
    file(type, flags, id, payload);
    return true;
  }
  void file(std::uint8_t type, std::uint8_t flags, std::uint32_t id, const std::string& payload) {
    if (type == settings && !(flags & 1)) {
      for (std::size_t i = 0; i + 6 <= payload.size(); i += 6)
        their_settings[static_cast<std::uint16_t>(number_of("\0\0"s + payload.substr(i, 2)))] =
            number_of(payload.substr(i + 2));
      send(settings, 1, 0);
    }
    if (type == ping) {
      if (flags & 1)
        ++pongs_;
      else
        send(ping, 1, 0, payload);
    }
    if (type == goaway) {
      ++goaways;
      goaway_last = number_of(payload);
      goaway_code = number_of(payload.substr(4));
    }
    if (type == window_update && id != 0) streams_[id].window += number_of(payload);
    if (type == rst_stream) streams_[id].reset = number_of(payload);
    if (type == headers) unpack(payload, streams_[id].fields);
    if (type == data) {
      streams_[id].body += payload;
      if (gives_windows_back && !payload.empty()) {
        const std::string back = number(static_cast<std::uint32_t>(payload.size()));
        send(frame(window_update, 0, 0, back) + ((flags & 1) ? "" : frame(window_update, 0, id, back)));
      }
    }
    if ((type == data || type == headers) && (flags & 1)) streams_[id].ended = true;
  }
  void unpack(const std::string& block, Fields& fields) {
    const auto* at = reinterpret_cast<const std::uint8_t*>(block.data());
    std::size_t left = block.size();
    for (;;) {
      nghttp2_nv field;
      int flags = 0;
      const auto size = nghttp2_hd_inflate_hd2(inflater_.get(), &field, &flags, at, left, 1);
      if (size < 0) throw std::runtime_error("a block of fields is malformed");
      at += size;
      left -= static_cast<std::size_t>(size);
      if (flags & NGHTTP2_HD_INFLATE_EMIT)
        fields.emplace_back(std::string(reinterpret_cast<char*>(field.name), field.namelen),
                            std::string(reinterpret_cast<char*>(field.value), field.valuelen));
      if (flags & NGHTTP2_HD_INFLATE_FINAL) break;
    }
    nghttp2_hd_inflate_end_headers(inflater_.get());
  }

  Client socket_;
  std::unique_ptr<nghttp2_hd_inflater, decltype(&nghttp2_hd_inflate_del)> inflater_;
  std::string text_;
  std::map<std::uint32_t, Stream> streams_;
  std::uint32_t next_id_ = 1;
  std::size_t pongs_ = 0;
};

inline sse::ServeOptions http2_options(sse::Http2Options limits = {}) {
  sse::ServeOptions options;
  options.http2 = sse::http2(limits);
  return options;
}

}  // namespace http2_test
