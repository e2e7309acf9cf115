// SPDX-License-Identifier: MIT
// The version of the library, in one place: CMake and the package recipes read it here. It also names the inline
// namespace that holds everything else.

#pragma once

#define SSE_VERSION_MAJOR 0
#define SSE_VERSION_MINOR 1
#define SSE_VERSION_PATCH 0

/// The inline namespace of everything in `sse`. It carries the version and whatever else changes a type: files of one
/// program that were compiled with different configurations do not link with each other.
#define SSE_ABI SSE_DETAIL_ABI(SSE_VERSION_MAJOR, SSE_VERSION_MINOR, SSE_DETAIL_ABI_ASIO, SSE_DETAIL_ABI_SYSTEM)

#if defined(SSE_USE_BOOST_ASIO)
#define SSE_DETAIL_ABI_ASIO boost_asio
#else
#define SSE_DETAIL_ABI_ASIO asio
#endif
#if defined(SSE_PORTABLE)
#define SSE_DETAIL_ABI_SYSTEM _portable
#else
#define SSE_DETAIL_ABI_SYSTEM
#endif
#define SSE_DETAIL_ABI(major, minor, asio, system) SSE_DETAIL_ABI_JOIN(major, minor, asio, system)
#define SSE_DETAIL_ABI_JOIN(major, minor, asio, system) v##major##_##minor##_##asio##system
