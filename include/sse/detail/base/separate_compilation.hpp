// SPDX-License-Identifier: MIT
// Chooses between a header-only library, the default, and one that src.hpp compiles once. Bodies stand in .ipp files
// beside the header that declares them; a header includes its own where SSE_HEADER_ONLY is defined.

#pragma once

#if defined(SSE_SEPARATE_COMPILATION)
#define SSE_DECL
#else
#define SSE_DECL inline
#define SSE_HEADER_ONLY
#endif
