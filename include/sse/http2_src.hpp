// SPDX-License-Identifier: MIT
// The bodies of http2.hpp, for a program that compiles them once: exactly one of its source files includes this header,
// and all of them are compiled with SSE_SEPARATE_COMPILATION. It includes nghttp2.

#pragma once

#if !defined(SSE_SEPARATE_COMPILATION)
#error "sse/http2_src.hpp is for programs that define SSE_SEPARATE_COMPILATION for all of their files"
#endif

#include "sse/detail/http2/handler_relay.ipp"
#include "sse/detail/http2/header_block.ipp"
#include "sse/detail/http2/http2.ipp"
#include "sse/detail/http2/http2_connection.ipp"
#include "sse/detail/http2/http2_frames.ipp"
#include "sse/detail/http2/http2_stream.ipp"
#include "sse/detail/http2/output.ipp"
#include "sse/detail/http2/request_head.ipp"
