#pragma once

#include <boost/optional.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "../common/request_rules.hpp"
#include "peer.hpp"

// A proxy's changes to the heads that pass through it (RFC 9110, 7.6; RFC 9112, 6).
namespace dashboard {

using RequestHead = http::request_header<>;
using ResponseHead = http::response_header<>;

using Refusal = request_rules::Refusal;

/// Why a request is refused before it is relayed. Afterwards request_rules::make_origin_form.
Refusal check_request(const RequestHead& head);

/// The protocol that a request asks for and that the answer agrees to; empty: none.
std::string_view wanted_upgrade(const RequestHead& head);

http::request<http::empty_body> request_for_upstream(const RequestHead& head, const tcp::endpoint& client,
                                                     const std::string& upstream_authority);

/// The fields of an upstream's answer, for a client that speaks `version`. The framing is the caller's.
http::response<http::empty_body> response_for_client(const ResponseHead& head, unsigned version);

}  // namespace dashboard
