// The one source file that has Asio's code, where the others are compiled with ASIO_SEPARATE_COMPILATION.
#include <sse/config.hpp>

#if defined(SSE_USE_BOOST_ASIO)
#include <boost/asio/impl/src.hpp>
#else
#include <asio/impl/src.hpp>
#endif
