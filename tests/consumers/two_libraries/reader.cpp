#include <sse/sse.hpp>

namespace {

sse::EventStream& stream() {
  static sse::EventStream made = sse::get_sse_manager()->add_connection("reader");
  return made;
}

}  // namespace

void connect() {
  stream();
}

bool has_greeting() {
  while (auto event = stream().try_next()) {
    if (event->type() == "greeting") return true;
  }
  return false;
}
