// With Clang and Asio before 1.23, and without ASIO_HAS_CO_AWAIT, there is nothing left to switch coroutines on.
#include <asio.hpp>
//
#include <sse/sse.hpp>
