// The way of a request through `serve`: who is admitted, and what of its query and headers reaches the connection.

#include <atomic>
#include <set>

#include <sse/browser.hpp>

#include "support.hpp"

namespace {

using Values = std::vector<std::string>;

std::string request_with(std::string_view target, std::string_view headers = {}, std::string_view method = "GET") {
  return std::string(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: x\r\n").append(headers) + "\r\n";
}

std::string answer(const Server& server, std::string_view target, std::string_view headers = {},
                   std::string_view method = "GET") {
  return server.get(request_with(target, headers, method)).read_to_end();
}

int status_of(const Server& server, std::string_view target, std::string_view headers = {}) {
  return server.get(request_with(target, headers)).status();
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != text.npos;
}

sse::Request with_query(std::string query) {
  sse::Request request;
  request.query = std::move(query);
  return request;
}

TEST_CASE("the values of a query are a form's, decoded") {
  const auto values = [](std::string query) { return with_query(std::move(query)).query_values("a"); };
  CHECK(values("a=1&b=2&a=3&aa=4&A=5") == Values{"1", "3"});
  CHECK(values("a=x+y&a=x%2By&a=%c3%A4&a=b%3Dc&a=b=c") == Values{"x y", "x+y", "\xC3\xA4", "b=c", "b=c"});
  CHECK(values("a=%0d%0A%00%7f") == Values{"\r\n\0\x7F"s});
  CHECK(values("%61=1&a&a=&&=&a=2") == Values{"1", "", "", "2"});
  CHECK(values("a=%&a=%4&a=%4g&a=%g4&a=%-1&a=%%34&a=% 1&a=%4") ==
        Values{"%", "%4", "%4g", "%g4", "%-1", "%4", "% 1", "%4"});
  CHECK(values("a=%FF&a=x%C3&a=%ED%A0%80&a=%C0%80") ==
        Values{"\uFFFD", "x\uFFFD", "\uFFFD\uFFFD\uFFFD", "\uFFFD\uFFFD"});
  CHECK(values("") == Values{});
  CHECK(values("&&&") == Values{});
  CHECK(with_query("=1&x=2&=3").query_values("") == Values{"1", "3"});
  CHECK(with_query("x+y=1&x%20y=2").query_values("x y") == Values{"1", "2"});
  CHECK(with_query("a=&a=2").query_value("a") == "");
  CHECK(with_query("a=1&a=2").query_value("a") == "1");
  CHECK_FALSE(with_query("b=1").query_value("a"));
}

TEST_CASE("a request that another parser has read has the parts of its target") {
  const auto parts = [](std::string_view target) {
    const sse::Request request("GET", target);
    CHECK(request.method == "GET");
    CHECK(request.target == target);
    return Values{request.path, request.query};
  };
  CHECK(parts("/") == Values{"/", ""});
  CHECK(parts("/a%20b?c=d?e") == Values{"/a%20b", "c=d?e"});
  CHECK(parts("/a?b=http://c/d") == Values{"/a", "b=http://c/d"});
  CHECK(parts("http://host/a?b") == Values{"/a", "b"});
  CHECK(parts("http://host?b") == Values{"/", "b"});
  CHECK(parts("http://host") == Values{"/", ""});
  CHECK(parts("*") == Values{"*", ""});
  CHECK(parts("host:80") == Values{"host:80", ""});
  CHECK(parts("") == Values{"/", ""});
  CHECK(parts("?") == Values{"/", ""});
}

TEST_CASE("a script is served without admission, with a tag that saves sending it again") {
  sse::ServeOptions options;
  options.script = sse::browser_script;
  options.allowed_origins = {"https://a.example"};
  options.admit = [](const sse::Request&, sse::ConnectionOptions&) { throw sse::HttpError(401, "Who are you?"); };
  const Server server(options);
  const auto ask = [&](const std::string& line, const std::string& headers = {}) {
    return server.get(line + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n").read_to_end();
  };
  const std::string whole = ask("GET /sse.js");
  CHECK(whole.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/javascript\r\n"));
  CHECK(whole.find("\r\nCache-Control: no-cache\r\n") != whole.npos);
  CHECK(whole.ends_with(sse::browser_script));
  CHECK(ask("HEAD /sse.js") == whole.substr(0, whole.size() - sse::browser_script.size()));
  const std::size_t at = whole.find("\r\nETag: ") + 8;
  const std::string tag = whole.substr(at, whole.find("\r\n", at) - at);
  const std::string known = ask("GET /sse.js", "If-None-Match: " + tag + "\r\n");
  CHECK(known.starts_with("HTTP/1.1 304 Not Modified\r\n"));
  CHECK(known.ends_with("\r\n\r\n"));
  CHECK(ask("GET /sse.js", "Origin: https://a.example\r\n").find("\r\nAccess-Control-Allow-Origin: ") !=
        std::string::npos);
  CHECK(ask("GET /sse.js", "Origin: https://evil.example\r\n").starts_with("HTTP/1.1 403 "));
  CHECK(ask("POST /sse.js").starts_with("HTTP/1.1 405 "));
  CHECK(ask("GET /events").starts_with("HTTP/1.1 401 "));
  CHECK(Server().get("GET /sse.js HTTP/1.1\r\nHost: x\r\n\r\n").status() == 404);
}

TEST_CASE("a response whose status has no body has none") {
  sse::EventManager events;
  Context context;
  auto [client, socket] = connect(context.io);
  const auto work = [&]() -> asio::awaitable<void> {
    for (const unsigned status : {204u, 205u, 304u}) co_await sse::write_response(socket, status, "a body");
    socket.close();
  };
  Task task(context.io, work());
  CHECK(client.read_to_end() ==
        "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
        "HTTP/1.1 205 \r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n");
  task.get();
}

sse::Request with_headers(std::string query, sse::Headers headers) {
  sse::Request request = with_query(std::move(query));
  request.headers = std::move(headers);
  return request;
}

/// The id that `connection_options` finds, or "earliest", or nothing.
std::optional<std::string> place_of(const std::string& query, const sse::Headers& headers = {}) {
  const sse::ConnectionOptions options = sse::connection_options(with_headers(query, headers));
  CHECK(options.topics.empty());
  CHECK(options.connection_id.empty());
  CHECK(options.request_id.empty());
  CHECK_FALSE((options.last_event_id && options.from_earliest));
  return options.from_earliest ? "earliest" : options.last_event_id;
}

TEST_CASE("the header says where a client goes on; without it lastEventId, and then since") {
  const sse::Headers header = {{"Host", "x"}, {"last-EVENT-id", "1-2"}};
  const sse::Headers empty = {{"Last-Event-ID", ""}};
  CHECK(place_of("") == std::nullopt);
  CHECK(place_of("", header) == "1-2");
  CHECK(place_of("lastEventId=1-3&since=1-4", header) == "1-2");
  CHECK(place_of("since=earliest", header) == "1-2");
  CHECK(place_of("since=1-4&lastEventId=1-3", empty) == "1-3");
  CHECK(place_of("lastEventId=1-3&lastEventId=1-5") == "1-3");
  CHECK(place_of("lastEventId=&since=1-4", empty) == "1-4");
  CHECK(place_of("since=earliest") == "earliest");
  CHECK(place_of("since=") == std::nullopt);
  CHECK(place_of("since=&lastEventId&LASTEVENTID=1-3&lastEventID=1-3", empty) == std::nullopt);
  CHECK(sse::connection_options(with_headers("lastEventId=earliest", {})).last_event_id == "earliest");
  CHECK(sse::connection_options(with_headers("", {{"Last-Event-ID", "earliest"}})).last_event_id == "earliest");
  CHECK(place_of("connection_id=1&request_id=2&topic=3&filter=4") == std::nullopt);
}

TEST_CASE("several Last-Event-ID headers are one that is no event's id") {
  CHECK(place_of("lastEventId=1-4", {{"Last-Event-ID", "1-2"}, {"X", "y"}, {"LAST-EVENT-ID", "1-3"}}) == "1-2, 1-3");
  CHECK(place_of("", {{"Last-Event-ID", ""}, {"Last-Event-ID", "1-3"}, {"Last-Event-ID", ""}}) == "1-3");
}

TEST_CASE("admit refuses with a status, a text and headers, GET and HEAD alike") {
  sse::ServeOptions options;
  options.admit = [](const sse::Request& request, sse::ConnectionOptions&) {
    const std::string* token = request.header("Authorization");
    if (!token) throw sse::HttpError(401, "Who are you?", {{"WWW-Authenticate", "Bearer realm=\"events\""}});
    if (*token == "Bearer gone") throw sse::HttpError(204, "Don't come back");
    if (*token == "Bearer fast")
      throw sse::HttpError(429, "Slowly", {{"Retry-After", "7"}, {"X-Limit", "a\r\nX-B: b"}});
    if (*token == "Bearer moved") throw sse::HttpError(307, "", {{"Location", "/elsewhere"}});
    if (*token != "Bearer good") throw sse::HttpError(403, "Not you");
  };
  const Server server(options);

  CHECK(answer(server, "/events") ==
        "HTTP/1.1 401 Unauthorized\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 13\r\n"
        "Connection: close\r\nWWW-Authenticate: Bearer realm=\"events\"\r\nCache-Control: no-store\r\n\r\nWho are "
        "you?\n");
  CHECK(answer(server, "/events", "", "HEAD") ==
        "HTTP/1.1 401 Unauthorized\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 13\r\n"
        "Connection: close\r\nWWW-Authenticate: Bearer realm=\"events\"\r\nCache-Control: no-store\r\n\r\n");
  CHECK(answer(server, "/events", "Authorization: Bearer gone\r\n") ==
        "HTTP/1.1 204 No Content\r\nConnection: close\r\nCache-Control: no-store\r\n\r\n");
  CHECK(contains(answer(server, "/events", "Authorization: Bearer fast\r\n"),
                 "\r\nRetry-After: 7\r\nX-Limit: a  X-B: b\r\nCache-Control: no-store\r\n\r\nSlowly\n"));
  CHECK(contains(answer(server, "/events", "Authorization: Bearer moved\r\n"), "\r\nLocation: /elsewhere\r\n"));
  CHECK(status_of(server, "/events", "Authorization: Bearer bad\r\n") == 403);
  CHECK(server.events.get_connection_count() == 0);

  Client good = server.get(request_with("/events", "Authorization: Bearer good\r\n"));
  CHECK(good.status() == 200);
  CHECK(good.event()->at("type") == "connection");
  CHECK(answer(server, "/events", "Authorization: Bearer good\r\n", "HEAD").starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST_CASE("admit is asked about GET and HEAD of the path, and nothing else") {
  std::atomic<int> asked = 0;
  sse::ServeOptions options;
  options.admit = [&](const sse::Request&, sse::ConnectionOptions&) {
    ++asked;
    throw sse::HttpError(403, "Nobody");
  };
  const Server server(options);
  CHECK(status_of(server, "/elsewhere") == 404);
  CHECK(answer(server, "/events", "", "POST").starts_with("HTTP/1.1 405 "));
  CHECK(server.get("nonsense\r\n").status() == 400);
  CHECK(asked == 0);
  CHECK(status_of(server, "/events") == 403);
  CHECK(answer(server, "/events?a", "", "HEAD").starts_with("HTTP/1.1 403 "));
  CHECK(status_of(server, "/events", "Content-Length: 1000000\r\n") == 403);
  CHECK(asked == 3);
}

TEST_CASE("what admit throws that is no refusal is a 500, which the service is told and the client is not") {
  std::mutex mutex;
  Values told;
  sse::ServeOptions options;
  options.admit = [](const sse::Request& request, sse::ConnectionOptions&) {
    const std::string how = request.query_value("how").value_or("");
    if (how == "error") throw std::runtime_error("secret: the database is down");
    if (how == "number") throw 7;
    if (how == "library") throw sse::Error("secret: an error of the library's");
    if (!how.empty()) throw sse::HttpError(static_cast<unsigned>(std::stoul(how)), "secret: this status");
  };
  options.admit_failure = [&](const sse::Request& request, std::string_view what) {
    const std::lock_guard lock(mutex);
    told.push_back(request.query + ' ' + std::string(what));
    throw std::runtime_error("secret: and so is the logger");
  };
  const Server server(options);
  const Client before = server.stream();
  for (const auto* how : {"error", "number", "library", "0", "42", "100", "199", "600", "4294967295"}) {
    const std::string text = answer(server, "/events?how="s + how);
    CHECK(text.starts_with("HTTP/1.1 500 Internal Server Error\r\n"));
    CHECK_FALSE(contains(text, "secret"));
  }
  CHECK(status_of(server, "/events?how=200") == 200);
  CHECK(status_of(server, "/events?how=599") == 599);
  const std::lock_guard lock(mutex);
  CHECK(told == Values{"how=error secret: the database is down", "how=number not a std::exception",
                       "how=library secret: an error of the library's",
                       "how=0 HttpError has the status 0, not 200 to 599: secret: this status",
                       "how=42 HttpError has the status 42, not 200 to 599: secret: this status",
                       "how=100 HttpError has the status 100, not 200 to 599: secret: this status",
                       "how=199 HttpError has the status 199, not 200 to 599: secret: this status",
                       "how=600 HttpError has the status 600, not 200 to 599: secret: this status",
                       "how=4294967295 HttpError has the status 4294967295, not 200 to 599: secret: this status"});
  CHECK(server.events.get_connection_count() == 1);
  CHECK_NOTHROW(server.stream());
}

TEST_CASE("without an admit_failure a 500 is one all the same") {
  sse::ServeOptions options;
  options.admit = [](const sse::Request&, sse::ConnectionOptions&) { throw std::runtime_error("secret"); };
  const Server server(options);
  for (int i = 0; i < 3; ++i) CHECK(status_of(server, "/events") == 500);
}

TEST_CASE("admit sets the connection's options") {
  sse::ServeOptions options;
  options.admit = [](const sse::Request& request, sse::ConnectionOptions& connection) {
    connection.connection_id = request.query_value("user").value_or("");
    connection.request_id = "r-7";
    connection.announce = false;
  };
  Server server(options);
  Client ann = server.get(request_with("/events?user=ann"));
  Client bob = server.get(request_with("/events?user=bob"));
  CHECK(ann.status() == 200);
  CHECK(bob.status() == 200);
  CHECK(server.events.send_event("bob", "for-bob", 1));
  server.events.emit_event("for-all", 2);
  CHECK(ann.event()->at("type") == "for-all");
  CHECK(bob.event()->at("type") == "for-bob");
  for (const sse::ConnectionRow& row : server.events.get_connection_info().connections) CHECK(row.request_id == "r-7");
  CHECK(answer(server, "/events?user=ann", "", "HEAD").starts_with("HTTP/1.1 200 "));
  server.events.emit_event("still-there", 3);
  CHECK(ann.event()->at("type") == "still-there");
}

TEST_CASE("a connection that admit sets up wrongly is a 500, and not one too many") {
  std::promise<std::string> told;
  sse::ServeOptions options;
  options.admit = [](const sse::Request&, sse::ConnectionOptions& connection) { connection.max_queue_size = 0; };
  options.admit_failure = [&](const sse::Request&, std::string_view what) { told.set_value(std::string(what)); };
  const Server server(options);
  CHECK(status_of(server, "/events") == 500);
  CHECK(told.get_future().get() == "ConnectionOptions::max_queue_size must be at least 1, is 0");
}

TEST_CASE("the query chooses topics where the service lets it") {
  sse::EmitOptions a, b;
  a.topic = "a b";
  b.topic = "b";
  sse::ServeOptions options;
  SECTION("off: every topic") {
    Server server(options);
    Client client = server.get(request_with("/events?topic=b"));
    CHECK(client.status() == 200);
    server.events.emit_event("to-a", 1, a);
    CHECK(client.event()->at("type") == "connection");
    CHECK(client.event()->at("type") == "to-a");
  }
  SECTION("on") {
    options.topics_from_query = true;
    Server server(options);
    Client none = server.get(request_with("/events")), of_b = server.get(request_with("/events?topic=b&topic=b&x=a+b"));
    Client both = server.get(request_with("/events?topic=a+b&topic=%62")),
           empty = server.get(request_with("/events?topic="));
    for (Client* client : {&none, &of_b, &both, &empty}) {
      CHECK(client->status() == 200);
      CHECK(client->event()->at("type") == "connection");
    }
    CHECK(server.events.emit_event("to-a", 1, a) == 2);
    CHECK(server.events.emit_event("to-b", 2, b) == 3);
    CHECK(server.events.emit_event("to-all", 3) == 4);
    for (Client* client : {&none, &both}) CHECK(client->event()->at("type") == "to-a");
    for (Client* client : {&none, &both, &of_b}) CHECK(client->event()->at("type") == "to-b");
    for (Client* client : {&none, &both, &of_b, &empty}) CHECK(client->event()->at("type") == "to-all");
  }
  SECTION("on, and admit has the last word") {
    options.topics_from_query = true;
    options.admit = [](const sse::Request&, sse::ConnectionOptions& connection) {
      std::erase(connection.topics, "b");
      if (connection.topics.empty()) throw sse::HttpError(403, "None of your topics");
    };
    Server server(options);
    CHECK(status_of(server, "/events?topic=b") == 403);
    CHECK(status_of(server, "/events") == 403);
    Client client = server.get(request_with("/events?topic=b&topic=a%20b"));
    CHECK(client.status() == 200);
    CHECK(server.events.emit_event("to-b", 2, b) == 0);
    CHECK(server.events.emit_event("to-a", 1, a) == 1);
  }
  SECTION("on, with too many") {
    options.topics_from_query = true;
    const Server server(options);
    std::string query = "/events?";
    for (int n = 0; n < 100; ++n) query += "topic=" + std::to_string(n) + '&';
    CHECK(status_of(server, query) == 200);
    CHECK(status_of(server, query + "topic=100") == 400);
  }
}

TEST_CASE("admit is asked on many threads at once") {
  constexpr int threads = 8, rounds = 40;
  std::mutex mutex;
  std::multiset<std::string> asked;
  sse::ServeOptions options;
  options.admit = [&](const sse::Request& request, sse::ConnectionOptions&) {
    const std::string who = request.query_value("who").value();
    {
      const std::lock_guard lock(mutex);
      asked.insert(who);
    }
    if (who.ends_with("0")) throw sse::HttpError(403, who);
    if (who.ends_with("1")) throw std::runtime_error(who);
  };
  Server server(options, sse::Options(), 4);
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> clients;
    for (int thread = 0; thread < threads; ++thread)
      clients.emplace_back([&, thread] {
        for (int n = 0; n < rounds; ++n) {
          const int expected = n % 10 == 0 ? 403 : n % 10 == 1 ? 500 : 200;
          const std::string who = std::to_string(thread) + "-" + std::to_string(n);
          if (status_of(server, "/events?who=" + who) != expected) ++wrong;
        }
      });
  }
  CHECK(wrong == 0);
  CHECK(asked.size() == threads * rounds);
  CHECK(std::set<std::string>(asked.begin(), asked.end()).size() == threads * rounds);
  server.wait_for_count(0);
}

}  // namespace
