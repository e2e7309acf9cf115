#!/usr/bin/env bash
# What curl sees of the server: heads, wrong paths and methods, the limit of clients, comments, CORS.
source "$(dirname "$0")/lib_cast.sh"
site() { echo "${url%/events}"; }
head_of() { curl -sN -D - -o /dev/null --max-time 5 "$@" | tr -d '\r'; }
status_of() { head_of "$@" | sed -n '1s/^HTTP[^ ]* \([0-9]*\).*/\1/p'; }

start_cast --keep-alive 1 --max-connections 2
connect one -D "$work/head"
with_one=$(descriptors)
tr -d '\r' <"$work/head" >"$work/plain"
grep -q '^HTTP/1.1 200 ' "$work/plain" || fail "no status 200: $(head -n 1 "$work/plain")"
grep -qiE '^content-type: text/event-stream(;.*)?$' "$work/plain" || fail "not text/event-stream"
grep -qix 'cache-control: no-cache, no-transform' "$work/plain" || fail "no Cache-Control"
grep -qix 'x-accel-buffering: no' "$work/plain" || fail "no X-Accel-Buffering"
! grep -qi '^access-control-' "$work/plain" || fail "CORS though nobody asked"

until_true 5 grep -qx ': keep-alive' "$work/one" || fail "no comment as keep-alive after a second"
events one >/dev/null

expect_equal "HEAD" 200 "$(status_of --head "$url")"
head_of --head "$url" | grep -qi '^content-type: text/event-stream' || fail "HEAD without the content type"
expect_equal "another path" 404 "$(status_of "$(site)/")"
expect_equal "a path below" 404 "$(status_of "$url/x")"
expect_equal "HEAD of another path" 404 "$(status_of --head "$(site)/x")"
expect_equal "a query" 200 "$(status_of --head "$url?token=1")"
for method in POST PUT DELETE OPTIONS; do
  expect_equal "$method" 405 "$(status_of -X $method "$url")"
  head_of -X $method "$url" | grep -qixE 'allow: (GET, ?HEAD|HEAD, ?GET)' || fail "$method: no Allow"
done
expect_equal "POST with a body" 405 "$(status_of -d a=b "$url")"
expect_equal "HTTP/1.0" 200 "$(status_of --http1.0 --head "$url")"

# A page of another site that has given its own name this machine's address.
for name in localhost:1 127.0.0.1 '[::1]'; do expect_equal "Host: $name" 200 "$(status_of --head -H "Host: $name" "$url")"; done
for name in example.org localhost.example.org; do expect_equal "Host: $name" 421 "$(status_of -H "Host: $name" "$url")"; done
expect_equal "metrics that nobody asked for" 404 "$(status_of "$(site)/metrics")"

connect two
expect_equal "the third of two clients" 503 "$(status_of "$url")"
kill $client
until_true 10 has_descriptors $with_one || fail "a client that has left is still connected"
connect three
echo '"to all"' >&3
for name in one three; do
  until_true 5 grep -q '"data":"to all"' "$work/$name" || fail "$name did not get the event"
done
exec 3>&-
expect_status $pid 0 "cast at the end of its input"

start_cast --allow-origin https://example.org --path /a/b --type 'x "y"'
expect_equal "the path" /a/b "${url#http://127.0.0.1:$port}"
expect_equal "the usual path" 404 "$(status_of "http://127.0.0.1:$port/events")"
head_of --head "$url" | grep -qix 'access-control-allow-origin: https://example.org' || fail "no Access-Control-Allow-Origin"
connect client
echo text >&3
until_true 5 grep -qF '{"type":"x \"y\"","data":"text",' "$work/client" || fail "the type is not the one asked for"
exec 3>&-
expect_status $pid 0 "cast at the end of its input"

start_cast --metrics /metrics
connect client
echo text >&3
until_true 5 grep -qF '"data":"text"' "$work/client" || fail "no event"
curl -s "$(site)/metrics" >"$work/metrics"
grep -qx 'sse_events_emitted_total 1' "$work/metrics" || fail "the metrics don't count the event: $(cat "$work/metrics")"
grep -qx 'sse_connections 1' "$work/metrics" || fail "the metrics don't count the client"
for name in localhost:1 127.0.0.1 '[::1]'; do
  expect_equal "metrics of $name" 200 "$(status_of -H "Host: $name" "$(site)/metrics")"
done
for name in example.org localhost.example.org; do
  expect_equal "metrics of $name" 421 "$(status_of -H "Host: $name" "$(site)/metrics")"
done
curl -s -H 'Accept: application/openmetrics-text' "$(site)/metrics" | tail -n 1 | grep -qx '# EOF' || fail "no OpenMetrics"
exec 3>&-
expect_status $pid 0 "cast at the end of its input"
