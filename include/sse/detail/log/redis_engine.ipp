// SPDX-License-Identifier: MIT
// The bodies of RedisEngine: connecting, then appending, then reading.

#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/detail/base/random.hpp"
#include "sse/detail/log/redis_connection.ipp"
#include "sse/detail/log/redis_engine.hpp"
#include "sse/detail/log/redis_script.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL std::optional<RedisEntry> RedisEntry::parse(const RedisReply& reply) noexcept {
  if (!reply.is_array() || reply.elements.size() != 2 || !reply.elements[0]->is_text()) return std::nullopt;
  const std::optional<EventId> id = parse_event_id(reply.elements[0]->text);
  if (!id) return std::nullopt;
  RedisEntry entry;
  entry.id = *id;
  const std::vector<const RedisReply*>& fields = reply.elements[1]->elements;
  if (fields.size() != 10) return entry;
  const auto is_name = [&](std::size_t at, std::string_view name) { return fields[at]->text == name; };
  if (!is_name(0, "sse") || !is_name(2, "type") || !is_name(4, "topic") || !is_name(6, "key") || !is_name(8, "data")) {
    return entry;
  }
  const std::string& flag = fields[1]->text;
  entry.is_loss = flag == "l";
  entry.is_message = flag.starts_with('m');
  entry.is_ours = entry.is_loss || entry.is_message || flag.starts_with('e');
  if (flag.size() > 1)
    entry.is_ours = entry.is_ours && parse_number(std::string_view(flag).substr(1), entry.transients);
  entry.type = fields[3]->text;
  entry.topic = fields[5]->text;
  entry.key = fields[7]->text;
  entry.data = fields[9]->text;
  return entry;
}

SSE_DECL std::optional<RedisTransient> RedisTransient::parse(const RedisReply& reply) {
  if (!reply.is_array() || reply.elements.size() != 2 || !reply.elements[0]->is_text()) return std::nullopt;
  const std::vector<const RedisReply*>& fields = reply.elements[1]->elements;
  if (fields.size() != 14) return std::nullopt;
  LoggedEvent event;
  event.is_transient = true;
  event.is_message = fields[1]->text == "M";
  event.type = fields[7]->text;
  event.topic = fields[9]->text;
  event.key = fields[11]->text;
  event.data = fields[13]->text;
  std::uint64_t ordinal = 0;
  if (fields[0]->text != "sse" || !parse_number(fields[3]->text, event.n) || !parse_number(fields[5]->text, ordinal))
    return std::nullopt;
  return RedisTransient{ordinal, KeptEvent(event)};
}

SSE_DECL LoggedEvent RedisEntry::event() const noexcept {
  LoggedEvent event;
  event.stamp = id.start;
  event.n = id.n;
  event.is_message = is_message;
  event.type = type;
  event.topic = topic;
  event.key = key;
  event.data = data;
  return event;
}

/// A key in the stream's slot of a cluster.
inline std::string redis_key_beside(const std::string& key, const std::string& suffix) {
  const std::size_t open = key.find('{'), close = key.find('}', open);
  const bool has_tag = open != key.npos && close != key.npos && close > open + 1;
  return (has_tag ? key : '{' + key + '}') + suffix;
}

inline std::string redis_origin_key(const std::string& key) {
  const auto bits = random_bits();
  return redis_key_beside(key, ":origin:" + std::to_string(bits[0]) + std::to_string(bits[1]));
}

SSE_DECL RedisEngine::RedisEngine(RedisLogOptions options)
    : options_(std::move(options)),
      target_(options_),
      tls_(target_.tls ? std::make_unique<RedisTls>(options_, target_.name) : nullptr),
      origin_key_(redis_origin_key(options_.key)),
      transient_key_(redis_key_beside(options_.key, ":transient")),
      writer_(options_, target_.name),
      reader_(options_, target_.name),
      max_events_(std::max<std::size_t>(options_.max_events, 1)) {}

/// Calls the function with the connection. Where a connection of an earlier call turns out to be closed, it does so
/// once more: the server may have closed an idle one.
template <class Function>
auto RedisEngine::call(RedisConnection& connection, Function function) {
  const SigpipeBlock block;
  const bool was_connected = static_cast<bool>(connection);
  try {
    return function();
  } catch (const RedisBroken&) {
    if (!was_connected) throw;
  } catch (const RedisTooLarge&) {
    if (&connection == &reader_) count_ = std::max<std::size_t>(count_ / 8, 1);
    throw;
  }
  return function();
}

