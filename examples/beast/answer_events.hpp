// All that a Boost.Beast server needs to send events: a function to copy.
#pragma once

#include <sse/response.hpp>

#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/http/message.hpp>

/// Answers a request that Beast has read: with the events, from where the client was, till the stream ends or the peer
/// is gone; a HEAD with their head alone, and one that a limit keeps out with that. Then the connection is to be
/// closed.
template <class Stream, class Body, class Fields>
boost::asio::awaitable<void> answer_events(Stream& stream, sse::EventManager& events,
                                           const boost::beast::http::request<Body, Fields>& message,
                                           sse::StreamOptions options = {}) {
  sse::Request request(message.method_string(), message.target());
  for (const auto& field : message) request.headers.emplace_back(field.name_string(), field.value());
  boost::beast::get_lowest_layer(stream).expires_never();  // a stream has time-outs of its own
  co_await sse::write_events(stream, events, request, options);
}
