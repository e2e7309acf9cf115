// SPDX-License-Identifier: MIT
// Chooses between a header-only library, the default, and one that src.hpp compiles once. Bodies are in .ipp files, and
// a header includes its own if SSE_HEADER_ONLY is defined.

#pragma once

#if defined(SSE_SEPARATE_COMPILATION)
#define SSE_DECL
#else
#define SSE_DECL inline
#define SSE_HEADER_ONLY
#endif
