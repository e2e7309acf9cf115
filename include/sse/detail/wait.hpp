#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/list.hpp"
#include "sse/detail/mutex.hpp"

/// How a reader waits: one wait at a time on a WaitPlace, for every completion token, cancellable, completed by another
/// thread, and destroyed with its execution context. See Asio's requirements on asynchronous operations.
namespace sse::detail {

class WaitPlace;

/// The places that are waited at on one execution context. When the context is destroyed, their waits are destroyed
/// with it: a wait owns its coroutine, which owns its stream, which owns the wait, and nothing else would break that
/// circle.
class WaitRegistry {
 public:
  inline void join(WaitPlace& place) noexcept;
  inline void leave(WaitPlace& place) noexcept;

  /// Between these two completions are on their way to the context, which is kept from going away meanwhile.
  void begin_completions(std::size_t count) noexcept { completions_.fetch_add(count, std::memory_order_relaxed); }
  void end_completions(std::size_t count) noexcept {
    if (completions_.fetch_sub(count) != count || !stopping_.load()) return;
    const std::lock_guard lock(mutex_);
    completed_.notify_all();
  }

  inline void shut_down() noexcept;

 private:
  std::mutex mutex_;
  std::condition_variable completed_;
  List<WaitPlace> places_;
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

/// A pending wait, whatever its completion token.
class Waiter {
 public:
  /// What depends on the handler's type. No virtual functions, so that an operation can free its memory before it
  /// completes.
  struct Kind {
    void (*finish)(Waiter*, const error_code*);  ///< completes the wait; null: destroys it uncalled
    void (*post_all)(Waiter* first);             ///< completes a list with one post; all have the same executor
    bool (*same_executor)(const Waiter*, const Waiter*);
    std::size_t (*executor_hash)(const Waiter*);
  };

  std::shared_ptr<WaitRegistry> registry;
  Waiter *next = nullptr, *previous = nullptr;

  const Kind& kind() const noexcept { return *kind_; }

  void complete(error_code error) noexcept {
    const std::shared_ptr<WaitRegistry> context = std::move(registry);
    try {
      kind_->finish(this, &error);
    } catch (...) {  // no memory to post with: the handler has been destroyed, and the emitter is not to blame
    }
    if (context) context->end_completions(1);
  }
  void destroy() noexcept { kind_->finish(this, nullptr); }

 protected:
  explicit Waiter(const Kind& kind) noexcept : kind_(&kind) {}
  ~Waiter() = default;

 private:
  const Kind* kind_;
};

/// Waiters that were taken off their places under a lock, to be completed after it. Those of one executor share a
/// post: to post is what waking costs.
class Wakeups {
 public:
  Wakeups() = default;
  Wakeups(const Wakeups&) = delete;
  Wakeups& operator=(const Wakeups&) = delete;
  ~Wakeups() { complete({}); }

  void add(Waiter* waiter) noexcept {
    if (waiter) add(waiter, waiter);
  }
  void add(Waiter* first, Waiter* last) noexcept {
    *last_ = first;
    last_ = &last->next;
    last->next = nullptr;
  }
  void complete(error_code error) noexcept {
    Waiter* waiter = take();
    if (!waiter) return;
    if (!waiter->next) return waiter->complete(error);
    std::array<Batch, 32> batches;
    while (waiter) {
      Waiter* const next = std::exchange(waiter->next, nullptr);
      if (error)
        waiter->complete(error);
      else
        batches[waiter->kind().executor_hash(waiter) % batches.size()].add(waiter);
      waiter = next;
    }
    for (Batch& batch : batches) batch.post();
  }
  Waiter* take() noexcept {
    last_ = &first_;
    return std::exchange(first_, nullptr);
  }

 private:
  class Batch {
   public:
    void add(Waiter* waiter) noexcept {
      if (size_ != 0 && (&first_->kind() != &waiter->kind() || !waiter->kind().same_executor(first_, waiter))) post();
      (size_ == 0 ? first_ : last_->next) = waiter;
      last_ = waiter;
      ++size_;
    }
    void post() noexcept {
      const std::size_t size = std::exchange(size_, 0);
      if (size == 0) return;
      if (size == 1) return first_->complete({});
      const std::shared_ptr<WaitRegistry> context = first_->registry;
      try {
        first_->kind().post_all(first_);
      } catch (...) {  // as Waiter::complete
      }
      if (context) context->end_completions(size);
    }

   private:
    Waiter *first_ = nullptr, *last_ = nullptr;
    std::size_t size_ = 0;
  };

