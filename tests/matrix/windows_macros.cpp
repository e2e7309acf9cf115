// As <windows.h> defines them without NOMINMAX. The standard library's headers come first: libstdc++ undefines them.
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))

#include <sse/parser.hpp>
#include <sse/ring_buffer.hpp>
#include <sse/wire.hpp>

template class sse::RingBuffer<int>;

#if defined(SSE_TEST_WITH_ASIO)
#include <sse/sse.hpp>
#endif
