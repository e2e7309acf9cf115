#pragma once

#include <atomic>
#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/event.hpp"
#include "sse/ring_buffer.hpp"

#if defined(__GNUC__) && \
    !defined(__clang__)  // g++ 12 takes Asio's own new and delete of a coroutine's frame for a mismatch
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace sse {
namespace detail {

class Connection;

/// The connections that wait on one execution context. When the context is destroyed, their waits are destroyed with
/// it: a wait owns its coroutine, which owns its stream, which owns the wait, and nothing else would break that circle.
class WaitRegistry {
 public:
  void join(Connection& connection) {
    const std::lock_guard lock(mutex_);
    connections_.insert(&connection);
  }
  void leave(Connection& connection) noexcept {
    const std::lock_guard lock(mutex_);
    connections_.erase(&connection);
  }

  /// Between these two a completion is on its way to the context, which is kept from going away meanwhile.
  void begin_completion() noexcept { completions_.fetch_add(1, std::memory_order_relaxed); }
  void end_completion() noexcept {
    if (completions_.fetch_sub(1) != 1 || !stopping_.load()) return;
    const std::lock_guard lock(mutex_);
    completed_.notify_all();
  }

  void shut_down() noexcept;

 private:
  std::mutex mutex_;
  std::condition_variable completed_;
  std::unordered_set<Connection*> connections_;
  std::atomic<std::size_t> completions_{0};
  std::atomic<bool> stopping_{false};
};

class WaitService : public asio::execution_context::service {
 public:
  using key_type = WaitService;
  static inline asio::execution_context::id id;

  explicit WaitService(asio::execution_context& context) : service(context) {}
  void shutdown() noexcept override { registry->shut_down(); }

  const std::shared_ptr<WaitRegistry> registry = std::make_shared<WaitRegistry>();
};

/// A pending wait, whatever its completion token. Not virtual, so that an operation can free its memory before it
/// completes.
class Waiter {
 public:
  /// Completes the wait; a null error destroys it uncalled. Either way the waiter is gone.
  using Finish = void (*)(Waiter*, const error_code*);

  std::uint64_t key = 0;
  std::shared_ptr<WaitRegistry> registry;
  Waiter* next = nullptr;

  void complete(error_code error) noexcept {
    const std::shared_ptr<WaitRegistry> context = std::move(registry);
    try {
      finish_(this, &error);
    } catch (...) {  // no memory to post with: the handler has been destroyed, and the emitter is not to blame
    }
    if (context) context->end_completion();
  }
  void destroy() noexcept { finish_(this, nullptr); }

 protected:
  explicit Waiter(Finish finish) noexcept : finish_(finish) {}
  ~Waiter() = default;

 private:
  Finish finish_;
};

/// Waiters that were taken off their connections under a lock, to be completed after it.
class Wakeups {
 public:
  Wakeups() = default;
  Wakeups(const Wakeups&) = delete;
  Wakeups& operator=(const Wakeups&) = delete;
  ~Wakeups() { complete({}); }

  void add(Waiter* waiter) noexcept {
    if (!waiter) return;
    *last_ = waiter;
    last_ = &waiter->next;
  }
  void complete(error_code error) noexcept {
    for (Waiter* waiter = take(); waiter;) {
      Waiter* const next = waiter->next;
      waiter->complete(error);
      waiter = next;
    }
  }
  Waiter* take() noexcept {
    last_ = &first_;
    return std::exchange(first_, nullptr);
  }

 private:
  Waiter* first_ = nullptr;
  Waiter** last_ = &first_;
};

/// One part of a manager's map, with the lock of its connections.
struct Shard {
  std::mutex mutex;
  std::vector<Connection*> connections;
  std::unordered_map<std::string_view, Connection*> by_id;
  std::atomic<std::size_t>* total = nullptr;  ///< connections of all shards

  /// Called without the lock, once for each connection, after it has left the map.
  virtual void on_removed(const Connection& connection, std::string_view reason) noexcept = 0;

 protected:
  Shard() = default;
  ~Shard() = default;
};

/// The shared state of a stream. Everything below `shard` is guarded by the shard's mutex.
class Connection {
 public:
  Connection(std::shared_ptr<Shard> home, std::string id, std::string request, std::size_t queue_size)
      : connection_id(std::move(id)), request_id(std::move(request)), shard(std::move(home)), ring(queue_size) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { leave_registry(); }

  const std::string connection_id, request_id;
  const std::shared_ptr<Shard> shard;

  RingBuffer<Event> ring;
  Event front;  ///< read before the ring: the `connection` event, or the event after a notice that has been read
  Event back;   ///< read after the ring: the `disconnect` event
  std::size_t gap = 0;         ///< events lost since the last notice
  std::size_t dropped = 0;     ///< events lost in all
  std::uint64_t last_key = 0;  ///< names a wait; used by the reader alone
  std::size_t index = 0;       ///< place in the shard's vector
  bool open = true;            ///< in the map: events still arrive
  bool announce = true;
  bool named = false;

  bool something_waits() const noexcept { return !front.empty() || !ring.empty() || !back.empty(); }

  bool done() const noexcept { return !open && !something_waits(); }

  /// The next event, or an empty one. After a notice the event that it stands before leaves the ring, so that a reader
  /// that is slower than the emitter gets events and not notices alone.
  Event take() {
    if (!front.empty()) return std::exchange(front, Event());
    if (ring.empty()) return std::exchange(back, Event());
    if (gap == 0) return ring.pop();
    Event notice = encode_notice("overflow", named, "Events were dropped because this connection reads too slowly",
                                 ",\"dropped\":" + std::to_string(gap));
    gap = 0;
    front = ring.pop();
    return notice;
  }

  /// True: this is the first event of a gap.
  bool push(const Event& event, Wakeups& wakeups) {
    const bool lost = ring.push(event);
    wakeups.add(take_waiter());
    if (!lost) return false;
    ++dropped;
    return gap++ == 0;
  }

  Waiter* take_waiter() noexcept {
    if (waiter_ && waiter_->registry) waiter_->registry->begin_completion();
    return std::exchange(waiter_, nullptr);
  }
  Waiter* take_waiter(std::uint64_t key) noexcept { return waiter_ && waiter_->key == key ? take_waiter() : nullptr; }

  /// Takes the connection off the map; false: it was off already. `keep_place`: for the one that replaces it.
  bool leave_map(bool keep_place = false) noexcept {
    if (!open) return false;
    open = false;
    auto& connections = shard->connections;
    connections[index] = connections.back();
    connections[index]->index = index;
    connections.pop_back();
    shard->by_id.erase(connection_id);
    if (!keep_place) shard->total->fetch_sub(1);
    return true;
  }

  /// Called without the lock. Discards what waits and ends the stream.
  void close(std::string_view reason, error_code wait_result) noexcept {
    bool removed = false;
    Wakeups wakeups;
    {
      const std::lock_guard lock(shard->mutex);
      removed = leave_map();
      ring.clear();
      front = back = Event();
      gap = 0;
      wakeups.add(take_waiter());
    }
    wakeups.complete(wait_result);
    if (removed) shard->on_removed(*this, reason);
  }

  /// Called without the lock. Publishes `waiter`, whose handler runs on `context`, or completes it at once.
  void wait(Waiter* waiter, asio::execution_context* context) {
    for (;;) {
      std::optional<error_code> result;
      {
        const std::lock_guard lock(shard->mutex);
        if (something_waits() || !open) {
          result.emplace();
        } else if (waiter_) {
          result = asio::error::already_started;
        } else if (context == context_) {
          waiter->registry = registry_;
          waiter_ = waiter;
          return;
        }
      }
      if (result) return waiter->complete(*result);
      enter_registry(context);
    }
  }

  void drop_registry(Wakeups& wakeups) noexcept {
    const std::lock_guard lock(shard->mutex);
    wakeups.add(std::exchange(waiter_, nullptr));
    registry_.reset();
    context_ = nullptr;
  }

 private:
  void leave_registry() noexcept {
    std::shared_ptr<WaitRegistry> registry;
    {
      const std::lock_guard lock(shard->mutex);
      registry = std::move(registry_);
      context_ = nullptr;
    }
    if (registry) registry->leave(*this);
  }
  void enter_registry(asio::execution_context* context) {
    leave_registry();
    std::shared_ptr<WaitRegistry> registry;
    if (context) {
      registry = asio::use_service<WaitService>(*context).registry;
      registry->join(*this);
    }
    const std::lock_guard lock(shard->mutex);
    registry_ = std::move(registry);
    context_ = context;
  }

  Waiter* waiter_ = nullptr;
  std::shared_ptr<WaitRegistry> registry_;
  asio::execution_context* context_ = nullptr;
};

inline void WaitRegistry::shut_down() noexcept {
  Wakeups wakeups;
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    for (Connection* connection : connections_) connection->drop_registry(wakeups);
    connections_.clear();
    completed_.wait(lock, [&] { return completions_ == 0; });
  }
  for (Waiter* waiter = wakeups.take(); waiter;) {
    Waiter* const next = waiter->next;
    waiter->destroy();
    waiter = next;
  }
}

/// What is posted to the handler's executor; it passes the handler's allocator on.
template <class Handler>
struct Completion {
  using allocator_type = asio::associated_allocator_t<Handler>;
  allocator_type get_allocator() const noexcept { return asio::get_associated_allocator(handler); }
  void operator()() { std::move(handler)(error); }

  Handler handler;
  error_code error;
};

/// A pending wait of one handler. It holds tracked work for the handler's executor, so that the context stays alive.
template <class Handler>
class WaitOperation final : public Waiter {
  using Executor = asio::associated_executor_t<Handler, asio::system_executor>;
  using Tracked =
      std::decay_t<decltype(asio::prefer(std::declval<const Executor&>(), asio::execution::outstanding_work.tracked))>;
  using Allocator =
      typename std::allocator_traits<asio::associated_allocator_t<Handler>>::template rebind_alloc<WaitOperation>;
  using Traits = std::allocator_traits<Allocator>;

 public:
  static WaitOperation* make(Handler handler) {
    Allocator allocator(asio::get_associated_allocator(handler));
    WaitOperation* const memory = Traits::allocate(allocator, 1);
    try {
      return ::new (static_cast<void*>(memory)) WaitOperation(std::move(handler));
    } catch (...) {
      Traits::deallocate(allocator, memory, 1);
      throw;
    }
  }

  asio::execution_context* context() const {
    if constexpr (asio::can_query_v<const Tracked&, asio::execution::context_t>)
      return &static_cast<asio::execution_context&>(asio::query(executor_, asio::execution::context));
    else
      return nullptr;
  }

 private:
  explicit WaitOperation(Handler&& handler)
      : Waiter(&finish),
        executor_(asio::prefer(asio::get_associated_executor(handler, asio::system_executor()),
                               asio::execution::outstanding_work.tracked)),
        handler_(std::move(handler)) {}
  ~WaitOperation() = default;

  // The memory is given back before the handler runs, which may own what it was allocated from.
  static void finish(Waiter* waiter, const error_code* error) {
    auto* const self = static_cast<WaitOperation*>(waiter);
    const Tracked executor(std::move(self->executor_));
    Completion<Handler> completion{std::move(self->handler_), error ? *error : error_code()};
    Allocator allocator(completion.get_allocator());
    self->~WaitOperation();
    Traits::deallocate(allocator, self, 1);
    if (error) asio::post(executor, std::move(completion));
  }

  Tracked executor_;
  Handler handler_;
};

/// Cancels one wait, if it is still the one that waits. It owns nothing: the slot may keep it long after the stream is
/// gone.
struct WaitCanceller {
  std::weak_ptr<Connection> connection;
  std::uint64_t key;

  void operator()(asio::cancellation_type type) const noexcept {
    if (type == asio::cancellation_type::none) return;
    const std::shared_ptr<Connection> alive = connection.lock();
    if (!alive) return;
    Wakeups wakeups;
    {
      const std::lock_guard lock(alive->shard->mutex);
      wakeups.add(alive->take_waiter(key));
    }
    wakeups.complete(asio::error::operation_aborted);  // the resumed coroutine may destroy *this
  }
};

/// Starts a wait; a class and not a lambda because Asio asks an initiation for its executor, and with a constructor
/// because g++ 12 destroys an aggregate temporary in an awaited call twice.
class InitiateWait {
 public:
  using executor_type = asio::system_executor;
  executor_type get_executor() const noexcept { return {}; }

  explicit InitiateWait(std::shared_ptr<Connection> connection) noexcept : connection_(std::move(connection)) {}

  template <class Handler>
  void operator()(Handler&& handler) const {
    using Operation = WaitOperation<std::decay_t<Handler>>;
    auto slot = asio::get_associated_cancellation_slot(handler);
    Operation* const operation = Operation::make(std::forward<Handler>(handler));
    try {
      operation->key = ++connection_->last_key;
      if (slot.is_connected()) slot.template emplace<WaitCanceller>(WaitCanceller{connection_, operation->key});
      connection_->wait(operation, operation->context());
    } catch (...) {
      operation->destroy();
      throw;
    }
  }

 private:
  std::shared_ptr<Connection> connection_;
};

}  // namespace detail

