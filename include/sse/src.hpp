// SPDX-License-Identifier: MIT
// The bodies of the library, for a program that compiles them once: exactly one of its source files includes this
// header, and all of them are compiled with SSE_SEPARATE_COMPILATION.

#pragma once

#if !defined(SSE_SEPARATE_COMPILATION)
#error "sse/src.hpp is for programs that define SSE_SEPARATE_COMPILATION for all of their files"
#endif

#include "sse/sse.hpp"

// One line for each .ipp file, by room.
#include "sse/detail/async/wait_place.ipp"
#include "sse/detail/async/wait_registry.ipp"
#include "sse/detail/async/waiter.ipp"
#include "sse/detail/base/error.ipp"
#include "sse/detail/client/any_stream.ipp"
#include "sse/detail/client/backoff.ipp"
#include "sse/detail/client/bad_response.ipp"
#include "sse/detail/client/client.ipp"
#include "sse/detail/client/connect_attempt.ipp"
#include "sse/detail/client/cookies.ipp"
#include "sse/detail/client/exchange.ipp"
#include "sse/detail/client/http_date.ipp"
#include "sse/detail/client/parser.ipp"
#include "sse/detail/client/proxy.ipp"
#include "sse/detail/client/reader.ipp"
#include "sse/detail/client/state.ipp"
#include "sse/detail/client/tunnel.ipp"
#include "sse/detail/client/url.ipp"
#include "sse/detail/frame/json_text.ipp"
#include "sse/detail/hub/drain.ipp"
#include "sse/detail/hub/event_manager.ipp"
#include "sse/detail/hub/event_stream.ipp"
#include "sse/detail/hub/global.ipp"
#include "sse/detail/testing/answer.ipp"
#include "sse/detail/testing/client.ipp"
#include "sse/detail/testing/connection.ipp"
#include "sse/detail/testing/testing.ipp"
