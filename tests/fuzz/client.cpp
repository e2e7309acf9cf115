// The client over connections in memory: the messages, the end and the requests do not depend on how the bytes are cut;
// each request is one that a strict server takes; and secrets stay at their origin.
#include <sse/client.hpp>
#include <sse/detail/http1/head_parser.hpp>

#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../parts.hpp"
#include "support.hpp"

namespace {

namespace asio = sse::asio;

/// The separator between the answers of an input: each is for a connection of its own.
constexpr char separator = '\x1E';

struct Visit {
  sse::Url url;
  std::string request, answer;
  bool operator==(const Visit& other) const {
    return url.to_string() == other.url.to_string() && request == other.request;
  }
};

struct Outcome {
  std::vector<Visit> visits;
  std::vector<std::string> told;  ///< Messages and errors, in order.
  bool operator==(const Outcome&) const = default;
};

sse::ClientOptions options_of(std::uint8_t flags) {
  sse::ClientOptions options;
  options.method = (flags & 1) != 0 ? "POST" : "GET";
  options.body = (flags & 1) != 0 ? "secret-body" : "";
  options.reconnect = (flags & 2) == 0;
  options.keep_cookies = (flags & 4) == 0;
  options.headers = {{"Authorization", "secret-token"}, {"Content-Type", "text/plain"}};
  if ((flags & 8) != 0) options.headers.emplace_back("Cookie", "own=secret-cookie");
  options.make_headers = []() -> asio::awaitable<sse::Headers> {
    co_await asio::this_coro::executor;
    co_return sse::Headers{{"X-Key", "secret-key"}};
  };
  options.retry = options.min_retry = options.max_retry = std::chrono::milliseconds(0);
  options.max_failures = 20;
  options.max_message_size = 200;
  options.max_head_size = 1000;
  options.max_headers = 8;
  options.max_id_size = 20;
  options.max_error_body_size = 50;
  options.max_redirects = 5;
  return options;
}

template <class Cut>
Outcome run(const std::string& url, std::uint8_t flags, const std::vector<std::string>& answers, Cut&& cut) {
  Outcome outcome;
  outcome.visits.reserve(answers.size());  // a connection has a reference
  sse::ClientOptions options = options_of(flags);
  options.connect = [&](sse::Url to) -> asio::awaitable<sse::AnyStream> {
    const auto executor = co_await asio::this_coro::executor;
    if (outcome.visits.size() == answers.size()) throw std::logic_error("no more connections");
    const std::string& answer = answers[outcome.visits.size()];
    Visit& visit = outcome.visits.emplace_back(Visit{std::move(to), "", answer});
    std::vector<std::string> pieces;
    cut(answer, [&](std::string_view piece) { pieces.emplace_back(piece); });
    co_return sse_test::Parts(executor, std::move(pieces), &visit.request);
  };
  asio::io_context io(1);
  sse::Client client(url, std::move(options));
  const auto read = [&]() -> asio::awaitable<void> {
    for (bool over = false; !over;) {
      std::string text;
      try {
        const std::optional<sse::Message> message = co_await client.next();
        over = !message;
        text = message ? message->type + '|' + message->data + '|' + message->last_event_id : "end";
      } catch (const sse::BadResponse& bad) {
        text = std::to_string(bad.status()) + bad.what() + bad.body();
      } catch (const std::exception& error) {
        text = error.what();
      }
      outcome.told.push_back(std::move(text));
    }
  };
  asio::co_spawn(io, read(), asio::detached);
  io.run();
  EXPECT(!outcome.told.empty() && outcome.told.back() == "end");
  return outcome;
}

/// A request is whole, and nothing in it can be read as another one.
void check_request(const Visit& visit, std::uint8_t flags) {
  sse::detail::HeadParser head(100'000, 100);
  std::string line;
  EXPECT(head.feed(visit.request, [&](std::string_view start) { line = start; }));
  EXPECT(line.ends_with(" HTTP/1.1") && line.find(' ') == line.rfind(' ', line.size() - 10));
  EXPECT(head.unique_header("Host") && *head.unique_header("Host") == visit.url.authority());
  const std::string* const id = head.unique_header("Last-Event-ID");
  EXPECT(!id || id->size() <= 20);
  EXPECT(head.rest().size() == head.content_length().value_or(0));
  EXPECT(head.rest().empty() || (flags & 1) != 0);
}

/// The cookies of a request are those that the answers of its origin have set, or the user's own.
void check_cookies(const Visit& visit, const std::string& answers_of_origin, bool at_home) {
  const std::size_t at = visit.request.find("\r\nCookie: ");
  if (at == visit.request.npos) return;
  std::string_view cookies = std::string_view(visit.request).substr(at + 10);
  cookies = cookies.substr(0, cookies.find("\r\n"));
  EXPECT(cookies.size() <= sse::detail::CookieJar::max_size * 3);
  while (!cookies.empty()) {
    const std::string_view one = cookies.substr(0, cookies.find("; "));
    cookies.remove_prefix(std::min(one.size() + 2, cookies.size()));
    const std::string_view value = one.substr(std::min(one.find('=') + 1, one.size()));
    EXPECT(answers_of_origin.find(value) != answers_of_origin.npos || (at_home && one == "own=secret-cookie"));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::uint8_t seed = input.byte(), flags = input.byte();
  const std::string url = (flags & 16) != 0 ? "https://home/a/events" : "http://home/a/events";
  std::vector<std::string> answers(1);
  for (const char c : input.rest()) {
    if (c == separator && answers.size() < 16)
      answers.emplace_back();
    else
      answers.back().push_back(c);
  }
  const auto whole = [](std::string_view bytes, auto&& use) {
    if (!bytes.empty()) use(bytes);
  };
  const auto pieces = [&](std::string_view bytes, auto&& use) { in_pieces(bytes, seed, use); };
  const Outcome outcome = run(url, flags, answers, whole);
  EXPECT(outcome == run(url, flags, answers, pieces));

  const sse::Url home(url);
  // libFuzzer puts texts that it has seen into its inputs, so that a redirect may have them in its target.
  const bool knows_secrets = input.rest().find("secret") != std::string_view::npos;
  bool foreign = false;
  std::map<std::string, std::string> answers_of;
  for (const Visit& visit : outcome.visits) {
    check_request(visit, flags);
    const bool at_home = visit.url.same_origin(home);
    const std::string head = visit.request.substr(0, visit.request.find("\r\n\r\n"));
    EXPECT(at_home || knows_secrets || head.find("secret") == head.npos);
    EXPECT(home.scheme != "https" || visit.url.scheme == "https");
    const std::string origin = visit.url.scheme + visit.url.authority();
    check_cookies(visit, answers_of[origin], at_home);
    answers_of[origin] += visit.answer;
    foreign = foreign || !at_home;
  }
  if (!foreign && !outcome.visits.empty()) EXPECT(outcome.visits[0].request.find("secret-token") != std::string::npos);
  return 0;
}
