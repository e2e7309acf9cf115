// SPDX-License-Identifier: MIT
// The bodies of RedisLog: each call is the engine's.

#pragma once

#include <memory>
#include <string>
#include <utility>

#include "sse/detail/log/redis_engine.hpp"
#include "sse/detail/log/redis_engine.ipp"
#include "sse/redis_log.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

SSE_DECL RedisLog::RedisLog(RedisLogOptions options)
    : engine_(std::make_unique<detail::RedisEngine>(std::move(options))) {}

SSE_DECL RedisLog::RedisLog(const std::string& url, RedisLogOptions options)
    : RedisLog([&] {
        options.url = url;
        return std::move(options);
      }()) {}

SSE_DECL RedisLog::~RedisLog() = default;

SSE_DECL LogBegin RedisLog::open(std::size_t history, const Take& take) {
  return engine_->open(history, take);
}

SSE_DECL void RedisLog::append(std::span<const LoggedEvent> events, std::uint64_t number) {
  engine_->append(events, number);
}

SSE_DECL LogRead RedisLog::read(std::uint64_t after, std::chrono::milliseconds wait, const Take& take) {
  return engine_->read(after, wait, take);
}

SSE_DECL void RedisLog::interrupt() noexcept {
  engine_->interrupt();
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
