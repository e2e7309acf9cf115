#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <sse/sse.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sse_test {

using sse::OverflowPolicy;

/// An event as the model has it; `tail` is the frame without its `id` line, its time written as T.
struct Sent {
  std::string tail;
  std::string type, topic, key;
  std::uint64_t n = 0;  // of its id; 0: it has none
};

/// The filters that there are, by number.
inline bool passes(int filter, std::string_view type, std::string_view key) {
  switch (filter) {
    case 1: return type == "a";
    case 2: return key != "k1";
    case 3: return type != "b";
    case 4: return false;
    default: return true;
  }
}

/// The events that one connection must still read.
struct Reader {
  struct Item {
    Sent event;
    bool replay = false;  // it is lost when it is read too late: the history has let go of it
    bool lost = false;
  };

  std::string id, request_id;
  std::size_t max_size = 0, max_bytes = 0;
  OverflowPolicy policy = OverflowPolicy::drop_oldest;
  bool announce = true;
  std::optional<std::set<std::string>> topics;  // none: every topic
  int filter = 0;

  bool active = true;              // in the manager's map
  std::deque<std::string> next;    // what is read next, whatever happens
  std::vector<Item> items;         // then these
  std::optional<std::string> end;  // and at last a `disconnect` with this frame; empty: none
  bool ended = false;
  std::uint64_t reset_place = 0;
  bool reset = false;   // what is lost before `items` can't be counted
  bool urgent = false;  // what is lost before `items` is told although nothing follows
  std::size_t dropped = 0, gaps = 0;

  bool lost_any(bool replay) const {
    return std::any_of(items.begin(), items.end(),
                       [&](const Item& item) { return item.lost && item.replay == replay; });
  }
  bool wants(const Sent& event) const {
    return (event.topic.empty() || !topics || topics->contains(event.topic)) && passes(filter, event.type, event.key);
  }
};

/// The manager by its contract, in plain vectors.
class Model {
 public:
  explicit Model(const sse::Options& options) : options_(options) {}

  std::string start;  // of the ids
  std::uint64_t last = 0;
  std::vector<Sent> kept;  // every event with an id; the history is the end of it
  std::vector<std::unique_ptr<Reader>> readers;

  std::uint64_t oldest() const { return last + 1 - std::min<std::uint64_t>(last, options_.history_size); }
  std::string id_of(std::uint64_t n) const { return start + "-" + std::to_string(n); }
  std::string frame(const Sent& event) const {
    return (event.n == 0 ? "" : "id: " + id_of(event.n) + "\n") + event.tail;
  }
  std::string event_line(const std::string& type) const { return options_.named_events ? "event: " + type + "\n" : ""; }
  std::string envelope(const std::string& type, const std::string& members) const {
    return event_line(type) + "data: {\"type\":\"" + type + "\"," + members + ",\"timestamp\":T}\n\n";
  }
  std::string notice(const std::string& type, const std::string& members = {}) const {
    return envelope(type, "\"message\":M" + members);
  }

  std::size_t count() const {
    return static_cast<std::size_t>(std::count_if(readers.begin(), readers.end(), is_active));
  }
  Reader* find(const std::string& id) const {
    const auto found =
        std::find_if(readers.begin(), readers.end(), [&](const auto& r) { return is_active(r) && r->id == id; });
    return found == readers.end() ? nullptr : found->get();
  }
  bool full() const { return options_.max_connections != 0 && count() >= options_.max_connections; }

