// SPDX-License-Identifier: MIT
// Included after the last namespace of each header; it undoes push_options.hpp. It has no include guard.

#pragma pop_macro("emit")

#if defined(__GNUC__)
#if !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#pragma GCC visibility pop
#endif