/// Sees to it that the connection is one to the server that takes events.
SSE_DECL void RedisEngine::attend(RedisConnection& connection) {
  if (connection) return;
  std::optional<RedisAddress> address = connection.take_moved();
  if (!address) address = target_.sentinels.empty() ? target_.address : ask_sentinels(connection);
  connection.connect(*address, tls_.get());
  log_in(connection, target_.user, target_.password, false);
  if (target_.database != 0) connection.call({"SELECT", std::to_string(target_.database)});
  check_role(connection);
  if (&connection == &writer_) fresh_writer_ = true;
  if (&connection == &reader_) reader_is_checked_ = read_is_pending_ = false;
}

SSE_DECL void RedisEngine::log_in(RedisConnection& connection, const std::string& user, const std::string& password,
                                  bool is_sentinel) {
  if (password.empty() && user.empty()) return;
  if (user.empty()) {
    connection.send({"AUTH", password});
  } else {
    connection.send({"AUTH", user, password});
  }
  const RedisReply& reply = connection.receive();
  if (!reply.is_error()) return;
  // The server's text may quote the command's words.
  const std::string code = reply.text.substr(0, reply.text.find(' '));
  const bool may_pass = RedisFault(reply.text).may_pass;
  connection.disconnect();
  throw LogError("sse: " + target_.name + ": " + code + " the " + (is_sentinel ? "sentinel" : "server") +
                     " does not take the user and password",
                 may_pass);
}

/// Asks whether the server is one that takes events. A user without the right to ask is not refused.
SSE_DECL void RedisEngine::check_role(RedisConnection& connection) {
  connection.send({"ROLE"});
  const RedisReply& reply = connection.receive();
  if (reply.is_error()) {
    if (reply.text.starts_with("NOPERM ") || reply.text.starts_with("ERR unknown command")) return;
    connection.check(reply);
  }
  if (!reply.is_array() || reply.elements.empty() || !reply.elements[0]->is_text()) connection.refuse_reply();
  if (reply.elements[0]->text == "master") return;
  const std::string role = reply.elements[0]->text.substr(0, 100);
  connection.disconnect();
  throw LogError("sse: " + target_.name + ": READONLY the server's role is " + role + ", not master", true);
}

