#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <iostream>
#include <memory>
#include <sse/sse.hpp>

#include "../common/event_log.hpp"
#include "arguments.hpp"
#include "demo_load.hpp"
#include "demo_upstream.hpp"
#include "proxy.hpp"

namespace dashboard {
namespace {

/// A descriptor for each client and one for its upstream: the usual soft limit of 1024 is soon reached.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void listen(tcp::acceptor& acceptor, const tcp::endpoint& endpoint) {
  acceptor.open(endpoint.protocol());
  acceptor.set_option(tcp::acceptor::reuse_address(true));
  acceptor.bind(endpoint);
  acceptor.listen();
}

/// An address that a browser can open: a wildcard is not one.
tcp::endpoint reachable(tcp::endpoint endpoint) {
  if (!endpoint.address().is_unspecified()) return endpoint;
  if (endpoint.address().is_v6()) return {asio::ip::address_v6::loopback(), endpoint.port()};
  return {asio::ip::address_v4::loopback(), endpoint.port()};
}

sse::Options event_options(const Arguments& arguments) {
  sse::Options options;
  options.max_queue_size = arguments.max_queue_size;
  options.history_size = arguments.history;
  log_option::set_log(options, arguments.log);
  return options;
}

asio::awaitable<void> stop_at_signal(asio::io_context& io, tcp::acceptor& acceptor, Proxy& proxy, DemoLoad* load) {
  asio::signal_set signals(io, SIGINT, SIGTERM);
  co_await signals.async_wait(asio::use_awaitable);
  signals.clear();  // a second signal has its usual effect
  error_code ignored;
  acceptor.close(ignored);
  if (load) load->stop();
  co_await proxy.stop();
  io.stop();
}

int run(const Arguments& arguments) {
  raise_descriptor_limit();
  // Declared before the context, whose end destroys the coroutines that use them.
  std::unique_ptr<Proxy> proxy;
  std::unique_ptr<DemoLoad> load;
  DemoUpstream demo_upstream;
  asio::io_context io(1);

  tcp::acceptor acceptor(io);
  try {
    listen(acceptor, arguments.listen);
  } catch (const boost::system::system_error& error) {
    std::cerr << "dashboard: cannot listen on " << to_text(arguments.listen) << ": " << error.code().message()
              << std::endl;
    return 1;
  }

  tcp::acceptor demo_acceptor(io);
  UpstreamAddress upstream;
  if (arguments.upstream) {
    upstream = *arguments.upstream;
  } else {
    listen(demo_acceptor, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    upstream = {"127.0.0.1", demo_acceptor.local_endpoint().port()};
    load = std::make_unique<DemoLoad>(reachable(acceptor.local_endpoint()));
    asio::co_spawn(io, demo_upstream.serve(demo_acceptor), asio::detached);
    asio::co_spawn(io, load->run(), asio::detached);
  }
  proxy = std::make_unique<Proxy>(upstream, event_options(arguments), arguments.max_connections, arguments.timeout,
                                  local_host::Allowed(arguments.listen.address(), arguments.hosts));
  asio::co_spawn(io, proxy->accept(acceptor), asio::detached);
  asio::co_spawn(io, stop_at_signal(io, acceptor, *proxy, load.get()), asio::detached);

  std::cout << "dashboard: http://" << to_text(reachable(acceptor.local_endpoint())) << "/_sse/" << std::endl;
  io.run();
  return 0;
}

}  // namespace
}  // namespace dashboard

int main(int argc, char** argv) {
  dashboard::Arguments arguments;
  const auto status = dashboard::parse_arguments(argc, argv, arguments);
  if (status) return *status;
  try {
    return dashboard::run(arguments);
  } catch (const std::exception& error) {
    std::cerr << "dashboard: " << error.what() << std::endl;
    return 1;
  }
}