  Reader& add(Reader reader, const std::optional<std::string>& last_event_id, bool from_earliest) {
    if (Reader* older = find(reader.id)) finish(*older, "M");
    std::uint64_t after = last;
    std::string cursor;
    if (last_event_id && !last_event_id->empty()) {
      const auto [other_start, n] = read_id(*last_event_id);
      if (n && !other_start && *n <= last) {
        after = *n;
      } else {
        reader.reset = reader.urgent = true;
        reader.reset_place = n && other_start ? oldest() - 1 : last;
        if (n && other_start) {
          after = oldest() - 1;
          cursor = *last_event_id;  // a client that is cut here still knows too little
        }
      }
    } else if (from_earliest) {
      after = oldest() - 1;
    }
    if (reader.announce) {
      const std::string id_line =
          options_.history_size == 0 ? "" : "id: " + (cursor.empty() ? id_of(after) : cursor) + "\n";
      const bool resumed = !reader.reset && after + 1 >= oldest();
      const std::string member = !last_event_id || last_event_id->empty() ? ""
                                 : resumed                                ? ",\"resumed\":true"
                                                                          : ",\"resumed\":false";
      reader.next.push_back(id_line + notice("connection", ",\"connection_id\":\"" + reader.id + "\"" + member));
    }
    for (std::uint64_t n = after + 1; n <= last; ++n)
      if (n < oldest()) {  // whether it was wanted is not known any more
        reader.items.push_back({kept[n - 1], true, true});
        ++reader.dropped;
        reader.urgent = true;
      } else if (reader.wants(kept[n - 1])) {
        reader.items.push_back({kept[n - 1], true, false});
      }
    reader.gaps += reader.urgent ? 1 : 0;
    readers.push_back(std::make_unique<Reader>(std::move(reader)));
    return *readers.back();
  }

  std::size_t emit(Sent event, bool transient) {
    if (options_.history_size != 0 && !transient) {
      event.n = ++last;
      kept.push_back(event);
    }
    std::size_t reached = 0;
    for (const auto& reader : readers)
      if (reader->active && reader->wants(event)) reached += push(*reader, event);
    return reached;
  }

  bool push(Reader& reader, const Sent& event) {
    const auto too_much = [&] {
      return queued(reader) + 1 > reader.max_size ||
             (reader.max_bytes != 0 && queued(reader) != 0 && bytes(reader) + size(event) > reader.max_bytes);
    };
    if (reader.policy == OverflowPolicy::disconnect && too_much()) {
      finish(reader, "M");
      return false;
    }
    if (reader.policy == OverflowPolicy::keep_newest && too_much()) lose_superseded(reader, event.key);
    while (too_much()) lose(reader, std::find_if(reader.items.begin(), reader.items.end(), waits));
    reader.items.push_back({event});
    return true;
  }

  void finish(Reader& reader, const std::string& reason) {
    reader.active = false;
    reader.ended = true;
    if (reader.announce)
      reader.end = envelope("disconnect", "\"message\":" + (reason == "M" ? reason : "\"" + reason + "\""));
  }
  void close(Reader& reader) {
    reader.active = false;
    reader.ended = true;
    reader.next.clear();
    reader.items.clear();
    reader.end.reset();
    reader.reset = reader.urgent = false;
  }

  bool ready(const Reader& reader) const {
    return reader.ended || reader.urgent || !reader.next.empty() ||
           std::any_of(reader.items.begin(), reader.items.end(), [](const auto& item) { return !item.lost; });
  }
  bool done(const Reader& reader) const {
    return reader.ended && reader.next.empty() && !reader.urgent && reader.items.empty() && !reader.end;
  }

  /// The frame that is read next.
  std::optional<std::string> take(Reader& reader) {
    if (!reader.next.empty()) {
      std::string first = std::move(reader.next.front());
      reader.next.pop_front();
      return first;
    }
    const auto begin = reader.items.begin(), end = reader.items.end();
    const auto survivor = std::find_if(begin, end, [&](const auto& item) { return !item.lost && !gone(item); });
    for (auto item = begin; item != survivor; ++item) {
      if (item->lost) continue;
      ++reader.dropped;
      reader.gaps += reader.lost_any(true) || reader.reset ? 0 : 1;
      item->lost = true;
    }
    const bool gap = reader.reset || survivor != begin;
    if (gap && survivor == end && !reader.urgent && !reader.ended) return std::nullopt;
    const std::string lost = place(reader, begin, survivor) + notice("overflow", loss(reader, begin, survivor));
    std::optional<std::string> event;
    if (survivor != end) event = frame(survivor->event);
    reader.items.erase(begin, survivor == end ? survivor : survivor + 1);
    if (!gap) return event ? event : std::exchange(reader.end, std::nullopt);
    reader.reset = reader.urgent = false;
    if (event) reader.next.push_back(*event);
    return lost;
  }
  bool readable(const Reader& reader) const {
    return reader.ended || reader.urgent || !reader.next.empty() ||
           std::any_of(reader.items.begin(), reader.items.end(),
                       [&](const auto& item) { return !item.lost && !gone(item); });
  }

