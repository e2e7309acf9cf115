// Makes of an event a line of standard output, or a notice.
#pragma once

#include <sse/parser.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <string>

namespace tail {

struct Line {
  std::string text;  // without its end
  bool notice = false;
};

inline std::string json_string(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// The text of an event that the server's library sends for itself and not for its user, or nothing.
inline std::string notice_of(const nlohmann::json& event) {
  const std::string type = event.at("type");
  const auto message = event.find("message");
  const bool own = type == "connection" || type == "disconnect" || type == "overflow" || type == "error";
  if (!own || event.contains("data") || message == event.end() || !message->is_string()) return {};
  std::string text = type + ": " + message->get<std::string>();
  if (const auto dropped = event.find("dropped"); dropped != event.end()) {
    const std::string count = dropped->is_number() ? dropped->dump() : "unknown";
    text += " (events lost: " + count + ")";
  }
  return text;
}

inline Line line_of(sse::Message message, bool as_json) {
  std::string& data = message.data;
  // nlohmann/json takes a NUL for the end of the text and skips a byte order mark before it.
  const bool readable = data.find('\0') == data.npos && !data.starts_with("\xEF\xBB\xBF");
  const auto value =
      readable ? nlohmann::json::parse(data, nullptr, false) : nlohmann::json(nlohmann::json::value_t::discarded);
  const bool is_json = !value.is_discarded();
  // A copy of a member that is nested deep enough would overflow the stack.
  const auto member = [&](const char* name) -> const nlohmann::json& {
    static const nlohmann::json none;
    const auto found = value.find(name);
    return found == value.end() ? none : *found;
  };
  const bool of_library = member("type").is_string() && member("timestamp").is_number();
  if (of_library)
    if (std::string notice = notice_of(value); !notice.empty()) return {std::move(notice), true};

  // In JSON a line break can only stand between tokens. The text stays what it is otherwise: writing it anew would sort
  // its keys and round its numbers.
  if (is_json) std::replace(data.begin(), data.end(), '\n', ' ');
  if (!as_json) {
    for (std::size_t at = 0; !is_json && (at = data.find('\n', at)) != data.npos; at += 2) data.replace(at, 1, "\\n");
    return {std::move(data)};
  }
  const std::string id = ",\"id\":" + json_string(message.last_event_id) + '}';
  if (of_library) return {data.erase(data.rfind('}')) + (value.contains("id") ? "}" : id)};
  return {"{\"type\":" + json_string(message.type) + ",\"data\":" + (is_json ? data : json_string(data)) + id};
}

}  // namespace tail
