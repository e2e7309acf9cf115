// Everything that emits: events, JSON, plain messages, topics, keys, one connection. It prints what a reader gets.
#include <sse/sse.hpp>

#include <iostream>
#include <stdexcept>

struct Price {
  double bid = 0;
};
void to_json(nlohmann::json& json, const Price& price) {
  if (price.bid < 0) throw std::invalid_argument("a price must not be negative");
  json = {{"bid", price.bid}};
}

void print_waiting(sse::EventStream& stream) {
  while (auto event = stream.try_next()) std::cout << event->json() << '\n';
}

int main() {
  sse::Options options;
  options.max_queue_size = 100;   // events that may wait for one connection
  options.history_size = 10'000;  // events kept for clients that come back
  sse::EventManager events(options);
  sse::EventStream tab = events.add_connection("tab-1");

  // Any thread may emit. An emit never waits for a reader.
  events.emit_event("progress", {{"percent", 40}});
  events.emit_event("price", Price{1.07});       // any type with a to_json
  events.emit_json("price", R"({"bid":1.08})");  // JSON that you have already; it is not validated
  print_waiting(tab);

  // A topic restricts who gets an event, a key says which value it updates, and a transient event is not kept.
  sse::ConnectionOptions newest;
  newest.topics = {"prices"};
  newest.overflow_policy = sse::OverflowPolicy::keep_newest;
  newest.max_queue_size = 2;
  sse::EventStream ticker = events.add_connection(newest);
  sse::EmitOptions tick;
  tick.topic = "prices";
  tick.key = "EUR/USD";
  tick.transient = true;
  for (const double bid : {1.09, 1.10, 1.11}) events.emit_event("price", Price{bid}, tick);
  std::cout << "ticker:\n";
  print_waiting(ticker);

  // A message goes out without the envelope, as language-model APIs and MCP want it.
  events.emit_message("", "[DONE]");
  events.send_message("tab-1", "message", R"({"jsonrpc":"2.0","method":"ping"})");
  events.send_event("tab-1", "hello", {{"you", "only"}});  // false: no connection has this id

  // If data cannot be formatted, the emitter gets the exception, and the clients get an `error` event.
  try {
    events.emit_event("price", Price{-1});
  } catch (const std::invalid_argument& error) {
    std::cout << "not emitted: " << error.what() << '\n';
  }
  events.disconnect("tab-1", "logged out");
  std::cout << "tab-1:\n";
  print_waiting(tab);
}
