#include <string>
#include <utility>
#include <vector>

#include "support.hpp"

namespace {

TEST_CASE("a stream whose socket the service has closed was drained, not left by its peer, whatever came first") {
  for (const bool event_first : {false, true}) {
    std::vector<sse::EndReason> ends;
    sse::Observer observer;
    observer.connection_removed = [&](const sse::ConnectionRow& row, auto) { ends.push_back(row.ended.value()); };
    sse::EventManager events;
    events.set_observer(observer);
    asio::io_context io;
    tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    tcp::socket peer(io);
    peer.connect(acceptor.local_endpoint());
    tcp::socket socket = acceptor.accept();
    asio::co_spawn(io, sse::write_events(socket, events.add_connection()), asio::detached);
    io.poll();
    if (event_first) events.emit_event("x", 1);  // its write comes first, and finds the socket closed
    socket.close();
    io.restart();
    io.run_for(patience);
    REQUIRE(io.stopped());
    INFO("event first: " << event_first);
    CHECK(ends == std::vector{sse::EndReason::drained});
  }
}

}  // namespace