  Waiter* first_ = nullptr;
  Waiter** last_ = &first_;
};

/// Waiters that are all to be completed together. Guarded by its owner's mutex.
class WaitList {
 public:
  WaitList() = default;
  WaitList(const WaitList&) = delete;
  WaitList& operator=(const WaitList&) = delete;
  ~WaitList() {
    while (Group* const group = groups_.first()) {
      groups_.erase(*group);
      delete group;
    }
  }

  void add(Waiter& waiter) {
    Group* group = find(waiter.registry.get());
    if (!group) group = groups_.find([](const Group& one) { return one.size == 0; });
    if (!group) groups_.insert(*(group = new Group));
    group->registry = waiter.registry.get();
    if (Waiter*& first = group->first) {
      waiter.next = first;
      waiter.previous = first->previous;
      waiter.previous->next = first->previous = &waiter;
    } else {
      first = waiter.next = waiter.previous = &waiter;
    }
    ++group->size;
  }
  void remove(Waiter& waiter) noexcept {
    Group& group = *find(waiter.registry.get());
    waiter.previous->next = waiter.next;
    waiter.next->previous = waiter.previous;
    if (group.first == &waiter) group.first = waiter.next == &waiter ? nullptr : waiter.next;
    --group.size;
  }
  /// At the same cost however many there are; their places find it out by `round`.
  void take_all(Wakeups& wakeups) noexcept {
    ++round_;
    groups_.for_each([&](Group& group) {
      if (group.size == 0) return;
      if (group.registry) group.registry->begin_completions(group.size);
      wakeups.add(group.first, group.first->previous);
      group.first = nullptr;
      group.size = 0;
    });
  }
  std::uint64_t round() const noexcept { return round_; }

 private:
  /// The waiters of one execution context, in a ring.
  struct Group : List<Group>::Hook {
    WaitRegistry* registry = nullptr;
    Waiter* first = nullptr;
    std::size_t size = 0;
  };
  Group* find(const WaitRegistry* registry) const noexcept {
    return groups_.find([=](const Group& one) { return one.registry == registry && one.size != 0; });
  }

  List<Group> groups_;
  std::uint64_t round_ = 0;
};

/// Where one reader waits: alone, or with those of a list. Its owner's mutex guards it: it is locked by the caller of
/// `take` and `join`, and by everything else here itself.
class WaitPlace : public List<WaitPlace>::Hook {
 public:
  explicit WaitPlace(Mutex& mutex) noexcept : mutex_(mutex) {}
  WaitPlace(const WaitPlace&) = delete;
  WaitPlace& operator=(const WaitPlace&) = delete;
  ~WaitPlace() { leave_registry(); }

  /// The pending waiter or null; it must be completed.
  Waiter* take() noexcept {
    Waiter* const waiter = unlink();
    if (waiter && waiter->registry) waiter->registry->begin_completions(1);
    return waiter;
  }

  /// From now on its waits are also completed with those of `list`; null: no more.
  void join(WaitList* list) {
    Waiter* const waiter = unlink();
    try {
      if (waiter && list) list->add(*waiter);
    } catch (...) {
      waiter_ = waiter;
      throw;
    }
    list_ = list;
    waiter_ = waiter;
    if (list) round_ = list->round();
  }

  void cancel(std::uint64_t key) noexcept {
    Wakeups wakeups;
    {
      const std::lock_guard lock(mutex_);
      if (key_ == key) wakeups.add(take());
    }
    wakeups.complete(asio::error::operation_aborted);
  }

  /// Publishes `waiter`, whose handler runs on `context`, or completes it at once, where `is_ready()`.
  template <class IsReady>
  void wait(Waiter* waiter, std::uint64_t key, asio::execution_context* context, IsReady&& is_ready) {
    for (;;) {
      bool completes = true;
      error_code result;
      {
        const std::lock_guard lock(mutex_);
        if (is_ready()) {  // with success
        } else if (is_pending()) {
          result = asio::error::already_started;
        } else if (context != context_) {
          completes = false;
        } else {
          waiter->registry = registry_;
          if (list_) {
            list_->add(*waiter);
            round_ = list_->round();
          }
          waiter_ = waiter;
          key_ = key;
          return;
        }
      }
      if (completes) return waiter->complete(result);
      enter_registry(context);
    }
  }

  void drop_registry(Wakeups& wakeups) noexcept {
    const std::lock_guard lock(mutex_);
    wakeups.add(unlink());
    registry_.reset();
    context_ = nullptr;
  }

  std::uint64_t last_key = 0;  ///< names a wait; used by the reader alone

 private:
  bool is_pending() const noexcept { return waiter_ && (!list_ || round_ == list_->round()); }

  Waiter* unlink() noexcept {
    Waiter* const waiter = is_pending() ? waiter_ : nullptr;
    waiter_ = nullptr;
    if (waiter && list_) list_->remove(*waiter);
    return waiter;
  }
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

