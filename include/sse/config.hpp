// SPDX-License-Identifier: MIT
// Chooses and checks Asio, and hides the differences between standalone Asio and Boost.Asio. Every header that needs
// Asio includes it from here.

#pragma once

#include "sse/version.hpp"

#if !defined(__cpp_impl_coroutine)
#error "sse needs C++20 coroutines: compile with -std=c++20 or later"
#endif
#if !defined(__cpp_exceptions) && !defined(_CPPUNWIND)
#error "sse reports errors by exceptions: -fno-exceptions is not supported"
#endif
#if defined(min) || defined(max)
#error "min and max are macros, of <windows.h>: define NOMINMAX before it is included"
#endif

// Included before Asio, which tests for std::aligned_alloc before it includes any standard header. Otherwise one source
// file of a program would allocate with aligned_alloc and another with operator new (Asio 1.22.1 to 1.30).
#include <system_error>
// Asio 1.22.1 uses it without including it, and with libc++ in C++23 no other header includes it.
#include <exception>

// Clang before 19 keeps the address of a __thread variable over a suspension, after which a coroutine may run on
// another thread. Asio's call stack is such a variable: with -O1 and two threads a program crashes within seconds
// (Clang 16; 14, 15, 19 and 22 ran well, 17 and 18 could not be tried). Without the keyword an event takes 3 % longer.
// The definition changes a class of Asio, so all files of a program need it; CMake's target has it. Apple's 17 is
// LLVM's 19.
#if defined(__clang__) && ((defined(__apple_build_version__) && __clang_major__ < 17) || \
                           (!defined(__apple_build_version__) && __clang_major__ < 19))
#define SSE_DETAIL_NO_THREAD_KEYWORD
#endif

// SSE_USE_BOOST_ASIO chooses Boost.Asio; else it is standalone Asio 1.22.1 or later.
#if defined(SSE_USE_BOOST_ASIO)
#include <boost/asio/version.hpp>
// Without per-operation cancellation (cancellation_slot, this_coro::cancellation_state) no wait could be cancelled, and
// neither `serve` nor a client could be stopped.
#if BOOST_ASIO_VERSION < 102200
#error "sse needs Boost 1.81 or later (Debian 12: libboost1.81-dev): this one's Asio has no per-operation cancellation"
#endif
#if defined(SSE_DETAIL_NO_THREAD_KEYWORD)
#if defined(BOOST_ASIO_HAS_THREAD_KEYWORD_EXTENSION)
#error \
    "this Clang crashes with Asio's __thread: define BOOST_ASIO_DISABLE_THREAD_KEYWORD_EXTENSION, or include sse first"
#endif
#if !defined(BOOST_ASIO_DISABLE_THREAD_KEYWORD_EXTENSION)
#define BOOST_ASIO_DISABLE_THREAD_KEYWORD_EXTENSION 1
#endif
#endif
#include <boost/asio.hpp>
#if !defined(BOOST_ASIO_HAS_CO_AWAIT)
#error "this Boost.Asio has its coroutines switched off for this compiler"
#endif
#else
#include <asio/version.hpp>
#if ASIO_VERSION < 102200
#error "sse needs Asio 1.22 or later"
#endif
// Asio before 1.23 switches coroutines off for Clang, because it looks for <experimental/coroutine>.
#if defined(__clang__) && ASIO_VERSION < 102300 && !defined(ASIO_HAS_CO_AWAIT) && !defined(ASIO_DISABLE_CO_AWAIT)
#if defined(ASIO_DETAIL_CONFIG_HPP)
#error \
    "this Asio switches coroutines off for Clang: define ASIO_HAS_CO_AWAIT for the target, or include sse before asio"
#endif
#define ASIO_HAS_CO_AWAIT 1
#endif
// Standalone Asio does not detect this; Boost.Asio does.
#if !defined(__cpp_rtti) && !defined(_CPPRTTI) && !defined(ASIO_NO_TYPEID)
#define ASIO_NO_TYPEID 1
#endif
#if defined(SSE_DETAIL_NO_THREAD_KEYWORD)
#if defined(ASIO_HAS_THREAD_KEYWORD_EXTENSION)
#error "this Clang crashes with Asio's __thread: define ASIO_DISABLE_THREAD_KEYWORD_EXTENSION, or include sse first"
#endif
#if !defined(ASIO_DISABLE_THREAD_KEYWORD_EXTENSION)
#define ASIO_DISABLE_THREAD_KEYWORD_EXTENSION 1
#endif
#endif
#include <asio.hpp>
#if !defined(ASIO_HAS_CO_AWAIT)
#error "this Asio has its coroutines switched off for this compiler"
#endif
#endif

namespace sse::inline SSE_ABI {

#if defined(SSE_USE_BOOST_ASIO)
namespace asio = ::boost::asio;
using error_code = ::boost::system::error_code;      ///< Of the Asio in use: Boost's, or std::error_code.
using system_error = ::boost::system::system_error;  ///< Of the Asio in use: Boost's, or std::system_error.
#else
namespace asio = ::asio;
using error_code = std::error_code;
using system_error = std::system_error;
#endif

using tcp = asio::ip::tcp;  ///< Of the Asio in use.

// Unix sockets.
#if defined(ASIO_HAS_LOCAL_SOCKETS) || defined(BOOST_ASIO_HAS_LOCAL_SOCKETS)
#define SSE_LOCAL_SOCKETS
#endif

}  // namespace sse::inline SSE_ABI
