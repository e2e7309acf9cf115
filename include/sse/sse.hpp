#pragma once

/// The front door: events, streams and their manager, without a socket (`sse/http.hpp` has those).

#include "sse/config.hpp"
#include "sse/event.hpp"
#include "sse/event_manager.hpp"
#include "sse/event_stream.hpp"
#include "sse/global.hpp"
