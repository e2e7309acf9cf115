// Events that outlive the process: clients do not see a deploy, a crash, or an old and a new process side by side.
#include <sse/http.hpp>
#include <sse/sqlite_log.hpp>
#include <sse/sse.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

int main(int argc, char** argv) {
  try {
    sse::Options settings;
    settings.history_size = 10'000;  // the log keeps as many
    settings.log = std::make_shared<sse::SqliteLog>(argc > 2 ? argv[2] : "events.db");
    sse::EventManager events(settings);

    sse::Observer observer;
    observer.log_state = [](sse::LogState state, std::string_view what) {
      std::clog << "the log is " + std::string(to_string(state)) + ' ' + std::string(what) + '\n';
    };
    events.set_observer(observer);

    asio::io_context io(1);
    const auto port = static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 8080);
    asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), port});
    std::cout << "http://" << acceptor.local_endpoint() << "/events" << std::endl;

    asio::cancellation_signal stop;
    asio::co_spawn(io, sse::serve(std::move(acceptor), events),
                   asio::bind_cancellation_slot(stop.slot(), asio::detached));
    asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&](auto, auto) { stop.emit(asio::cancellation_type::terminal); });

    events.emit_event("started", {{"pid", 1}});
    io.run();
  } catch (const std::exception& error) {  // for example sse::Error: no such directory, another application's file
    std::cerr << error.what() << '\n';
    return 1;
  }
}
