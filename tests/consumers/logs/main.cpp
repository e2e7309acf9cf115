// Links the components that this sse was installed with: the engines of a log, TLS, and the compression.
#if defined(HAS_SQLITE)
#include <sse/sqlite_log.hpp>
#endif
#if defined(HAS_REDIS)
#include <sse/redis_log.hpp>
#endif
#if defined(HAS_TLS)
#include <sse/http.hpp>
#include <sse/tls.hpp>
#endif
#if defined(HAS_GZIP)
#include <sse/gzip.hpp>
#endif
#if defined(HAS_HTTP2)
#include <sse/http2.hpp>
#endif
#include <sse/event_log.hpp>

int main() {
#if defined(HAS_SQLITE)
  try {
    sse::SqliteLog("/no/such/directory/events.db");
    return 1;
  } catch (const sse::Error&) {
  }
#endif
#if defined(HAS_REDIS)
  try {
    sse::RedisLog("http://localhost");
    return 1;
  } catch (const sse::Error&) {
  }
#endif
#if defined(HAS_TLS)
  asio::ssl::context context(asio::ssl::context::tls_server);
  sse::ServeOptions options;
  options.tls = sse::tls(context);
  if (!sse::tls_client(context).connect) return 1;
#endif
#if defined(HAS_GZIP)
  if (!sse::gzip() || !sse::accepts_gzip("gzip")) return 1;
#endif
#if defined(HAS_HTTP2)
  sse::ServeOptions with_http2;
  with_http2.http2 = sse::http2();
#endif
  return 0;
}
