#include <sse/sse.hpp>

#include <cstdlib>
#include <iostream>

// Defined in the other file, so that both are linked together.
bool reads_over_coroutine(sse::EventManager& events);

int main() {
  sse::EventManager events;
  sse::EventStream stream = events.add_connection("consumer");
  if (events.emit_event("greeting", {{"answer", 42}}) != 1) return EXIT_FAILURE;
  while (auto event = stream.try_next()) {
    if (event->type() != "greeting") continue;
    std::cout << event->json() << '\n';
    return reads_over_coroutine(events) ? EXIT_SUCCESS : EXIT_FAILURE;
  }
  return EXIT_FAILURE;
}