/// One connection's events, as an awaitable generator. Move-only; its destruction removes the connection from its
/// manager. A stream may outlive its manager: it ends. A moved-from stream can only be destroyed or assigned to.
///
/// Thread safety: one thread or strand at a time; the manager's pushes come from any thread. One wait at a time.
class EventStream {
 public:
  EventStream(EventStream&&) noexcept = default;
  EventStream& operator=(EventStream&& other) noexcept {
    EventStream old(std::move(other));
    std::swap(connection_, old.connection_);
    return *this;
  }
  ~EventStream() {
    if (connection_) connection_->close("stream destroyed", asio::error::operation_aborted);
  }

  /// The generator's step: the next event, as soon as there is one; nullopt: the stream has ended.
  ///
  /// Errors, as sse::system_error: `asio::error::operation_aborted` when it is cancelled or the stream is destroyed
  /// meanwhile, `asio::error::already_started` when a wait is pending. Cancellation: terminal, partial and total; a
  /// cancelled step takes no event.
  asio::awaitable<std::optional<Event>> next() { return step(connection_); }

  /// Waits until an event waits or the stream has ended, and consumes nothing.
  ///
  /// Completion signature: `void(error_code)`; posted to the handler's associated executor (none:
  /// `asio::system_executor`), never run inside this call or `emit_event`. Errors: `already_started` when a wait is
  /// pending, `operation_aborted` when it is cancelled or the stream is destroyed; `close()` completes it with success.
  /// Cancellation: terminal, partial and total, to be emitted on the executor where the wait was started (Asio's rule
  /// for every operation). The pending wait is work for that executor.
  template <asio::completion_token_for<void(error_code)> CompletionToken>
  auto async_wait(CompletionToken&& token) {
    return asio::async_initiate<CompletionToken, void(error_code)>(detail::InitiateWait(connection_), token);
  }

