// Which Host headers a server on localhost answers. A page of a stranger's site can give its own name this machine's
// address (DNS rebinding) and would then read what is served here; but its requests have that name as their Host.
#pragma once

#include <sse/config.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace local_host {

/// The host of `HOST[:PORT]`, in lower case, an IPv6 address without its brackets.
inline std::string host_of(std::string_view authority) {
  const bool bracketed = authority.starts_with('[');
  const std::size_t end = std::min(authority.find(bracketed ? ']' : ':'), authority.size());
  std::string host(authority.substr(0, end).substr(bracketed ? 1 : 0));
  for (char& c : host)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return host;
}

/// The hosts that are answered.
class Allowed {
 public:
  /// `listen`: where the server listens. `more`: names that are answered, too; `*`: all.
  Allowed(const sse::asio::ip::address& listen, std::vector<std::string> more)
      : all_(!listen.is_loopback() || std::find(more.begin(), more.end(), "*") != more.end()), more_(std::move(more)) {
    for (std::string& name : more_) name = host_of(name);
  }

  /// `host`: the Host header. A request without one (HTTP/1.0) is not a browser's.
  bool contains(std::string_view host_header) const {
    if (all_ || host_header.empty()) return true;
    const std::string host = host_of(host_header);
    sse::error_code not_address;
    (void)sse::asio::ip::make_address(host, not_address);
    if (!not_address) return true;  // no name was looked up, so none was rebound
    return host == "localhost" || host.ends_with(".localhost") ||
           std::find(more_.begin(), more_.end(), host) != more_.end();
  }

 private:
  bool all_;
  std::vector<std::string> more_;
};

inline void add_host(CLI::App& app, std::vector<std::string>& hosts) {
  app.add_option("--host", hosts,
                 "Another name in the Host header that is answered while it listens on localhost, perhaps several "
                 "times; '*': any [localhost and addresses]")
      ->type_name("NAME")
      ->allow_extra_args(false);
}

}  // namespace local_host
