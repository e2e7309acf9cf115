#pragma once

#include <sse/parser.hpp>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace sse_test {

using sse::Message, sse::Parser;

/// All that a stream says.
struct Reading {
  std::vector<Message> messages;
  std::string last_event_id;
  std::optional<std::chrono::milliseconds> retry;

  friend bool operator==(const Reading&, const Reading&) = default;
};

inline Message message(std::string data, std::string id = {}, std::string type = "message") {
  return {std::move(type), std::move(data), std::move(id)};
}

inline std::string printed(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    constexpr std::string_view hex = "0123456789ABCDEF";
    if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (byte < ' ' || byte > '~' || c == '\\')
      out.append("\\x").append(1, hex[byte >> 4]).append(1, hex[byte & 15]);
    else
      out += c;
  }
  return out;
}

inline std::string printed(const Reading& reading) {
  std::string out;
  for (const auto& [type, data, id] : reading.messages)
    out += '<' + printed(type) + '|' + printed(data) + '|' + printed(id) + "> ";
  out += "last_event_id=" + printed(reading.last_event_id);
  if (reading.retry) out += " retry=" + std::to_string(reading.retry->count());
  return out;
}

inline std::error_code feed(Parser& parser, std::string_view bytes, std::vector<Message>& messages) {
  // A copy of just these bytes, so that a sanitizer sees a read past them.
  const std::vector<char> copy(bytes.begin(), bytes.end());
  return parser.feed({copy.data(), copy.size()}, [&](Message&& message) { messages.push_back(std::move(message)); });
}

/// Reads `bytes` cut at `cuts`, which rise.
inline Reading read_cut(std::string_view bytes, const std::vector<std::size_t>& cuts) {
  Parser parser;
  Reading reading;
  std::size_t begin = 0;
  for (const std::size_t cut : cuts) {
    if (feed(parser, bytes.substr(begin, cut - begin), reading.messages)) FAIL("an error without a limit");
    begin = cut;
  }
  if (feed(parser, bytes.substr(begin), reading.messages)) FAIL("an error without a limit");
  reading.last_event_id = parser.last_event_id();
  reading.retry = parser.retry();
  return reading;
}

/// The standard's text, step by step, over a whole stream (WHATWG Encoding 8.1.1, HTML 9.2.5 and 9.2.6).
class Reference {
 public:
  static Reading read(const std::string& bytes) {
    Reference reference;
    std::string text = decode(bytes);
    if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
    std::string line;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\r' && text[i] != '\n') {
        line += text[i];
        continue;
      }
      if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') ++i;
      reference.line(line);
      line.clear();
    }
    return reference.reading_;
  }

  static std::string decode(const std::string& bytes) {
    std::string out, sequence;
    std::size_t needed = 0;
    int lower = 0x80, upper = 0xBF;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const int byte = static_cast<unsigned char>(bytes[i]);
      if (needed == 0) {
        if (byte < 0x80) {
          out += bytes[i];
          continue;
        }
        needed = byte >= 0xC2 && byte <= 0xDF   ? 1
                 : byte >= 0xE0 && byte <= 0xEF ? 2
                 : byte >= 0xF0 && byte <= 0xF4 ? 3
                                                : 0;
        if (byte == 0xE0) lower = 0xA0;
        if (byte == 0xED) upper = 0x9F;
        if (byte == 0xF0) lower = 0x90;
        if (byte == 0xF4) upper = 0x8F;
        sequence = bytes[i];
        if (needed == 0) out += "\xEF\xBF\xBD";
        continue;
      }
      const bool continues = byte >= lower && byte <= upper;
      lower = 0x80;
      upper = 0xBF;
      if (!continues) {
        out += "\xEF\xBF\xBD";
        needed = 0;
        --i;
        continue;
      }
      sequence += bytes[i];
      if (--needed == 0) out += sequence;
    }
    return needed == 0 ? out : out + "\xEF\xBF\xBD";
  }

 private:
  void line(const std::string& line) {
    if (line.empty()) return dispatch();
    const std::size_t colon = line.find(':');
    if (colon == 0) return;
    std::string value = colon == line.npos ? "" : line.substr(colon + 1);
    if (value.starts_with(' ')) value.erase(0, 1);
    field(line.substr(0, colon), value);
  }

  void field(const std::string& name, const std::string& value) {
    if (name == "event") type_ = value;
    if (name == "data") data_ += value + '\n';
    if (name == "id" && value.find('\0') == value.npos) id_ = value;
    if (name == "retry" && !value.empty() && value.find_first_not_of("0123456789") == value.npos) {
      const std::string digits = value.substr(std::min(value.find_first_not_of('0'), value.size() - 1));
      const std::string most = std::to_string(std::chrono::milliseconds::max().count());
      const bool fits = digits.size() < most.size() || (digits.size() == most.size() && digits <= most);
      reading_.retry = std::chrono::milliseconds(std::stoll(fits ? digits : most));
    }
  }

  void dispatch() {
    reading_.last_event_id = id_;
    if (!data_.empty()) {
      data_.pop_back();
      reading_.messages.push_back(message(data_, id_, type_.empty() ? "message" : type_));
    }
    data_.clear();
    type_.clear();
  }

  Reading reading_;
  std::string data_, type_, id_;
};

}  // namespace sse_test
