// SPDX-License-Identifier: MIT
// Decides whether a stream is compressed, and says so in the headers of its response.

#pragma once

#include "sse/detail/base/owned.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/gzip/event_chain.hpp"
#include "sse/event_manager.hpp"
#include "sse/http_options.hpp"
#include "sse/options.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The tap of a request's connection, whose manager compresses and whose client accepts it. Null: it goes plain. Adds
/// the headers of either case to `stream`. It must be destroyed before the manager or behind the connection's stream.
SSE_DECL Owned<EventTap> open_tap(EventManager& manager, const Request& request, const ConnectionOptions& connection,
                                  StreamOptions& stream);
/// Takes the header of a compressed stream off again, for an answer in its place.
SSE_DECL void leave_plain(StreamOptions& stream);

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
