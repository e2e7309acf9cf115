// SPDX-License-Identifier: MIT
// Finds the socket under a stream that is wrapped around it. For example under a TLS stream or one of Beast's.

#pragma once

#include <type_traits>
#include <utility>

#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The socket under a stream that is wrapped around it (TLS, Beast's tcp_stream).
template <class Stream>
auto& lowest_layer(Stream& stream) {
  if constexpr (requires { stream.next_layer(); })
    return lowest_layer(stream.next_layer());
  else if constexpr (requires { stream.socket(); })
    return stream.socket();
  else
    return stream;
}

template <class Stream>
using LowestLayer = std::remove_reference_t<decltype(lowest_layer(std::declval<Stream&>()))>;

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
