// In another order than in the first file.
// clang-format off
#include <sse/wire.hpp>
#include <sse/url.hpp>
#include <sse/testing_client.hpp>
#include <sse/testing.hpp>
#include <sse/stats.hpp>
#include <sse/sse.hpp>
#include <sse/ring_buffer.hpp>
#include <sse/response.hpp>
#include <sse/request.hpp>
#include <sse/parser.hpp>
#include <sse/options.hpp>
#include <sse/metrics.hpp>
#include <sse/http.hpp>
#include <sse/global.hpp>
#include <sse/event_stream.hpp>
#include <sse/event_manager.hpp>
#include <sse/event.hpp>
#include <sse/client.hpp>
#include <sse/any_stream.hpp>
// clang-format on

#include <utility>

sse::EventManager* manager_of_other_file();
sse::EventManager* manager_of_other_file() {
  return sse::get_sse_manager().get();
}

// Linked with the same in the first file.
sse::asio::awaitable<void> serve_too(sse::asio::ip::tcp::acceptor acceptor, sse::EventManager& events);
sse::asio::awaitable<void> serve_too(sse::asio::ip::tcp::acceptor acceptor, sse::EventManager& events) {
  co_await sse::serve(std::move(acceptor), events);
}
