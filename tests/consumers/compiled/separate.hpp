#if !defined(SSE_SEPARATE_COMPILATION)
#error "sse::compiled is linked without its definition"
#endif
