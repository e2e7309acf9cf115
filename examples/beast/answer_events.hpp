// All that a Boost.Beast server needs to send events: a function to copy.
#pragma once

#include <sse/response.hpp>

#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/http/message.hpp>

/// A request that Beast has read, as the library has it: for `sse::connection_options`, and to look at its query.
template <class Body, class Fields>
sse::Request request_of(const boost::beast::http::request<Body, Fields>& message) {
  sse::Request request(message.method_string(), message.target());
  for (const auto& field : message) request.headers.emplace_back(field.name_string(), field.value());
  return request;
}

/// Answers it with the events, till the stream ends or the peer is gone; a HEAD with their head alone, and one that a
/// limit keeps out with that. `connection` begins as `sse::connection_options(request)`: from where the client was.
/// Then the connection is to be closed.
template <class Stream>
boost::asio::awaitable<void> answer_events(Stream& stream, sse::EventManager& events, const sse::Request& request,
                                           const sse::ConnectionOptions& connection,
                                           const sse::StreamOptions& options = {}) {
  boost::beast::get_lowest_layer(stream).expires_never();  // a stream has time-outs of its own
  co_await sse::write_events(stream, events, request, options, connection);
}
