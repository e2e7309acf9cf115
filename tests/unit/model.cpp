#include "model.hpp"

#include <cstdlib>
#include <random>
#include <sstream>

#include "support.hpp"

// Random sequences of every operation, the library against a model of its contract, compared word for word.
// SSE_MODEL_SEED=N runs the sequence N again, SSE_MODEL_SEEDS=N runs so many, from SSE_MODEL_SEED on.

namespace sse_test {
namespace {

using sse::ConnectionOptions, sse::EmitOptions;

/// The frame with its time as T, and the text of a notice, which is for people, as M.
std::string plain(const Event& event, bool keep_reason) {
  std::string text(event.frame());
  if (const auto time = text.rfind(",\"timestamp\":"); time != text.npos) text.replace(time + 13, 17, 1, 'T');
  for (const std::string type : {"connection", "overflow", "disconnect"}) {
    const std::string begin = "{\"type\":\"" + type + "\",\"message\":\"";
    const auto message = text.find(begin);
    if (message == text.npos || (type == "disconnect" && keep_reason)) continue;
    const auto from = message + begin.size() - 1;
    text.replace(from, text.find('"', from + 1) + 1 - from, 1, 'M');
  }
  return text;
}

struct Disagreement : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// One random sequence.
class Run {
 public:
  Run(std::uint64_t seed, std::size_t steps)
      : random_(seed),
        steps_(steps),
        most_streams_(one_of<std::size_t>({3, 8, 8, 40, 40})),
        ids_(most_streams_ == 40 ? one_of<std::size_t>({6, 100}) : 6),
        options_(some_options()),
        model_(options_) {}

  const std::string& log() const { return log_; }

  void go() {
    manager_.emplace(options_);
    note("Options: queue ", options_.max_queue_size, ", bytes ", options_.max_queue_bytes, ", history ",
         options_.history_size, ", connections ", options_.max_connections, ", named ", options_.named_events);
    if (options_.history_size != 0) learn_start();
    sse::Observer observer;
    observer.connection_added = [seen = seen_](const sse::ConnectionRow& row) { ++seen->added[row.connection_id]; };
    observer.connection_removed = [seen = seen_](const sse::ConnectionRow& row, std::string_view) {
      ++seen->removed[row.connection_id];
    };
    observer.overflow = [seen = seen_](const sse::ConnectionRow& row) { ++seen->gaps[row.connection_id]; };
    manager_->set_observer(observer);
    for (std::size_t step = 0; step < steps_; ++step) {
      one_step();
      check();
    }
    note("the manager is destroyed");
    manager_.reset();
    for (const auto& reader : model_.readers)
      if (reader->active) model_.finish(*reader, "M");
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      read(i, below(3));
      read(i, std::size_t(-1));
      agree(streams_[i].stream->done(), true, "done at the end");
    }
    check();
  }

 private:
  /// A stream, its model, and a wait on it.
  struct Live {
    std::unique_ptr<EventStream> stream;
    Reader* reader;
    bool waiting = false;
    std::shared_ptr<std::optional<sse::error_code>> completed = std::make_shared<std::optional<sse::error_code>>();
  };
  /// Seen by the observer and the filters.
  struct Seen {
    std::map<std::string, std::size_t> added, removed, gaps;
    Event copy;  // of a live event, which must not get the id that the event gets later
    bool adding = false, live_event_with_id = false, replayed_event_without_id = false;
  };

  // Random choices.
  std::size_t below(std::size_t bound) { return random_() % bound; }
  bool one_in(std::size_t n) { return below(n) == 0; }
  template <class T>
  T one_of(std::initializer_list<T> choices) {
    return choices.begin()[below(choices.size())];
  }
  sse::Options some_options() {
    sse::Options options;
    options.max_queue_size = one_of<std::size_t>({1, 2, 3, 8, 100});
    options.max_queue_bytes = one_of<std::size_t>({0, 0, 1, 150, 400});
    options.history_size = one_of<std::size_t>({0, 1, 2, 5, 20, 1000});
    options.max_connections = one_of<std::size_t>({0, 0, 3});
    options.named_events = one_in(2);
    return options;
  }
  std::string some_topic() { return one_of<std::string>({"", "x", "y", "z"}); }
  std::string some_connection_id() {
    const std::string fixed = "c" + std::to_string(below(ids_));
    return one_in(2) || streams_.empty() ? fixed : streams_[below(streams_.size())].reader->id;
  }

