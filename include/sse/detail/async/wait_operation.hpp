// SPDX-License-Identifier: MIT
// The wait operation of every completion token: allocation, executor, cancellation and completion. It follows
// Asio's requirements on asynchronous operations.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/async/initiate.hpp"
#include "sse/detail/async/unposted.hpp"
#include "sse/detail/async/waiter.hpp"
#include "sse/detail/base/prefetch.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// A handler with its result, to be posted to its executor. It has the handler's allocator.
template <class Handler>
struct Completion {
  using allocator_type = asio::associated_allocator_t<Handler>;
  allocator_type get_allocator() const noexcept { return asio::get_associated_allocator(handler); }
  void operator()() { std::move(handler)(error); }

  Handler handler;
  error_code error;
};

/// The hash by which Wakeups groups executors: equal executors have the same one. An executor may have a member
/// `hash()`.
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
    if (first_ && !Posting::drops(first_)) Waiter::destroy_all(first_);
  }

  void operator()() {
    constexpr int max_size = 64;
    Waiter* last = first_;
    for (int size = 1; size < max_size && last->next; ++size) last = last->next;
    // Another thread of the executor may take the rest.
    if (Waiter* const rest = std::exchange(last->next, nullptr); rest && !Operation::post_all(rest)) last->next = rest;
    while (first_) {
      if (const Waiter* const next = first_->next) {
        Operation::prefetch_handler(next);
        if (next->next) Operation::prefetch(next->next);
      }
      try {
        Operation::run(pop(), {});
      } catch (...) {  // a handler that throws must not take the others with it
        if (first_ && !Operation::post_all(first_)) keep();
        first_ = nullptr;
        throw;
      }
    }
  }

 private:
  Waiter* pop() noexcept { return std::exchange(first_, first_->next); }
  void keep() noexcept {
    while (first_) Unposted::add(*pop(), 0);
  }

  Waiter* first_;
};

/// The completion of one wait.
template <class Operation>
class PostedWait {
 public:
  PostedWait(Waiter* waiter, error_code error) noexcept : waiter_(waiter), error_(error) {}
  PostedWait(PostedWait&& other) noexcept : waiter_(std::exchange(other.waiter_, nullptr)), error_(other.error_) {}
  ~PostedWait() {
    if (waiter_ && !Posting::drops(waiter_)) waiter_->destroy();
  }
  void operator()() { Operation::run(std::exchange(waiter_, nullptr), error_); }

 private:
  Waiter* waiter_;
  error_code error_;
};

/// A pending wait of one handler. It holds tracked work for the handler's executor, so that the context stays alive.
template <class Handler>
class WaitOperation final : public Waiter {
  using Executor = asio::associated_executor_t<Handler, asio::any_io_executor>;
  using Tracked =
      std::decay_t<decltype(asio::prefer(std::declval<const Executor&>(), asio::execution::outstanding_work.tracked))>;
  using Allocator =
      typename std::allocator_traits<asio::associated_allocator_t<Handler>>::template rebind_alloc<WaitOperation>;
  using Traits = std::allocator_traits<Allocator>;