  /// The next event at once; nullopt: nothing waits.
  std::optional<Event> try_next() {
    const std::lock_guard lock(connection_->shard->mutex);
    Event event = connection_->take();
    return event.empty() ? std::nullopt : std::optional<Event>(std::move(event));
  }

  /// Appends what waits, notices included, at most `max` events, and returns how many.
  std::size_t drain(std::vector<Event>& events, std::size_t max) {
    const std::lock_guard lock(connection_->shard->mutex);
    std::size_t count = 0;
    for (; count < max && connection_->something_waits(); ++count) {
      events.emplace_back();  // before the event leaves the queue: running out of memory loses nothing
      try {
        events.back() = connection_->take();
      } catch (...) {
        events.pop_back();
        throw;
      }
    }
    return count;
  }

  /// The stream has ended, and all of it has been read.
  bool done() const {
    const std::lock_guard lock(connection_->shard->mutex);
    return connection_->done();
  }

  const std::string& connection_id() const noexcept { return connection_->connection_id; }
  const std::string& request_id() const noexcept { return connection_->request_id; }

  /// Events lost so far, all gaps together.
  std::size_t dropped() const {
    const std::lock_guard lock(connection_->shard->mutex);
    return connection_->dropped;
  }

  /// Ends the stream at once: what waits is discarded, without `disconnect`. `reason` is for the manager's observer.
  void close(std::string_view reason = "stream closed") { connection_->close(reason, {}); }

 private:
  friend class EventManager;
  explicit EventStream(std::shared_ptr<detail::Connection> connection) noexcept : connection_(std::move(connection)) {}

  // It holds the connection and not the stream, which may be destroyed while the step waits.
  static asio::awaitable<std::optional<Event>> step(std::shared_ptr<detail::Connection> connection) {
    const auto cancelled_before = (co_await asio::this_coro::cancellation_state).cancelled();
    for (;;) {
      {
        const std::lock_guard lock(connection->shard->mutex);
        if (Event event = connection->take(); !event.empty()) co_return event;
        if (connection->done()) co_return std::nullopt;
      }
      co_await asio::async_initiate<const asio::use_awaitable_t<>, void(error_code)>(detail::InitiateWait(connection),
                                                                                     asio::use_awaitable);
      // A cancellation between the wait's success and this: whoever cancelled would throw the event away.
      if ((co_await asio::this_coro::cancellation_state).cancelled() != cancelled_before)
        throw system_error(asio::error::operation_aborted, "sse::EventStream::next");
    }
  }

  std::shared_ptr<detail::Connection> connection_;
};

}  // namespace sse

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