  Mutex& mutex_;
  Waiter* waiter_ = nullptr;
  std::uint64_t key_ = 0;
  WaitList* list_ = nullptr;
  std::uint64_t round_ = 0;  ///< of `list_` when `waiter_` was published: it has been taken since if that has gone on
  std::shared_ptr<WaitRegistry> registry_;
  asio::execution_context* context_ = nullptr;
};

inline void WaitRegistry::join(WaitPlace& place) noexcept {
  const std::lock_guard lock(mutex_);
  places_.insert(place);
}
inline void WaitRegistry::leave(WaitPlace& place) noexcept {
  const std::lock_guard lock(mutex_);
  places_.erase(place);
}

inline void WaitRegistry::shut_down() noexcept {
  Wakeups wakeups;
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    while (WaitPlace* const place = places_.first()) {
      place->drop_registry(wakeups);
      places_.erase(*place);
    }
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

/// Names executors for Wakeups: equal executors have the same hash. An executor may have a `hash()` of its own.
template <class Executor>
std::size_t executor_hash(const Executor& executor) noexcept {
  if constexpr (requires { executor.hash(); })
    return executor.hash();
  else if constexpr (asio::can_query_v<const Executor&, asio::execution::context_t>)
    return std::hash<const void*>()(&asio::query(executor, asio::execution::context));
  else
    return 0;
}

/// Several waits of one executor, which are completed by one function there.
template <class Operation>
class WaitBatch {
 public:
  explicit WaitBatch(Waiter* first) noexcept : first_(first) {}
  WaitBatch(WaitBatch&& other) noexcept : first_(std::exchange(other.first_, nullptr)) {}
  ~WaitBatch() {
    while (first_) pop()->destroy();
  }

  void operator()() {
    constexpr int max_size = 64;
    Waiter* last = first_;
    for (int size = 1; size < max_size && last->next; ++size) last = last->next;
    try {  // another thread of the executor may take the rest
      if (last->next) Operation::post_all(std::exchange(last->next, nullptr));
    } catch (...) {  // as Waiter::complete
    }
    while (first_) {
      try {
        Operation::run(pop());
      } catch (...) {  // one handler's failure is not the others'
        if (first_) Operation::post_all(std::exchange(first_, nullptr));
        throw;
      }
    }
  }

 private:
  Waiter* pop() noexcept { return std::exchange(first_, first_->next); }

  Waiter* first_;
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
  friend class WaitBatch<WaitOperation>;

  explicit WaitOperation(Handler&& handler)
      : Waiter(kind_of_this),
        executor_(asio::prefer(asio::get_associated_executor(handler, asio::system_executor()),
                               asio::execution::outstanding_work.tracked)),
        handler_(std::move(handler)) {}
  ~WaitOperation() = default;

  static WaitOperation* self(Waiter* waiter) noexcept { return static_cast<WaitOperation*>(waiter); }
  static const Tracked& executor_of(const Waiter* waiter) noexcept {
    return static_cast<const WaitOperation*>(waiter)->executor_;
  }

  // The memory is given back before the handler runs, which may own what it was allocated from.
  static Completion<Handler> release(Waiter* waiter, error_code error) {
    Completion<Handler> completion{std::move(self(waiter)->handler_), error};
    Allocator allocator(completion.get_allocator());
    self(waiter)->~WaitOperation();
    Traits::deallocate(allocator, self(waiter), 1);
    return completion;
  }
  static void finish(Waiter* waiter, const error_code* error) {
    const Tracked executor(std::move(self(waiter)->executor_));
    Completion<Handler> completion = release(waiter, error ? *error : error_code());
    if (error) asio::post(executor, std::move(completion));
  }
  static void post_all(Waiter* first) {
    WaitBatch<WaitOperation> batch(first);
    const Tracked executor(executor_of(first));
    asio::post(executor, std::move(batch));
  }
  static void run(Waiter* waiter) {
    [[maybe_unused]] const Tracked executor(std::move(self(waiter)->executor_));
    release(waiter, {})();
  }
  static bool same_executor(const Waiter* one, const Waiter* other) { return executor_of(one) == executor_of(other); }
  static std::size_t hash(const Waiter* waiter) { return executor_hash(executor_of(waiter)); }

  static constexpr Kind kind_of_this{&finish, &post_all, &same_executor, &hash};

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
      const std::uint64_t key = ++place.last_key;
      if (slot.is_connected())
        slot.template emplace<WaitCanceller>(WaitCanceller{std::shared_ptr<WaitPlace>(owner_, &place), key});
      place.wait(operation, key, operation->context(), [&] { return owner_->ready(); });
    } catch (...) {
      operation->destroy();
      throw;
    }
  }

 private:
  std::shared_ptr<Owner> owner_;
};

}  // namespace sse::detail
