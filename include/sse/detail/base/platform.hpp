// SPDX-License-Identifier: MIT
// Detects the functions of the system that are used beside Asio. Each use has a fallback, for Windows and macOS.
// SSE_PORTABLE chooses the fallbacks everywhere, to test them.

#pragma once

#include "sse/version.hpp"

#if !defined(SSE_PORTABLE)
// <random> costs a user's build more than most of this library.
#if __has_include(<sys/random.h>)
#include <sys/random.h>
#include <unistd.h>  // musl declares it there
#define SSE_GETENTROPY
#endif
#if __has_include(<netinet/tcp.h>)
#include <netinet/tcp.h>
#endif
#if __has_include(<linux/sockios.h>)
#include <linux/sockios.h>
#include <sys/ioctl.h>
#endif
#if __has_include(<sys/socket.h>)
#include <sys/socket.h>
#endif
#if __has_include(<fcntl.h>)
#include <fcntl.h>
#endif

#if defined(FD_CLOEXEC)
#define SSE_CLOSE_ON_EXEC FD_CLOEXEC
// A socket that is made, and marked in a second call, may be inherited by a child process that starts between the two.
#if defined(SOCK_CLOEXEC)
#define SSE_ACCEPT4
#endif
#endif
#if defined(TCP_USER_TIMEOUT)
#define SSE_TCP_USER_TIMEOUT TCP_USER_TIMEOUT
#endif
#if defined(TCP_NOTSENT_LOWAT)
#define SSE_TCP_NOTSENT_LOWAT TCP_NOTSENT_LOWAT
#endif
#if defined(SIOCOUTQ)
#define SSE_SIOCOUTQ SIOCOUTQ
#endif
// For more than the 64 buffers that Asio passes to one call of the system.
#if defined(MSG_NOSIGNAL) && defined(MSG_DONTWAIT)
#include <sys/uio.h>
#define SSE_SENDMSG
#endif
#endif

namespace sse::inline SSE_ABI::detail {

/// True if accepted sockets inherit the options of their acceptor.
#if defined(__linux__) && !defined(SSE_PORTABLE)
inline constexpr bool accepted_inherit_options = true;
#else
inline constexpr bool accepted_inherit_options = false;
#endif

}  // namespace sse::inline SSE_ABI::detail