  // Comparison.
  template <class... Parts>
  void note(const Parts&... parts) {
    std::ostringstream line;
    (line << ... << parts);
    log_ += line.str() + "\n";
  }
  template <class Got, class Wanted, class... What>
  static void agree(const Got& got, const Wanted& wanted, const What&... what) {
    if (got == static_cast<Got>(wanted)) return;
    std::ostringstream text;
    (text << ... << what);
    text << "\n  the library: " << got << "\n  the model:   " << wanted;
    throw Disagreement(text.str());
  }

  void learn_start() {
    EventStream stream = manager_->add_connection();
    const Event connection = stream.try_next().value();
    const std::string id(connection.id());
    if (!id.ends_with("-0")) throw Disagreement("the first id is " + id);
    model_.start = id.substr(0, id.size() - 2);
  }

  void one_step() {
    switch (below(20)) {
      case 0:
      case 1: return add();
      case 2: return subscribe();
      case 3: return end_some();
      case 4: return send();
      case 5: return wait_for(streams_);
      case 6: return emit_broken();
      case 7:
      case 8:
      case 9:
      case 10:
      case 11:
        if (!streams_.empty()) read(below(streams_.size()), one_of<std::size_t>({0, 1, 1, 2, 3, 1000}));
        return;
      default: return emit();
    }
  }

  std::optional<std::string> some_last_event_id() {
    const std::string& start = model_.start;
    switch (below(9)) {
      case 0: return "";
      case 1:
        return one_of<std::string>({"garbage", "-", "-1", "1-", "1--1", " 1-1", "1-1 ", "1-1x", "+1-1", "\n"}) +
               (one_in(2) ? start : "");
      case 2: return start + "-99999999999999999999999";
      case 3: return start + "-" + std::to_string(model_.last + 1 + below(3));
      case 4: return one_of<std::string>({"12345-", "0-", "18446744073709551615-"}) + std::to_string(below(4));
      case 5:
        return one_of<std::string>({start, "1"}) +
               one_of<std::string>({"-18446744073709551615", "-01", "-18446744073709551616"});
      case 6: return model_.id_of(model_.last);
      case 7: return model_.id_of(model_.oldest() - 1);
      default: return model_.id_of(below(model_.last + 1));
    }
  }

