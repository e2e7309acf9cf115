// SPDX-License-Identifier: MIT
// Annotations that name the mutex of each member and function, which Clang checks (-Wthread-safety). For other
// compilers they are empty.

#pragma once

#if defined(__clang__) && !defined(SWIG)
#define SSE_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define SSE_THREAD_ANNOTATION(x)
#endif

/// A class that is a lock.
#define SSE_CAPABILITY(name) SSE_THREAD_ANNOTATION(capability(name))
/// A class that holds a lock from its constructor to its destructor.
#define SSE_SCOPED_CAPABILITY SSE_THREAD_ANNOTATION(scoped_lockable)
/// A member that is only touched under the lock.
#define SSE_GUARDED_BY(lock) SSE_THREAD_ANNOTATION(guarded_by(lock))
/// A pointer whose target is only touched under the lock.
/// A function that is called under the lock.
#define SSE_REQUIRES(...) SSE_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
/// A function that takes the lock itself and is called without it.
#define SSE_EXCLUDES(...) SSE_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))
/// A function that takes, or gives back, the lock for its caller.
#define SSE_ACQUIRE(...) SSE_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define SSE_RELEASE(...) SSE_THREAD_ANNOTATION(release_capability(__VA_ARGS__))
/// A function that is only called where the lock is held, in a way that Clang cannot see: through another name of it.
#define SSE_ASSERT_CAPABILITY(...) SSE_THREAD_ANNOTATION(assert_capability(__VA_ARGS__))
#define SSE_RETURN_CAPABILITY(lock) SSE_THREAD_ANNOTATION(lock_returned(lock))
/// A function that Clang cannot follow. A comment says why.
#define SSE_NO_THREAD_SAFETY_ANALYSIS SSE_THREAD_ANNOTATION(no_thread_safety_analysis)
