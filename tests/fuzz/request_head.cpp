// The request head: accepted or refused alike however the bytes are cut, within its limits; and what is asked of a
// request afterwards holds whatever is in it.
#include <sse/http.hpp>

#include <optional>
#include <string>

#include "support.hpp"

namespace {

struct Outcome {
  std::optional<sse::Request> request;
  unsigned status = 0;  ///< 0: not complete yet, or accepted
};

template <class Cut>
Outcome read(std::string_view bytes, Cut&& cut) {
  sse::RequestLimits limits;
  limits.max_head_size = 256;
  limits.max_headers = 8;
  sse::detail::RequestReader reader(limits);
  Outcome outcome;
  bool over = false;
  std::size_t used = 0;
  cut(bytes, [&](std::string_view piece) {
    used += piece.size();
    if (over) return;
    try {
      if (!reader.feed(piece)) return;
      outcome.request = reader.take("");
      outcome.request->rest.append(bytes.substr(used));  // what a later read would have given
    } catch (const sse::HttpError& bad) {
      outcome.status = bad.status();
      EXPECT(bad.status() >= 400 && bad.status() < 600);
    }
    over = true;
  });
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::uint8_t seed = input.byte();
  const Outcome whole = read(input.rest(), [](std::string_view bytes, auto&& use) { use(bytes); });
  const Outcome cut = read(input.rest(), [&](std::string_view bytes, auto&& use) { in_pieces(bytes, seed, use); });
  EXPECT(whole.status == cut.status);
  EXPECT(whole.request.has_value() == cut.request.has_value());
  if (!whole.request) return 0;
  const sse::Request& request = *whole.request;
  EXPECT(request.method == cut.request->method && request.target == cut.request->target);
  EXPECT(request.headers == cut.request->headers && request.rest == cut.request->rest);
  EXPECT(request.headers.size() <= 8);
  for (const std::string& value : request.query_values("topic")) EXPECT(value.size() <= request.query.size() * 3);

  try {
    sse::Options options;
    options.history_size = 2;
    sse::EventManager events(options);
    events.emit_event("x", 1);
    sse::EventStream stream = events.add_connection(sse::connection_options(request));
    const auto first = stream.try_next();
    EXPECT(first && first->type() == "connection");
  } catch (const sse::HttpError& error) {
    EXPECT(error.status() >= 400 && error.status() < 600);
  }
  return 0;
}