  void add() {
    if (streams_.size() == most_streams_) destroy(below(most_streams_));
    ConnectionOptions options;
    Reader reader;
    if (!one_in(4)) options.connection_id = "c" + std::to_string(below(ids_));
    if (one_in(3)) options.request_id = "r" + std::to_string(below(100));
    if (!one_in(3)) options.last_event_id = some_last_event_id();
    options.from_earliest = one_in(4);
    options.announce = !one_in(4);
    options.overflow_policy = one_of({OverflowPolicy::drop_oldest, OverflowPolicy::drop_oldest,
                                      OverflowPolicy::disconnect, OverflowPolicy::keep_newest});
    if (one_in(3)) options.max_queue_size = one_of<std::size_t>({1, 2, 5, 50});
    if (one_in(4)) options.max_queue_bytes = one_of<std::size_t>({0, 1, 200, 1000});
    if (one_in(3)) {
      reader.topics.emplace();
      for (std::size_t i = below(3) + 1; i > 0; --i) options.topics.push_back(some_topic());
      reader.topics->insert(options.topics.begin(), options.topics.end());
    }
    reader.filter = one_in(3) ? static_cast<int>(below(4)) + 1 : 0;
    const bool shares_filter = reader.filter != 0 && !one_in(3);
    if (shares_filter)
      options.filter = shared_filters_.try_emplace(reader.filter, filter_of(reader.filter)).first->second;
    else if (reader.filter != 0)
      options.filter = filter_of(reader.filter);
    const std::string given = options.last_event_id.value_or("none");
    note("add '", options.connection_id, "' last '", given, "' earliest ", options.from_earliest, " announce ",
         options.announce, " policy ", static_cast<int>(options.overflow_policy), " queue ",
         options.max_queue_size.value_or(0), " bytes ", options.max_queue_bytes.value_or(999), " topics ",
         options.topics.size(), options.topics.empty() ? "" : options.topics[0], " filter ", reader.filter,
         shares_filter ? " shared" : "");
    seen_->adding = true;
    if (model_.full() && model_.find(options.connection_id) == nullptr) {
      bool refused = false;
      try {
        static_cast<void>(manager_->add_connection(options));
      } catch (const sse::Error&) {
        refused = true;
      }
      seen_->adding = false;
      agree(refused, true, "past max_connections");
      return;
    }
    reader.max_size = options.max_queue_size.value_or(options_.max_queue_size);
    reader.max_bytes = options.max_queue_bytes.value_or(options_.max_queue_bytes);
    reader.policy = options.overflow_policy;
    reader.announce = options.announce;
    reader.request_id = options.request_id;
    auto stream = std::make_unique<EventStream>(manager_->add_connection(options));
    seen_->adding = false;
    if (!options.connection_id.empty()) agree(stream->connection_id(), options.connection_id, "connection_id()");
    agree(stream->request_id(), options.request_id, "request_id()");
    reader.id = stream->connection_id();
    streams_.push_back(
        {std::move(stream), &model_.add(std::move(reader), options.last_event_id, options.from_earliest)});
    ++added_[streams_.back().reader->id];
  }

  std::function<bool(const Event&)> filter_of(int filter) {
    return [seen = seen_, filter](const Event& event) {
      if (!seen->adding) seen->copy = event;
      if (seen->adding && event.id().empty()) seen->replayed_event_without_id = true;
      if (!seen->adding && !event.id().empty()) seen->live_event_with_id = true;
      if (filter == 3 && event.type() == "b") throw std::runtime_error("a filter that fails");
      return passes(filter, event.type(), event.key());
    };
  }

  Sent some_event(const std::string& type, const EmitOptions& options) {
    Sent event;
    event.type = type;
    event.topic = options.topic;
    event.key = options.key;
    return event;
  }

  void emit() {
    EmitOptions options;
    if (one_in(2)) options.topic = some_topic();
    if (one_in(2)) options.key = one_of<std::string>({"k1", "k2"});
    options.transient = one_in(5);
    const std::string type = one_of<std::string>({"a", "b", "c"});
    const std::string data = std::to_string(++number_) + (one_in(4) ? std::string(below(60), '0') : "");
    Sent event = some_event(type, options);
    note("emit ", data, " type ", type, " topic ", options.topic, " key ", options.key, " transient ",
         options.transient);
    std::size_t reached = 0;
    if (one_in(4)) {
      event.tail = "event: " + type + "\ndata: m\ndata: " + data + "\n\n";
      reached = manager_->emit_message(type, "m\n" + data, options);
    } else {
      event.tail = model_.envelope(type, "\"data\":" + data);
      reached = manager_->emit_json(type, data, options);
    }
    agree(reached, model_.emit(event, options.transient), "connections reached");
  }

  void emit_broken() {
    if (!one_in(3)) return emit();
    EmitOptions options;
    options.topic = some_topic();
    note("emit broken, topic ", options.topic);
    Sent event = some_event("error", options);
    event.tail = model_.envelope("error", "\"message\":\"Failed to format event\"");
    const bool nobody = options_.history_size == 0 && !options.topic.empty() &&
                        std::none_of(model_.readers.begin(), model_.readers.end(), [&](const auto& reader) {
                          return reader->active && (!reader->topics || reader->topics->contains(options.topic));
                        });
    bool threw = false;
    try {
      manager_->emit_event("a", Broken(), options);
    } catch (const std::runtime_error&) {
      threw = true;
    }
    if (!nobody && model_.count() != 0) agree(threw, true, "a broken type throws");
    if (threw) model_.emit(event, true);
  }

