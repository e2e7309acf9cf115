#include <sse/sse.hpp>

void emit() {
  sse::emit_sse_event("greeting", {{"answer", 42}});
}