  static bool waits(const Reader::Item& item) { return !item.lost && !item.replay; }
  std::size_t queued(const Reader& reader) const {
    return static_cast<std::size_t>(std::count_if(reader.items.begin(), reader.items.end(), waits));
  }

 private:
  static bool is_active(const std::unique_ptr<Reader>& reader) { return reader->active; }
  bool gone(const Reader::Item& item) const { return item.replay && item.event.n < oldest(); }
  /// A loss is told before the oldest event that waits.
  static void lose(Reader& reader, std::vector<Reader::Item>::iterator item) {
    ++reader.dropped;
    reader.gaps += reader.lost_any(false) ? 0 : 1;
    item->lost = true;
    std::rotate(std::find_if(reader.items.begin(), item, waits), item, item + 1);
  }
  static void lose_superseded(Reader& reader, const std::string& key) {
    std::set<std::string> newer = {key};
    for (std::size_t i = reader.items.size(); i-- > 0;) {
      const auto item = reader.items.begin() + static_cast<std::ptrdiff_t>(i);
      if (!waits(*item) || item->event.key.empty() || newer.insert(item->event.key).second) continue;
      lose(reader, item);
      ++i;  // another has come to its place
    }
  }
  using Place = std::vector<Reader::Item>::const_iterator;
  /// The id line of a notice: the place after the loss, before the event that is next.
  std::string place(const Reader& reader, Place begin, Place next) const {
    std::uint64_t after = reader.reset ? reader.reset_place : 0;
    for (auto item = begin; item != next; ++item) after = std::max(after, item->event.n);
    const bool is_last = next == reader.items.end();
    if (options_.history_size == 0 || (after == 0 && !reader.reset) || (!is_last && next->event.n == 0)) return {};
    return "id: " + id_of(is_last ? after : std::min(after, next->event.n - 1)) + "\n";
  }
  std::string loss(const Reader& reader, Place begin, Place end) const {
    if (reader.reset) return ",\"dropped\":null,\"reset\":true";
    std::uint64_t first = 0, last_lost = 0;
    for (auto item = begin; item != end; ++item)
      if (const std::uint64_t n = item->event.n; n != 0) {
        first = first == 0 ? n : std::min(first, n);
        last_lost = std::max(last_lost, n);
      }
    std::string members = ",\"dropped\":" + std::to_string(end - begin);
    if (first != 0) members += ",\"first_id\":\"" + id_of(first) + "\",\"last_id\":\"" + id_of(last_lost) + "\"";
    return members;
  }
  std::size_t size(const Sent& event) const {
    const std::string text = frame(event);
    return text.size() + (text.ends_with("\"timestamp\":T}\n\n") ? 16 : 0);
  }
  std::size_t bytes(const Reader& reader) const {
    std::size_t sum = 0;
    for (const auto& item : reader.items) sum += waits(item) ? size(item.event) : 0;
    return sum;
  }
  /// Whether the id is of another start, and its number; none: it can't be read.
  std::pair<bool, std::optional<std::uint64_t>> read_id(const std::string& id) const {
    const auto dash = id.find('-');
    const auto digits = [](const std::string& text) {
      const std::string most = "18446744073709551615";
      return !text.empty() && text.find_first_not_of("0123456789") == text.npos && (text == "0" || text[0] != '0') &&
             (text.size() < most.size() || (text.size() == most.size() && text <= most));
    };
    if (dash == id.npos || !digits(id.substr(0, dash)) || !digits(id.substr(dash + 1))) return {false, std::nullopt};
    return {id.substr(0, dash) != start, std::stoull(id.substr(dash + 1))};
  }

  sse::Options options_;
};

}  // namespace sse_test
