#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <unordered_set>
#include <utility>

#include "sse/config.hpp"

/// How a reader waits: one wait at a time on a WaitPlace, for every completion token, cancellable, completed by another
/// thread, and destroyed with its execution context. See Asio's requirements on asynchronous operations.
namespace sse::detail {

class WaitPlace;

/// The places that are waited at on one execution context. When the context is destroyed, their waits are destroyed
/// with it: a wait owns its coroutine, which owns its stream, which owns the wait, and nothing else would break that
/// circle.
class WaitRegistry {
 public:
  void join(WaitPlace& place) {
    const std::lock_guard lock(mutex_);
    places_.insert(&place);
  }
  void leave(WaitPlace& place) noexcept {
    const std::lock_guard lock(mutex_);
    places_.erase(&place);
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
  std::unordered_set<WaitPlace*> places_;
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

/// Waiters that were taken off their places under a lock, to be completed after it.
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

/// Where one reader waits. Its owner's mutex guards it: it is locked by the caller of `take`, and by everything else
/// here itself.
class WaitPlace {
 public:
  explicit WaitPlace(std::mutex& mutex) noexcept : mutex_(mutex) {}
  WaitPlace(const WaitPlace&) = delete;
  WaitPlace& operator=(const WaitPlace&) = delete;
  ~WaitPlace() { leave_registry(); }

  /// The pending waiter or null; it must be completed.
  Waiter* take() noexcept {
    if (waiter_ && waiter_->registry) waiter_->registry->begin_completion();
    return std::exchange(waiter_, nullptr);
  }

  void cancel(std::uint64_t key) noexcept {
    Wakeups wakeups;
    {
      const std::lock_guard lock(mutex_);
      if (waiter_ && waiter_->key == key) wakeups.add(take());
    }
    wakeups.complete(asio::error::operation_aborted);
  }

  /// Publishes `waiter`, whose handler runs on `context`, or completes it at once, where `is_ready()`.
  template <class IsReady>
  void wait(Waiter* waiter, asio::execution_context* context, IsReady&& is_ready) {
    for (;;) {
      std::optional<error_code> result;
      {
        const std::lock_guard lock(mutex_);
        if (is_ready()) {
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
    const std::lock_guard lock(mutex_);
    wakeups.add(std::exchange(waiter_, nullptr));
    registry_.reset();
    context_ = nullptr;
  }

  std::uint64_t last_key = 0;  ///< names a wait; used by the reader alone

 private:
  void leave_registry() noexcept {
    std::shared_ptr<WaitRegistry> registry;
    {
      const std::lock_guard lock(mutex_);
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
    const std::lock_guard lock(mutex_);
    registry_ = std::move(registry);
    context_ = context;
  }

  std::mutex& mutex_;
  Waiter* waiter_ = nullptr;
  std::shared_ptr<WaitRegistry> registry_;
  asio::execution_context* context_ = nullptr;
};

inline void WaitRegistry::shut_down() noexcept {
  Wakeups wakeups;
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    for (WaitPlace* place : places_) place->drop_registry(wakeups);
    places_.clear();
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
  std::weak_ptr<WaitPlace> place;
  std::uint64_t key;

  void operator()(asio::cancellation_type type) const noexcept {
    if (type == asio::cancellation_type::none) return;
    // The resumed coroutine may destroy *this.
    if (const std::shared_ptr<WaitPlace> alive = place.lock()) alive->cancel(key);
  }
};

/// Starts a wait on `owner`, which has `waits` and, under the lock, `ready()`; a class and not a lambda because Asio
/// asks an initiation for its executor, and with a constructor because g++ 12 destroys an aggregate temporary in an
/// awaited call twice.
template <class Owner>
class InitiateWait {
 public:
  using executor_type = asio::system_executor;
  executor_type get_executor() const noexcept { return {}; }

  explicit InitiateWait(std::shared_ptr<Owner> owner) noexcept : owner_(std::move(owner)) {}

  template <class Handler>
  void operator()(Handler&& handler) const {
    using Operation = WaitOperation<std::decay_t<Handler>>;
    WaitPlace& place = owner_->waits;
    auto slot = asio::get_associated_cancellation_slot(handler);
    Operation* const operation = Operation::make(std::forward<Handler>(handler));
    try {
      operation->key = ++place.last_key;
      if (slot.is_connected())
        slot.template emplace<WaitCanceller>(WaitCanceller{std::shared_ptr<WaitPlace>(owner_, &place), operation->key});
      place.wait(operation, operation->context(), [&] { return owner_->ready(); });
    } catch (...) {
      operation->destroy();
      throw;
    }
  }

 private:
  std::shared_ptr<Owner> owner_;
};

}  // namespace sse::detail
