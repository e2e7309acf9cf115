#include <sse/sse.hpp>

// For tests/matrix/platforms.sh, compiled twice: once with SSE_TEST_CALLER. With two configurations, standalone Asio
// and Boost.Asio, the two do not link; with one they do.

void emit(sse::EventManager& events);

#if defined(SSE_TEST_CALLER)
int main() {
  sse::EventManager events;
  emit(events);
}
#else
void emit(sse::EventManager& events) {
  events.emit_event("greeting", {{"answer", 42}});
}
#endif
