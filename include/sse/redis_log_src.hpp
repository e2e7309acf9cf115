// SPDX-License-Identifier: MIT
// The bodies of RedisLog, for a program that compiles them once: exactly one of its source files includes this header,
// and all of them are compiled with SSE_SEPARATE_COMPILATION. It includes <hiredis.h>.

#pragma once

#if !defined(SSE_SEPARATE_COMPILATION)
#error "sse/redis_log_src.hpp is for programs that define SSE_SEPARATE_COMPILATION for all of their files"
#endif

#include "sse/detail/log/redis_log.ipp"