 public:
  /// `usual`: the executor of a handler that has none. If it throws, the handler stays with the caller.
  static WaitOperation* make(Handler& handler, const asio::any_io_executor& usual) {
    return make_on(handler, asio::get_associated_executor(handler, usual));
  }
  /// The same for the handler's `executor`.
  static WaitOperation* make_on(Handler& handler, const Executor& executor) {
    Allocator allocator(asio::get_associated_allocator(handler));
    WaitOperation* const memory = Traits::allocate(allocator, 1);
    try {
      return ::new (static_cast<void*>(memory)) WaitOperation(handler, executor);
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

  /// Prefetches the memory that `run` needs.
  static void prefetch(const Waiter* waiter) noexcept { detail::prefetch(waiter, sizeof(WaitOperation)); }
  /// Prefetches the memory that the handler needs, whose own memory is there.
  static void prefetch_handler(const Waiter* waiter) noexcept {
    if constexpr (requires(const Handler& handler) { handler.prefetch(); })
      static_cast<const WaitOperation*>(waiter)->handler_.prefetch();
  }
  /// Calls the handler. Called on its executor.
  static void run(Waiter* waiter, error_code error) {
    [[maybe_unused]] const Tracked executor(std::move(self(waiter)->executor_));
    release(waiter, error)();
  }

 private:
  friend class WaitBatch<WaitOperation>;

  WaitOperation(Handler& handler, const Executor& executor)
      : Waiter(kind_of_this),
        executor_(asio::prefer(executor, asio::execution::outstanding_work.tracked)),
        handler_(std::move(handler)) {}
  ~WaitOperation() = default;

  static WaitOperation* self(Waiter* waiter) noexcept { return static_cast<WaitOperation*>(waiter); }
  static const Tracked& executor_of(const Waiter* waiter) noexcept {
    return static_cast<const WaitOperation*>(waiter)->executor_;
  }

  // The memory is freed before the handler runs, because the handler may own the memory's allocator.
  static Completion<Handler> release(Waiter* waiter, error_code error) {
    Completion<Handler> completion{std::move(self(waiter)->handler_), error};
    Allocator allocator(completion.get_allocator());
    self(waiter)->~WaitOperation();
    Traits::deallocate(allocator, self(waiter), 1);
    return completion;
  }
  // False: the function was not posted, and the waiters are as before.
  template <class Function, class... Arguments>
  static bool try_post(Waiter* first, const Arguments&... arguments) noexcept {
    const Tracked executor(executor_of(first));
    Posting posting(first);
    try {
      asio::post(executor, Function(first, arguments...));
    } catch (...) {
      return !posting.dropped();  // otherwise the function is in a queue already, for example a strand's
    }
    if (posting.dropped()) Waiter::destroy_all(first);  // the context goes away
    return true;
  }
  static bool post(Waiter* waiter, error_code error) noexcept {
    if constexpr (std::is_same_v<Allocator, std::allocator<WaitOperation>>)
      return try_post<PostedWait<WaitOperation>>(waiter, error);
    // A handler's own allocator may have room for one object only, so the operation's memory is freed first.
    const Tracked executor(std::move(self(waiter)->executor_));
    try {
      asio::post(executor, release(waiter, error));
    } catch (...) {  // no memory: the handler has been destroyed; the emitter must not fail for it
    }
    return true;
  }
  static bool post_all(Waiter* first) noexcept { return try_post<WaitBatch<WaitOperation>>(first); }
  static void destroy(Waiter* waiter) noexcept {
    [[maybe_unused]] const Tracked executor(std::move(self(waiter)->executor_));
    release(waiter, {});
  }
  static bool same_executor(const Waiter* one, const Waiter* other) { return executor_of(one) == executor_of(other); }
  static std::size_t hash(const Waiter* waiter) { return executor_hash(executor_of(waiter)); }

  static constexpr Kind kind_of_this{&post, &post_all, &destroy, &same_executor, &hash};

  Tracked executor_;
  Handler handler_;
};

/// Makes the operation of the wait `key`. If it throws, the handler stays with the caller.
template <class Handler>
WaitOperation<Handler>* make_wait(const std::shared_ptr<Connection>& connection, std::uint64_t key, Handler& handler) {
  // The slot comes first, because another thread may complete the wait as soon as it is published.
  auto slot = asio::get_associated_cancellation_slot(handler);
  if (slot.is_connected()) slot.template emplace<WaitCanceller>(connection, key);
  return WaitOperation<Handler>::make_on(handler, executor_for(handler, *connection));
}

template <class Handler>
void InitiateWait::operator()(Handler&& handler) const {
  std::decay_t<Handler> own(std::forward<Handler>(handler));
  const std::uint64_t key = next_wait_key(*connection_);
  auto* const operation = make_wait(connection_, key, own);
  try {
    start_wait(*connection_, operation, key, operation->context());
  } catch (...) {
    Waiter::destroy_all(operation);
    throw;
  }
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