  void send() {
    const std::string id = some_connection_id(), type = one_of<std::string>({"a", "b"});
    const std::string data = std::to_string(++number_);
    note("send ", data, " to ", id);
    Sent event = some_event(type, EmitOptions());
    bool found = false;
    if (one_in(2)) {
      event.tail = "event: " + type + "\ndata: " + data + "\n\n";
      found = manager_->send_message(id, type, data);
    } else {
      event.tail = model_.envelope(type, "\"data\":" + data);
      found = manager_->send_event(id, type, number_);
    }
    Reader* reader = model_.find(id);
    agree(found, reader != nullptr, "a connection was found");
    if (reader != nullptr) model_.push(*reader, event);
  }

  void subscribe() {
    const std::string id = some_connection_id(), topic = some_topic();
    const bool more = one_in(2);
    note(more ? "subscribe " : "unsubscribe ", id, " ", topic);
    const bool result = more ? manager_->subscribe(id, topic) : manager_->unsubscribe(id, topic);
    Reader* reader = model_.find(id);
    bool expected = reader != nullptr;
    if (reader != nullptr && more && reader->topics) reader->topics->insert(topic);
    if (reader != nullptr && !more) expected = reader->topics && reader->topics->erase(topic) == 1;
    agree(result, expected, more ? "subscribe" : "unsubscribe");
  }

  void end_some() {
    const std::string reason = one_in(2) ? "" : "why";
    const std::string told = reason.empty() ? "Disconnected by the server" : reason;
    if (one_in(12)) {
      note("disconnect_all ", reason);
      manager_->disconnect_all(reason);
      for (const auto& reader : model_.readers)
        if (reader->active) model_.finish(*reader, told);
      return;
    }
    if (one_in(3)) {
      const std::string id = some_connection_id();
      note("disconnect ", id, " ", reason);
      Reader* reader = model_.find(id);
      agree(manager_->disconnect(id, reason), reader != nullptr, "a connection was found");
      if (reader != nullptr) model_.finish(*reader, told);
      return;
    }
    if (streams_.empty()) return;
    const std::size_t i = below(streams_.size());
    if (one_in(2)) return destroy(i);
    note("close stream ", i, " ", streams_[i].reader->id);
    model_.close(*streams_[i].reader);
    streams_[i].stream->close();
  }

  void destroy(std::size_t i) {
    Live& live = streams_[i];
    note("destroy stream ", i, " ", live.reader->id);
    live.stream.reset();
    if (live.waiting) {
      poll();
      agree(live.completed->has_value(), true, "a destroyed stream's wait has ended");
      agree(live.completed->value().value(), int(asio::error::operation_aborted), "a destroyed stream's wait");
    }
    model_.close(*live.reader);
    past_gaps_[live.reader->id] += live.reader->gaps;
    std::erase_if(model_.readers, [&](const auto& reader) { return reader.get() == live.reader; });
    streams_.erase(streams_.begin() + static_cast<std::ptrdiff_t>(i));
  }

  void wait_for(std::vector<Live>& streams) {
    if (streams.empty()) return;
    Live& live = streams[below(streams.size())];
    note("wait for ", live.reader->id);
    const auto result = std::make_shared<std::optional<sse::error_code>>();
    wait(*live.stream, io_, [result](sse::error_code error) { *result = error; });
    if (result->has_value()) throw Disagreement("a handler ran inside async_wait");
    if (!live.waiting) {
      live.waiting = true;
      live.completed = result;
      return;
    }
    poll();
    agree(result->has_value(), true, "a second wait ends");
    agree(result->value().value(), int(asio::error::already_started), "a second wait");
  }

