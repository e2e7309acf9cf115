// SPDX-License-Identifier: MIT
// Included before the first namespace of each header; pop_options.hpp undoes it after the last. It has no include
// guard.

#if defined(__GNUC__)
// A program whose files are compiled with -fvisibility=hidden must still have only one manager of the process.
#pragma GCC visibility push(default)
#if !defined(__clang__)
#pragma GCC diagnostic push
// g++ 12 warns that Asio's own new and delete of a coroutine's frame mismatch.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
// g++ 12 warns that the frame of a coroutine in an .ipp file has more linkage than the coroutine's local types.
#pragma GCC diagnostic ignored "-Wsubobject-linkage"
#endif
#endif

// Qt defines this macro, which would hide asio::cancellation_signal::emit. Asio undefines it in the same manner.
#pragma push_macro("emit")
#undef emit
