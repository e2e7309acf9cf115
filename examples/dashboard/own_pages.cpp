#include "own_pages.hpp"

#include <algorithm>
#include <sse/metrics.hpp>
#include <string>

#include "page_files.hpp"
#include "session.hpp"

namespace dashboard {
namespace {

Reply content(std::string_view type, std::string body) {
  Reply reply;
  reply.result(http::status::ok);
  reply.set(http::field::content_type, type);
  reply.body() = std::move(body);
  return reply;
}

Reply reply_to(const RequestHead& request, const Shared& shared) {
  std::string_view path = path_of(request.target());
  if (path == "/_sse") {
    Reply reply = text_reply(307, "the page is at /_sse/");
    reply.set(http::field::location, "/_sse/");
    return reply;
  }
  if (path == "/_sse/state")  // a target is any bytes
    return content("application/json", shared.state().dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  if (path == "/_sse/metrics") {
    const auto format = sse::metrics_format(request[http::field::accept]);
    return content(sse::content_type(format), sse::metrics_text(shared.events.stats(), format));
  }
  if (path == events_path) return content("text/event-stream", {});

  path.remove_prefix(std::string_view("/_sse/").size());
  const std::string_view name = path.empty() ? "index.html" : path;
  const auto files = page_files();
  const auto file = std::find_if(files.begin(), files.end(), [&](const PageFile& known) { return known.name == name; });
  if (file == files.end()) return text_reply(404, "there is no such page");
  return content(file->content_type, std::string(file->body));
}

}  // namespace

Reply own_reply(const RequestHead& request, const Shared& shared) {
  const bool readable = request.method() == http::verb::get || request.method() == http::verb::head;
  Reply reply = readable ? reply_to(request, shared) : text_reply(405, "GET and HEAD are served here");
  if (!readable) reply.set(http::field::allow, "GET, HEAD");
  reply.set(http::field::cache_control, "no-cache");
  // The page shows text of strangers. Even if some of it were taken for markup, it could run and load nothing.
  reply.set("Content-Security-Policy",
            "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'");
  reply.set("X-Content-Type-Options", "nosniff");
  reply.set("Referrer-Policy", "no-referrer");
  reply.set("Cross-Origin-Resource-Policy", "same-origin");
  return reply;
}

}  // namespace dashboard
