// SPDX-License-Identifier: MIT
// Publishes an event: encodes it, gives it the next id, keeps it in the history and delivers it.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "sse/detail/base/mutex.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/thread_annotations.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/history/history.hpp"
#include "sse/detail/hub/admission.hpp"
#include "sse/detail/hub/chains.hpp"
#include "sse/detail/hub/notifier.hpp"
#include "sse/detail/hub/shard.hpp"
#include "sse/detail/log/log_driver.hpp"
#include "sse/event.hpp"
#include "sse/options.hpp"
#include "sse/stats.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Publishes the events of a manager, one at a time, so that every connection sees the same order. Thread-safe.
class Publisher {
 public:
  /// `chains`: the compressors of the events. Null: there are none.
  Publisher(const Options& options, ShardMap& shards, Admission& admission, Notifier& notifier, Chains* chains)
      : options_(options),
        shards_(shards),
        admission_(admission),
        notifier_(notifier),
        chains_(chains),
        history_(options.history_size, options.history_bytes, options.log != nullptr) {}

  /// From now on events get their place from the log. Called before any event is published.
  void set_log(std::shared_ptr<LogDriver> log) noexcept { log_ = std::move(log); }
  /// Null: there is no log.
  LogDriver* log() const noexcept { return log_.get(); }

  /// Encodes an event by `make(const EncodeOptions&)` and publishes it. Returns the number of connections that it
  /// reached. `make` is not called for an event that no connection would get.
  template <class Make>
  std::size_t encode_and_publish(std::string_view type, const EmitOptions& settings, Make&& make) {
    if (!begin_emit(settings)) return 0;
    const EncodeOptions form = form_of(settings);
    return publish(encode(form, make, [&](const std::string& what) { fail(type, form, what); }));
  }
  /// Encodes an event and delivers it to one connection. False: no connection has that id.
  template <class Make>
  bool encode_and_send(std::string_view connection_id, std::string_view type, Make&& make) {
    EmitOptions transient;
    transient.transient = true;
    const EncodeOptions form = form_of(transient);
    const auto fail_one = [&](const std::string& what) {
      count_failure(type, what);
      send(connection_id, encode_failure(form));
    };
    return send(connection_id, encode(form, make, fail_one));
  }

  /// Gives `event` its id and keeps it, if it has room for an id, and delivers it to the connections that want it.
  /// Returns their number. With a log it only goes into the outbox, and is delivered when it has been read from the
  /// log.
  std::size_t publish(Event event);
  /// Delivers an event that has no place in the history.
  std::size_t publish_transient(Event event);
  /// Asks the filters, gives the event its place by `place(Event&)` under the order mutex, and fans it out. Returns the
  /// number of connections that it reached. False from `place`: no connection gets it.
  template <class Place>
  std::size_t deliver(Event event, Place&& place);
  /// Delivers an event to one connection. False: no connection has that id.
  bool deliver_to(std::string_view connection_id, const Event& event);

  bool keeps_history() const noexcept { return options_.history_size != 0; }
  History& history() noexcept { return history_; }

  /// The order mutex. Held while an event is kept and fanned out.
  Mutex& order() noexcept SSE_RETURN_CAPABILITY(order_) { return order_; }
  /// Tells the emitters that a connection's filter begins to see events or other events than before.
  void count_filter() noexcept SSE_REQUIRES(order_) { ++filters_added_; }

  void add_to(Stats& stats) const noexcept;

 private:
  /// True: the event goes into the log, and connections of other processes may want it.
  bool goes_to_log(bool is_transient) const noexcept { return log_ && (!is_transient || log_->shares_transient()); }
  /// Counts an event. False: no connection would get it.
  bool begin_emit(const EmitOptions& settings);
  EncodeOptions form_of(const EmitOptions& settings) const noexcept;
  /// Calls `make`. If it throws, calls `on_failure(what)` and rethrows.
  template <class Make, class OnFailure>
  Event encode(const EncodeOptions& form, Make&& make, OnFailure&& on_failure) const {
    try {
      Event event = make(form);
      check_size(event);
      return event;
    } catch (const std::exception& error) {
      on_failure(error.what());
      throw;
    } catch (...) {
      on_failure("not a std::exception");
      throw;
    }
  }
  void check_size(const Event& event) const;
  void count_failure(std::string_view type, const std::string& what) noexcept;
  Event encode_failure(EncodeOptions form) const;
  void fail(std::string_view type, const EncodeOptions& form, const std::string& what);
  std::size_t publish_to_log(Event event);
  bool send(std::string_view connection_id, const Event& event);
  /// The number of connections that want the events of a topic.
  std::size_t count_wanting(std::string_view topic);

  const Options& options_;  ///< Immutable.
  ShardMap& shards_;
  Admission& admission_;
  Notifier& notifier_;
  Chains* const chains_;  ///< Immutable. Null: there is no compression.
  Mutex order_;           ///< Locked before a shard's mutex.
  History history_;
  std::shared_ptr<LogDriver> log_;  ///< Immutable once events are published.
  /// Written under order_, when a filter begins to see events or other events than before.
  std::atomic<std::uint64_t> filters_added_{0};
  std::atomic<std::uint64_t> emitted_{0}, sent_{0}, format_failures_{0};
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/hub/publisher.ipp"
#endif
