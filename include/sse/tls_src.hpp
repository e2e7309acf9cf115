// SPDX-License-Identifier: MIT
// The bodies of tls.hpp, for a program that compiles them once: exactly one of its source files includes this header,
// and all of them are compiled with SSE_SEPARATE_COMPILATION. It includes OpenSSL.

#pragma once

#if !defined(SSE_SEPARATE_COMPILATION)
#error "sse/tls_src.hpp is for programs that define SSE_SEPARATE_COMPILATION for all of their files"
#endif

#include "sse/detail/tls/openssl_layer.ipp"
#include "sse/detail/tls/tls.ipp"
