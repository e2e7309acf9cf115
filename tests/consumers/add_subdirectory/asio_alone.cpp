// A file without sse, in a program that has it: one class of Asio must not be two.
#if defined(__clang__) && __clang_major__ < 19 && !defined(__apple_build_version__)
#if !defined(ASIO_DISABLE_THREAD_KEYWORD_EXTENSION) || !defined(BOOST_ASIO_DISABLE_THREAD_KEYWORD_EXTENSION)
#error "sse::sse must define these for Clang before 19"
#endif
#endif