SSE_DECL RedisAddress RedisEngine::ask_sentinels(RedisConnection& connection) {
  std::string reasons;
  for (const RedisAddress& sentinel : target_.sentinels) {
    try {
      connection.connect(sentinel, tls_.get());
      log_in(connection, options_.sentinel_user, options_.sentinel_password, true);
      const RedisReply& reply = connection.call({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", options_.master_name});
      std::uint64_t port = 0;
      if (reply.is_array() && reply.elements.size() == 2 && parse_number(reply.elements[1]->text, port) &&
          port < 65536) {
        RedisAddress address;
        address.host = reply.elements[0]->text;
        address.port = static_cast<int>(port);
        return address;
      }
      reasons += "; the sentinel " + sentinel.text() + " does not know the name";
    } catch (const LogError& error) {
      reasons += std::string("; ") + error.what();
    }
  }
  connection.disconnect();
  throw LogError("sse: " + target_.name + ": no sentinel names a server" + reasons, true);
}

// Appending

SSE_DECL RedisEngine::Acknowledged RedisEngine::acknowledged() const {
  const std::lock_guard guard(mutex_);
  return acknowledged_;
}

/// Takes the script's answer.
SSE_DECL void RedisEngine::note_acknowledged(std::string_view answer, std::uint64_t number) {
  const std::size_t space = std::min(answer.find(' '), answer.size());
  const EventId last = parse_event_id(answer.substr(0, space)).value_or(EventId{});
  std::uint64_t count = 0;
  parse_number(answer.substr(std::min(space + 1, answer.size())), count);
  const std::lock_guard guard(mutex_);
  acknowledged_.number = std::max(acknowledged_.number, number);
  if (count < acknowledged_.count) return;  // the other thread has a newer answer
  acknowledged_.count = count;
  if (last.n > 0) acknowledged_.last = last;
}

inline std::string_view redis_flag_of(const LoggedEvent& event) noexcept {
  if (event.is_transient) return event.is_message ? "M" : "E";
  return event.is_message ? "m" : "e";
}

/// Runs the script on the server, which keeps it under its name after the first time. The answer is valid until the
/// connection's next reply.
SSE_DECL std::string_view RedisEngine::run_script(RedisConnection& connection, std::span<const LoggedEvent> events,
                                                  std::uint64_t number, WakePipe* wake) {
  const Acknowledged before = acknowledged();
  std::size_t keep = 0;
  {
    const std::lock_guard guard(mutex_);
    keep = max_events_;
  }
  // A server that has lost its newest events and whose clock was set back must not give a lost event's id again.
  const std::uint64_t jump = events.empty() || fresh_writer_ ? 1 + random_bits()[0] % 1000 : 0;
  const std::string number_text = std::to_string(number), count = std::to_string(before.count),
                    lifetime = std::to_string(std::max<std::int64_t>(options_.origin_lifetime.count(), 1)),
                    keep_text = std::to_string(keep), jump_text = std::to_string(jump);
  std::vector<std::string_view> words{"EVALSHA",   redis_append_sha1, "3",         options_.key,
                                      origin_key_, transient_key_,    number_text, count,
                                      lifetime,    keep_text,         jump_text};
  words.reserve(words.size() + 5 * events.size());
  for (const LoggedEvent& event : events) {
    words.insert(words.end(), {redis_flag_of(event), event.type, event.topic, event.key, event.data});
  }
  connection.send(words);
  const RedisReply* reply = &connection.receive(wake);
  if (reply->is_error() && reply->text.starts_with("NOSCRIPT ")) {
    words[0] = "EVAL";
    words[1] = redis_append_script;
    connection.send(words);
    reply = &connection.receive(wake);
  }
  connection.check(*reply);
  if (!reply->is_text()) connection.refuse_reply();
  return reply->text;
}

SSE_DECL void RedisEngine::append(std::span<const LoggedEvent> events, std::uint64_t number) {
  if (events.empty() || number <= acknowledged().number) return;
  wake_writer_.take();  // an interrupt of an earlier call
  call(writer_, [&] {
    attend(writer_);
    const std::string_view answer = run_script(writer_, events, number, &wake_writer_);
    fresh_writer_ = false;
    note_acknowledged(answer, number);
  });
}

SSE_DECL void RedisEngine::interrupt() noexcept {
  wake_writer_.set();
  wake_reader_.set();
}

// Reading

/// Connects the reader. Then the server is asked for the events of this object that it has acknowledged; if some are
/// lost, the script says so in the stream.
SSE_DECL void RedisEngine::attend_reader() {
  attend(reader_);
  if (reader_is_checked_ || acknowledged().count == 0) return;
  note_acknowledged(run_script(reader_, {}, 0, nullptr), 0);
}

SSE_DECL RedisEntry RedisEngine::entry_of(const RedisReply* reply) {
  const std::optional<RedisEntry> entry = reply ? RedisEntry::parse(*reply) : std::nullopt;
  if (!entry) reader_.refuse_reply();
  return *entry;
}

/// The entries up to this id, the newest first.
SSE_DECL const RedisReply& RedisEngine::entries_before(std::string_view id, std::size_t count) {
  const RedisReply& reply = reader_.call({"XREVRANGE", options_.key, id, "-", "COUNT", std::to_string(count)}, nullptr);
  if (!reply.is_array()) reader_.refuse_reply();
  return reply;
}

/// Chooses how many entries the next command asks for, by the size of the last ones.
SSE_DECL void RedisEngine::adapt_count(std::size_t entries, std::size_t bytes) noexcept {
  if (entries == 0) return;
  count_ = std::clamp<std::size_t>(bytes_per_read / std::max<std::size_t>(bytes / entries, 1), 1, entries_per_read);
}

SSE_DECL std::string RedisEngine::foreign_note(std::size_t foreign) const {
  if (foreign == 0) return {};
  return "sse: " + target_.name + ": " + std::to_string(foreign) + " entries of the stream " + options_.key +
         " are no events and were skipped";
}

SSE_DECL RedisEngine::Newest RedisEngine::find_newest(std::size_t history) {
  Newest found;
  std::uint64_t next = 0;  // the n of the last one seen
  bool done = false;
  for (std::string from = "+"; !done;) {
    const std::size_t count = std::max<std::size_t>(std::min(count_, history + 1), 2);
    const RedisReply& reply = entries_before(from, count);
    std::size_t bytes = 0;
    for (std::size_t i = from == "+" ? 0 : 1; i < reply.elements.size(); ++i) {
      const RedisEntry entry = entry_of(reply.elements[i]);
      bytes += entry.bytes();
      found.last = std::max(found.last, entry.id);
      from = to_string(entry.id);
      if (!entry.is_ours) {
        ++found.foreign;
        continue;
      }
      if (found.tail == 0) found.tail = entry.id.n;
      done = found.events.size() >= history || entry.is_loss || (next != 0 && entry.id.n + 1 != next);
      if (done) break;
      next = entry.id.n;
      found.events.emplace_back(entry.event());
    }
    adapt_count(reply.elements.size(), bytes);
    done = done || reply.elements.size() < count;
  }
  return found;
}

SSE_DECL LogBegin RedisEngine::open(std::size_t history, const EventLog::Take& take) {
  {
    const std::lock_guard guard(mutex_);
    max_events_ = std::max({max_events_, options_.max_events, history});
  }
  const Newest found = call(reader_, [&] {
    if (read_is_pending_) reader_.disconnect();
    attend_reader();
    find_transients();
    return find_newest(history);
  });
  for (auto event = found.events.rbegin(); event != found.events.rend(); ++event) take(event->view());
  cursor_ = found.tail;
  position_ = found.last;
  reader_is_checked_ = true;
  {
    const std::lock_guard guard(mutex_);
    if (found.last < acknowledged_.last) acknowledged_.last = found.last;
  }
  LogBegin begin;
  begin.created = found.last == EventId{};
  begin.tail = found.tail;
  begin.note = foreign_note(found.foreign);
  return begin;
}

/// Goes to the end of the stream of transient events.
SSE_DECL void RedisEngine::find_transients() {
  held_.clear();
  asks_for_transients_ = false;
  transient_position_ = "0-0";
  ordinal_ = 0;
  const RedisReply& reply = reader_.call({"XREVRANGE", transient_key_, "+", "-", "COUNT", "1"}, nullptr);
  if (!reply.is_array()) reader_.refuse_reply();
  if (reply.elements.empty()) return;
  const RedisReply& newest = *reply.elements[0];
  if (!newest.is_array() || newest.elements.size() != 2 || !newest.elements[0]->is_text()) reader_.refuse_reply();
  transient_position_ = newest.elements[0]->text;
  if (const auto found = RedisTransient::parse(newest)) ordinal_ = found->ordinal;
}

/// Looks whether the stream of transient events is still the one that was read so far. A new one is read from its
/// beginning, which may be of the millisecond of the last event that was read; of an older copy only what is added.
SSE_DECL void RedisEngine::attend_transients() {
  if (ordinal_ == 0) return;
  const RedisReply& reply = reader_.call({"XREVRANGE", transient_key_, "+", "-", "COUNT", "1"}, nullptr);
  if (!reply.is_array()) reader_.refuse_reply();
  const auto newest = reply.elements.empty() ? std::nullopt : RedisTransient::parse(*reply.elements[0]);
  if (newest && newest->ordinal >= ordinal_) return;
  const auto time_of = [](std::string_view id) {
    std::uint64_t time = 0;
    parse_number(id.substr(0, id.find('-')), time);
    return time;
  };
  const std::uint64_t last = time_of(transient_position_);
  ordinal_ = 0;
  if (!newest)
    transient_position_ = "0-0";
  else if (const std::string& top = reply.elements[0]->elements[0]->text; time_of(top) < last)
    transient_position_ = top;
  else
    transient_position_ = std::to_string(last - 1) + "-18446744073709551615";
}

/// Holds the transient events of a reply until those before them are given.
SSE_DECL void RedisEngine::hold(const RedisReply& entries, LogRead& result) {
  for (const RedisReply* const reply : entries.elements) {
    if (!reply->is_array() || reply->elements.size() != 2 || !reply->elements[0]->is_text()) reader_.refuse_reply();
    std::optional<RedisTransient> found = RedisTransient::parse(*reply);
    transient_position_ = reply->elements[0]->text;
    if (!found) continue;
    if (ordinal_ != 0 && found->ordinal > ordinal_ + 1) result.lost_transient += found->ordinal - ordinal_ - 1;
    ordinal_ = found->ordinal;
    held_.push_back(*std::move(found));
  }
}

/// Gives the held events that come before the event `up_to` + 1.
SSE_DECL void RedisEngine::give_held(std::uint64_t up_to, const EventLog::Take& take) {
  while (!held_.empty() && held_.front().event.n <= up_to) {
    const RedisTransient next = std::move(held_.front());
    held_.pop_front();
    take(next.event.view());
  }
}

SSE_DECL LogRead RedisEngine::read(std::uint64_t after, std::chrono::milliseconds wait, const EventLog::Take& take) {
  return call(reader_, [&] { return read_once(after, wait, take); });
}

SSE_DECL LogRead RedisEngine::read_once(std::uint64_t after, std::chrono::milliseconds wait,
                                        const EventLog::Take& take) {
  LogRead result;
  // The server answers a read that waits for events before it takes another command.
  if (!held_.empty() || asks_for_transients_) wait = wait.zero();
  if (read_is_pending_ && (wait <= wait.zero() || after != cursor_)) reader_.disconnect();
  attend_reader();
  if (after != cursor_ && !seek(after)) {
    result.lost.reset();
    return result;
  }
  if (!reader_is_checked_) {
    if (is_rewritten(result.note)) {
      result.lost.reset();
      return result;
    }
    reader_is_checked_ = true;
  }
  const std::size_t count = count_;
  const RedisReply* const reply = receive_entries(wait);
  result.tail = cursor_;
  if (!reply) return result;
  const RedisReply none(REDIS_REPLY_ARRAY);
  const RedisReply *entries = &none, *transients = &none;
  if (!reply->is_nil()) {
    if (!reply->is_array()) reader_.refuse_reply();
    for (const RedisReply* const stream : reply->elements) {
      if (!stream->is_array() || stream->elements.size() != 2 || !stream->elements[1]->is_array())
        reader_.refuse_reply();
      (stream->elements[0]->text == transient_key_ ? transients : entries) = stream->elements[1];
    }
  }
  if (reply->is_nil() && held_.empty() && !asks_for_transients_) {
    if (is_rewritten(result.note))
      result.lost.reset();
    else
      attend_transients();
    return result;
  }
  const bool is_last = entries->elements.size() < count, has_all_transients = transients->elements.size() < count;
  hold(*transients, result);
  // The server was asked for both streams, and has no such transient event any more.
  if (std::exchange(asks_for_transients_, false) && has_all_transients && !entries->elements.empty())
    ordinal_ = std::max(ordinal_, entry_of(entries->elements[0]).transients);
  // After a wait the reply is of one stream only, and the other may have more; without one it has all.
  give(*entries, is_last && wait <= wait.zero(), take, result);
  if (!is_last) result.tail = std::max(result.tail, newest_number());
  if (!has_all_transients || !held_.empty() || asks_for_transients_) result.tail = std::max(result.tail, cursor_ + 1);
  return result;
}

/// Asks for the entries after the position. Null: the call was interrupted, or the reply to an earlier call's question
/// does not come in time.
SSE_DECL const RedisReply* RedisEngine::receive_entries(std::chrono::milliseconds wait) {
  if (wake_reader_.take()) wait = wait.zero();
  wait = std::min(wait, std::max(options_.block, std::chrono::milliseconds(1)));
  const auto now = RedisConnection::Clock::now();
  auto deadline = now + wait;
  if (!read_is_pending_) {
    const std::string count = std::to_string(count_), block = std::to_string(wait.count()), id = to_string(position_);
    if (wait > wait.zero()) {
      reader_.send(
          {"XREAD", "COUNT", count, "BLOCK", block, "STREAMS", options_.key, transient_key_, id, transient_position_});
    } else {
      if (held_.empty())
        reader_.send({"XREAD", "COUNT", count, "STREAMS", options_.key, transient_key_, id, transient_position_});
      else
        reader_.send({"XREAD", "COUNT", count, "STREAMS", options_.key, id});
      return &reader_.check(reader_.receive());
    }
    read_is_pending_ = true;
    deadline = read_deadline_ = now + wait + options_.reply_timeout;
  }
  const RedisReply* const reply = reader_.receive_until(deadline, &wake_reader_);
  if (reply) {
    read_is_pending_ = false;
    return &reader_.check(*reply);
  }
  if (wake_reader_.take() || RedisConnection::Clock::now() < read_deadline_) return nullptr;
  reader_.disconnect();
  throw LogError("sse: " + target_.name + ": no reply within " + std::to_string(options_.reply_timeout.count()) +
                     " ms after the time that the server was to wait",
                 true);
}

/// Gives the events up to a hole, and the held transient ones between them; with `is_last` also all behind them.
SSE_DECL void RedisEngine::give(const RedisReply& entries, bool is_last, const EventLog::Take& take, LogRead& result) {
  const EventId last = entries.elements.empty() ? position_ : entry_of(entries.elements.back()).id;
  std::size_t foreign = 0, bytes = 0, given = 0;
  for (const RedisReply* const reply : entries.elements) {
    const RedisEntry entry = entry_of(reply);
    if (!entry.is_ours) {
      ++foreign;
      position_ = entry.id;
      continue;
    }
    const std::uint64_t first = entry.is_loss ? cursor_ : cursor_ + 1;
    if (entry.id.n < first) {
      if (given == 0) {
        result.lost.reset();
        result.note = "sse: " + target_.name + ": the entry " + to_string(entry.id) + " follows on " +
                      to_string(position_) + ": the stream was rewritten";
      }
      break;
    }
    const std::uint64_t lost = entry.id.n - first;
    result.tail = std::max(result.tail, entry.id.n);
    if (lost > 0 && given > 0) break;
    give_held(entry.id.n - 1, take);
    if (entry.transients > ordinal_) {
      asks_for_transients_ = true;
      break;
    }
    if (!entry.is_loss) {
      take(entry.event());
      ++given;
    }
    *result.lost += lost;
    bytes += entry.bytes();
    cursor_ = entry.id.n;
    position_ = entry.id;
  }
  if (result.lost) give_held(is_last && position_ == last ? std::numeric_limits<std::uint64_t>::max() : cursor_, take);
  adapt_count(entries.elements.size(), bytes);
  if (result.lost) result.note = foreign_note(foreign);
}

/// The newest event's number; 0: not known. What was given counts, so a failure here is left to the next call.
SSE_DECL std::uint64_t RedisEngine::newest_number() noexcept {
  try {
    const RedisReply& reply = entries_before("+", 1);
    if (reply.elements.empty()) return 0;
    const RedisEntry entry = entry_of(reply.elements[0]);
    return entry.is_ours ? entry.id.n : 0;
  } catch (const std::exception&) {
    return 0;
  }
}

/// Compares the stream's newest entry with the last one read and the last one acknowledged, and looks whether the
/// server still takes events: a server that was emptied or demoted would let a reader wait for ever.
SSE_DECL bool RedisEngine::is_rewritten(std::string& note) {
  const EventId known = std::max(position_, acknowledged().last);
  check_role(reader_);
  const RedisReply& reply = entries_before("+", 1);
  const EventId newest = reply.elements.empty() ? EventId{} : entry_of(reply.elements[0]).id;
  if (newest >= known) return false;
  note = "sse: " + target_.name + ": the stream's newest entry is " + to_string(newest) + ", but " + to_string(known) +
         " was known: the server has lost events";
  return true;
}

/// Goes to a place that is not that of the last read. False: the stream ends before it.
SSE_DECL bool RedisEngine::seek(std::uint64_t after) {
  std::size_t seen = 0;
  for (std::string from = "+"; after != 0;) {
    const std::size_t count = std::max<std::size_t>(count_, 2);
    const RedisReply& reply = entries_before(from, count);
    for (std::size_t i = from == "+" ? 0 : 1; i < reply.elements.size(); ++i) {
      const RedisEntry entry = entry_of(reply.elements[i]);
      from = to_string(entry.id);
      if (!entry.is_ours) continue;
      if (entry.id.n < after && seen == 0) return false;
      ++seen;
      if (entry.id.n > after) continue;
      cursor_ = after;
      position_ = entry.id;
      return true;
    }
    if (reply.elements.size() >= count) continue;
    if (seen == 0) return false;
    break;
  }
  cursor_ = after;
  position_ = EventId{};
  return true;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
