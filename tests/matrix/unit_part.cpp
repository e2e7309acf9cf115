// Unit tests that need no system but C++ and Asio, in one program without Catch2's library: the parser, frames, queues,
// the history, ids, URLs and what else computes. And one of the socket tests, because Windows tells otherwise that a
// socket was closed.
#include "../socket/cut.cpp"
#include "../unit/backoff.cpp"
#include "../unit/clocks.cpp"
#include "../unit/cookies.cpp"
#include "../unit/error.cpp"
#include "../unit/event.cpp"
#include "../unit/event_manager.cpp"
#include "../unit/filters.cpp"
#include "../unit/history.cpp"
#include "../unit/hostile_text.cpp"
#include "../unit/ids.cpp"
#include "../unit/limits.cpp"
#include "../unit/messages.cpp"
#include "../unit/overflow.cpp"
#include "../unit/parser.cpp"
#include "../unit/parser_published.cpp"
#include "../unit/proxy.cpp"
#include "../unit/ring_buffer.cpp"
#include "../unit/stats.cpp"
#include "../unit/topics.cpp"
#include "../unit/url.cpp"

int main() {
  return catch2_part::run_all();
}
