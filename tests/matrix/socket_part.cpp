// The socket tests, in one program without Catch2's library, for Windows.
#include "../socket/accepting.cpp"
#include "../socket/bodies.cpp"
#include "../socket/client.cpp"
#include "../socket/client_answers.cpp"
#include "../socket/client_cancel.cpp"
#include "../socket/client_requests.cpp"
#include "../socket/cut.cpp"
#include "../socket/heads.cpp"
#include "../socket/operating.cpp"
#include "../socket/readme.cpp"
#include "../socket/resuming.cpp"
#include "../socket/serving.cpp"
#include "../socket/serving_requests.cpp"
#include "../socket/streams.cpp"
#include "../socket/testing_kit.cpp"

// Left out, as by CMakePresets.json: allocations that fail within Asio's completion port, a descriptor that is taken
// from its socket, the number of sockets, and the error that a reset is told as.
int main() {
  return catch2_part::run_all({"without memory serve keeps", "write_events answers for itself",
                               "acceptor that can't be used", "aborted before and after", "300 hostile clients",
                               "closes in the middle is told", "a refusal and a wrong coding"});
}
