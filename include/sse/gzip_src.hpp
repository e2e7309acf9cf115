// SPDX-License-Identifier: MIT
// The bodies of gzip.hpp, for a program that compiles them once: exactly one of its source files includes this header,
// and all of them are compiled with SSE_SEPARATE_COMPILATION. It includes <zlib.h>.

#pragma once

#if !defined(SSE_SEPARATE_COMPILATION)
#error "sse/gzip_src.hpp is for programs that define SSE_SEPARATE_COMPILATION for all of their files"
#endif

#include "sse/detail/gzip/gzip.ipp"
#include "sse/detail/gzip/gzip_chain.ipp"
#include "sse/detail/gzip/gzip_decoder.ipp"
#include "sse/detail/gzip/zlib.ipp"
