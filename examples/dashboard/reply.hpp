#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <string_view>

#include "peer.hpp"

namespace dashboard {

/// A response that the proxy makes itself.
using Reply = http::response<http::string_body>;

/// A few words of text, for what the proxy has to say in the place of the upstream.
inline Reply text_reply(unsigned status, std::string_view text) {
  Reply reply;
  reply.result(status);
  reply.set(http::field::content_type, "text/plain; charset=utf-8");
  reply.set("X-Content-Type-Options", "nosniff");
  reply.body() = "dashboard: " + std::string(text) + "\n";
  return reply;
}

/// Completes the head for this client and writes the whole; a HEAD gets the head alone.
inline asio::awaitable<void> write_reply(Peer& client, Reply& reply, unsigned version, bool keep_alive, bool head_only,
                                         error_code& error) {
  reply.version(version);
  reply.prepare_payload();
  reply.keep_alive(keep_alive);
  http::response_serializer<http::string_body> serializer(reply);
  if (head_only)
    co_await http::async_write_header(client.socket, serializer, to(error));
  else
    co_await http::async_write(client.socket, serializer, to(error));
}

}  // namespace dashboard
