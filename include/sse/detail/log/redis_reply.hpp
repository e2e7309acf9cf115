// SPDX-License-Identifier: MIT
// The replies of a Redis server as a tree that has a bound, whatever the server sends, and the functions that hiredis
// builds it by.

#pragma once

#include <hiredis/hiredis.h>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// A reply, or an element of one.
struct RedisReply {
  explicit RedisReply(int its_type) : type(its_type) {}

  bool is_error() const noexcept { return type == REDIS_REPLY_ERROR; }
  bool is_nil() const noexcept { return type == REDIS_REPLY_NIL; }
  bool is_array() const noexcept { return type == REDIS_REPLY_ARRAY; }
  bool is_text() const noexcept { return type == REDIS_REPLY_STRING || type == REDIS_REPLY_STATUS; }

  const int type;  ///< REDIS_REPLY_…
  long long integer = 0;
  std::string text;
  std::vector<const RedisReply*> elements;  ///< Null: not yet read.
};

/// The memory of one reply at a time. An engine asks for at most 512 entries of few elements, so a reply with many more
/// is none: the reader of hiredis then ends with an error, and so does the connection.
class RedisReplies {
 public:
  static constexpr std::size_t max_elements = 100'000, max_bytes = std::size_t{256} << 20;

  RedisReplies() {
    functions_.createString = &create_string;
    functions_.createArray = &create_array;
    functions_.createInteger = &create_integer;
    functions_.createNil = &create_nil;
    functions_.freeObject = [](void*) {};
#if HIREDIS_MAJOR >= 1
    functions_.createDouble = [](const redisReadTask*, double, char*, std::size_t) -> void* { return nullptr; };
    functions_.createBool = [](const redisReadTask*, int) -> void* { return nullptr; };
#endif
  }
  RedisReplies(const RedisReplies&) = delete;
  RedisReplies& operator=(const RedisReplies&) = delete;

  void use_for(redisReader& reader) noexcept {
    reader.fn = &functions_;
    reader.privdata = this;
  }
  /// Forgets the last reply.
  void clear() noexcept {
    replies_.clear();
    elements_ = bytes_ = 0;
  }
  /// The reader's last error was that a reply is out of these bounds.
  bool is_too_large() const noexcept {
    return elements_ > max_elements || bytes_ > max_bytes;
  }

 private:
  static constexpr int max_depth = 8;

  /// Makes a reply and puts it into its parent; null: out of bounds or memory, which hiredis reports.
  static RedisReply* create(const redisReadTask* task, int type) noexcept {
    try {
      auto& self = *static_cast<RedisReplies*>(task->privdata);
      RedisReply& reply = self.replies_.emplace_back(type);
      if (task->parent) {
        auto& parent = *static_cast<RedisReply*>(task->parent->obj);
        parent.elements.at(static_cast<std::size_t>(task->idx)) = &reply;
      }
      return &reply;
    } catch (...) {
      return nullptr;
    }
  }
  static void* create_string(const redisReadTask* task, char* text, std::size_t length) {
    auto& self = *static_cast<RedisReplies*>(task->privdata);
    self.bytes_ += length;
    if (self.bytes_ > max_bytes) return nullptr;
    RedisReply* const reply = create(task, task->type);
    if (!reply) return nullptr;
    try {
      reply->text.assign(text, length);
    } catch (...) {
      return nullptr;
    }
    return reply;
  }
  static void* create_elements(const redisReadTask* task, std::size_t count) {
    auto& self = *static_cast<RedisReplies*>(task->privdata);
    int depth = 0;
    for (const redisReadTask* parent = task->parent; parent; parent = parent->parent) ++depth;
    if (depth >= max_depth) return nullptr;
    self.elements_ += std::min(count, max_elements + 1);
    if (self.elements_ > max_elements) return nullptr;
    RedisReply* const reply = create(task, REDIS_REPLY_ARRAY);
    if (!reply) return nullptr;
    try {
      reply->elements.resize(count);
    } catch (...) {
      return nullptr;
    }
    return reply;
  }
  // hiredis 0.14 takes the first, later versions the second.
  static void* create_array(const redisReadTask* task, int count) {
    return count < 0 ? nullptr : create_elements(task, static_cast<std::size_t>(count));
  }
  static void* create_array(const redisReadTask* task, std::size_t count) {
    return create_elements(task, count);
  }
  static void* create_integer(const redisReadTask* task, long long value) {
    RedisReply* const reply = create(task, REDIS_REPLY_INTEGER);
    if (reply) reply->integer = value;
    return reply;
  }
  static void* create_nil(const redisReadTask* task) {
    return create(task, REDIS_REPLY_NIL);
  }

  redisReplyObjectFunctions functions_ = {};
  std::deque<RedisReply> replies_;
  std::size_t elements_ = 0, bytes_ = 0;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