  void read(std::size_t i, std::size_t max) {
    Live& live = streams_[i];
    note("read ", max, " of stream ", i, " ", live.reader->id);
    std::vector<Event> events;
    if (max == 1 && one_in(2)) {
      if (auto event = live.stream->try_next()) events.push_back(*event);
    } else if (max == 1 && model_.readable(*live.reader) && !live.waiting) {
      bool ended = false;
      asio::co_spawn(io_, live.stream->next(), [&](std::exception_ptr failure, std::optional<Event> event) {
        ended = !failure;
        if (event) events.push_back(*event);
      });
      poll();
      agree(ended, true, "next() ends where something waits");
    } else {
      const std::size_t count = live.stream->drain(events, max);
      agree(count, events.size(), "drain's count");
      agree(events.size() <= max, true, "drain's max");
    }
    for (std::size_t count = 0; count < max; ++count) {
      const auto wanted = model_.take(*live.reader);
      const bool reason_unknown = wanted && wanted->find("\"disconnect\",\"message\":M") != wanted->npos;
      const std::string got = count < events.size() ? plain(events[count], !reason_unknown) : "nothing";
      agree(got, wanted.value_or("nothing"), "event ", count, " of the read");
      if (!wanted) break;
    }
  }

  void poll() {
    io_.restart();
    io_.poll();
  }

  void check() {
    poll();
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      Live& live = streams_[i];
      agree(live.stream->done(), model_.done(*live.reader), "done() of stream ", i);
      agree(live.stream->dropped(), live.reader->dropped, "dropped() of stream ", i);
      if (!live.waiting) continue;
      agree(live.completed->has_value(), model_.ready(*live.reader), "the wait's end of stream ", i);
      if (!live.completed->has_value()) continue;
      agree(live.completed->value().value(), 0, "the wait's error of stream ", i);
      live.waiting = false;
    }
    if (seen_->live_event_with_id || !seen_->copy.id().empty()) throw Disagreement("a filter saw a live event's id");
    if (seen_->replayed_event_without_id) throw Disagreement("a filter saw a replayed event without its id");
    for (const auto& [id, count] : added_) {
      agree(seen_->added[id], count, "connections added, of id ", id);
      agree(seen_->removed[id], count - (model_.find(id) != nullptr), "connections removed, of id ", id);
      std::size_t gaps = past_gaps_[id];
      for (const auto& reader : model_.readers) gaps += reader->id == id ? reader->gaps : 0;
      agree(seen_->gaps[id], gaps, "the observer's overflows of id ", id);
    }
    if (!manager_) return;
    agree(manager_->get_connection_count(), model_.count(), "get_connection_count()");
    const sse::ConnectionInfo info = manager_->get_connection_info();
    agree(info.active_connections, model_.count(), "active_connections");
    agree(info.connections.size(), model_.count(), "rows");
    agree(info.connection_ids.size(), model_.count(), "connection_ids");
    agree(info.max_queue_size, options_.max_queue_size, "max_queue_size");
    for (const sse::ConnectionRow& row : info.connections) {
      const Reader* reader = model_.find(row.connection_id);
      if (reader == nullptr) throw Disagreement("a row of " + row.connection_id);
      agree(row.request_id, reader->request_id, "request_id of ", row.connection_id);
      agree(row.queued, model_.queued(*reader), "queued of ", row.connection_id);
      agree(row.dropped, reader->dropped, "dropped of ", row.connection_id);
    }
  }

  std::mt19937_64 random_;
  std::size_t steps_, most_streams_, ids_;  // many connections with one topic meet in a shard
  sse::Options options_;
  Model model_;
  asio::io_context io_;
  std::optional<EventManager> manager_;
  std::vector<Live> streams_;
  std::map<std::string, std::size_t> added_, past_gaps_;  // by connection id
  std::shared_ptr<Seen> seen_ = std::make_shared<Seen>();
  std::map<int, sse::SharedFilter> shared_filters_;  // by their number
  int number_ = 0;
  std::string log_;
};

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::stoull(text);
}

TEST_CASE("random sequences of every operation do what a plain model of the contract does") {
  const std::uint64_t first = from_environment("SSE_MODEL_SEED", 1),
                      count = from_environment("SSE_MODEL_SEEDS", first != 1  ? 1
                                                                  : sanitized ? 500
                                                                              : 3000);
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    Run run(seed, seed % 10 == 0 ? 500 : 50);
    try {
      run.go();
    } catch (const std::exception& failure) {
      FAIL("SSE_MODEL_SEED=" << seed << "\n" << run.log() << failure.what());
    }
  }
  SUCCEED();
}

}  // namespace
}  // namespace sse_test
