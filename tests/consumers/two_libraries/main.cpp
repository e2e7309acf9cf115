#include <cstdlib>

// Of the library emitter, and of the library reader.
void emit();
void connect();
bool has_greeting();

int main() {
  connect();
  emit();
  return has_greeting() ? EXIT_SUCCESS : EXIT_FAILURE;
}
