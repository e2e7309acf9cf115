#include "headers.hpp"

#include <algorithm>
#include <vector>

namespace dashboard {
namespace {

/// The fields that belong to one connection, among them those that `Connection` names.
class HopByHop {
 public:
  explicit HopByHop(const http::fields& fields) {
    const auto connection = fields.equal_range(http::field::connection);
    for (auto it = connection.first; it != connection.second; ++it)
      for (const auto& name : http::token_list(it->value())) named_.emplace_back(name);
  }

  bool contains(const http::fields::value_type& field) const {
    switch (field.name()) {
      case http::field::connection:
      case http::field::keep_alive:
      case http::field::proxy_connection:
      case http::field::proxy_authenticate:
      case http::field::proxy_authorization:
      case http::field::te:
      case http::field::trailer:
      case http::field::transfer_encoding:
      case http::field::upgrade: return true;
      default:
        return std::any_of(named_.begin(), named_.end(),
                           [&](const std::string& name) { return beast::iequals(name, field.name_string()); });
    }
  }

 private:
  std::vector<std::string> named_;
};

/// Length and Host are the caller's: no `Connection: host` takes them away.
void copy_end_to_end(const http::fields& from, http::fields& to) {
  const HopByHop hop_by_hop(from);
  for (const auto& field : from)
    if (field.name() != http::field::content_length && field.name() != http::field::host && !hop_by_hop.contains(field))
      to.insert(field.name_string(), field.value());
}

template <class Name>
void append(http::fields& fields, Name name, std::string_view value) {
  std::string all;
  const auto present = fields.equal_range(name);
  for (auto it = present.first; it != present.second; ++it) all.append(it->value()).append(", ");
  all.append(value);
  fields.set(name, all);
}

/// Via names the version in which the message was received.
void append_via(http::fields& fields, unsigned version) {
  append(fields, http::field::via, version == 10 ? "1.0 dashboard" : "1.1 dashboard");
}

}  // namespace

Refusal check_request(const RequestHead& head) {
  if (const Refusal refusal = request_rules::check(head); refusal.status != 0) return refusal;
  // The upstream speaks http.
  if (beast::iequals(head.target().substr(0, 6), "https:"))
    return {400, "the target is neither a path nor an http URL"};
  std::size_t hops = 0;
  const auto via = head.equal_range(http::field::via);
  for (auto it = via.first; it != via.second; ++it) {
    const std::string_view value = it->value();
    hops += 1 + static_cast<std::size_t>(std::count(value.begin(), value.end(), ','));
  }
  if (hops > 16) return {508, "this request goes round in a circle"};
  return {};
}

std::string_view wanted_upgrade(const RequestHead& head) {
  if (head.version() != 11 || head.count(http::field::upgrade) != 1) return {};
  if (!http::token_list(head[http::field::connection]).exists("upgrade")) return {};
  return head[http::field::upgrade];
}

http::request<http::empty_body> request_for_upstream(const RequestHead& head, const tcp::endpoint& client,
                                                     const std::string& upstream_authority) {
  http::request<http::empty_body> request;
  request.version(11);
  request.method_string(head.method_string());
  request.target(head.target());
  // Some services look for Host before all else, and `Connection: host` must not take it away.
  const auto host = head.find(http::field::host);
  const std::string host_text(host == head.end() ? beast::string_view(upstream_authority) : host->value());
  request.set(http::field::host, host_text);
  copy_end_to_end(head, request);
  if (head.version() == 10) request.erase(http::field::expect);
  append(request, beast::string_view("X-Forwarded-For"), client.address().to_string());
  request.set("X-Forwarded-Proto", "http");
  request.set("X-Forwarded-Host", host_text);
  append_via(request, head.version());
  return request;
}

http::response<http::empty_body> response_for_client(const ResponseHead& head, unsigned version) {
  http::response<http::empty_body> response;
  response.version(version);
  response.result(head.result_int());
  response.reason(head.reason());
  copy_end_to_end(head, response);
  append_via(response, head.version());
  return response;
}

}  // namespace dashboard
