#include <sse/sse.hpp>

#include <cstdlib>

// For tests/matrix/platforms.sh, compiled with -fvisibility=hidden: once as a shared library, which emits, and once
// with SSE_TEST_PROGRAM, which reads. There is one manager of the process.

#if defined(SSE_TEST_PROGRAM)
extern "C" void emit();

int main() {
  sse::EventStream stream = sse::get_sse_manager()->add_connection("reader");
  emit();
  while (const auto event = stream.try_next())
    if (event->type() == "greeting") return EXIT_SUCCESS;
  return EXIT_FAILURE;
}
#else
extern "C" __attribute__((visibility("default"))) void emit() {
  sse::emit_sse_event("greeting", {{"answer", 42}});
}
#endif
