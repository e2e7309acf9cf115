// SPDX-License-Identifier: MIT
// The bodies of SqliteLog: each call is the engine's.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "sse/detail/log/sqlite_engine.hpp"
#include "sse/detail/log/sqlite_engine.ipp"
#include "sse/sqlite_log.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

SSE_DECL SqliteLog::SqliteLog(const std::string& path, SqliteLogOptions options)
    : engine_(std::make_unique<detail::SqliteEngine>(path, std::move(options))) {}

SSE_DECL SqliteLog::~SqliteLog() = default;

SSE_DECL LogBegin SqliteLog::open(std::size_t history, const Take& take) {
  return engine_->open(history, take);
}

SSE_DECL void SqliteLog::append(std::span<const LoggedEvent> events, std::uint64_t number) {
  engine_->append(events, number);
}

SSE_DECL std::optional<LogPlace> SqliteLog::append_held(std::span<const LoggedEvent> events, std::uint64_t number) {
  return engine_->append_held(events, number);
}

SSE_DECL void SqliteLog::release(bool delivered) noexcept {
  engine_->release(delivered);
}

SSE_DECL LogRead SqliteLog::read(std::uint64_t after, std::chrono::milliseconds wait, const Take& take) {
  return engine_->read(after, wait, take);
}

SSE_DECL void SqliteLog::interrupt() noexcept {
  engine_->interrupt();
}

SSE_DECL LogSize SqliteLog::size() const noexcept {
  return engine_->size();
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
