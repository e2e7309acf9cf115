// SPDX-License-Identifier: MIT
// The front door: events, streams and their manager, without a socket. http.hpp serves them.

#pragma once

#include "sse/config.hpp"
#include "sse/event.hpp"
#include "sse/event_manager.hpp"
#include "sse/event_stream.hpp"
#include "sse/global.hpp"
