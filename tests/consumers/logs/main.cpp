// Links the engines of a log that this sse was installed with.
#if defined(HAS_SQLITE)
#include <sse/sqlite_log.hpp>
#endif
#if defined(HAS_REDIS)
#include <sse/redis_log.hpp>
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
  return 0;
}
