#!/usr/bin/env bash
# Hostile and odd request heads for the dashboard's own stream, the names under which it answers on localhost, and
# connections that never send a request.
. "$(dirname "$0")/lib_dashboard.sh"
start_upstream
start_dashboard --upstream "$upstream"
watch watcher
node "$here/lib_heads.mjs" "$port" /_sse/events || fail "request heads"

answer() { # LINE...
  printf '%s\r\n' "$@" '' >"$work/request"
  exchange "$work/request" | head -n 1 | cut -d ' ' -f 2
}
expect_equal "a Host whose port is none" 400 "$(answer 'GET / HTTP/1.1' 'Host: x:12a')"
expect_equal "an unknown expectation" 417 "$(answer 'GET / HTTP/1.1' 'Host: a' 'Expect: tea')"
for path in / /state /events /metrics; do
  expect_equal "a foreign Host of $path" 421 "$(status_of -H 'Host: example.org' "$proxy/_sse$path")"
done
expect_equal "a foreign name in the target" 421 "$(answer 'GET http://example.org/_sse/state HTTP/1.1' 'Host: localhost')"
expect_equal "localhost" 200 "$(status_of -H "Host: localhost:$port" "$proxy/_sse/state")"
expect_equal "a request for the upstream" 200 "$(status_of -H 'Host: example.org' "$proxy/status?code=200")"
kill_now $pid

start_dashboard --upstream "$upstream" --host example.org
expect_equal "a Host that is allowed" 200 "$(status_of -H 'Host: example.org' "$proxy/_sse/state")"
kill_now $pid

# Connections without a request, and with a part of one: they give way.
start_dashboard --upstream "$upstream" --max-connections 20
for n in {20..59}; do
  eval "exec $n<>/dev/tcp/127.0.0.1/$port"
  [ $((n % 2)) -eq 0 ] || printf 'GET / HT' >&"$n"
done
expect_equal "a page among 40 connections without a request" 200 "$(status_of --max-time 5 "$proxy/_sse/")"
expect_equal "a request among them" 200 "$(status_of --max-time 5 "$proxy/status?code=200")"
for n in {20..59}; do eval "exec $n>&-"; done
expect_equal "what the dashboard said on standard error" "" "$(cat "$work/err")"
