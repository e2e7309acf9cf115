#!/usr/bin/env bash
# Upstreams that fail, clients that send what is not a request, and time-outs.
. "$(dirname "$0")/lib_dashboard.sh"
start_upstream

# Odd answers of the upstream.
start_dashboard --upstream "$raw"
watch odd
for name in bad both coding large switch empty; do
  expect_equal "an answer that is '$name'" 502 "$(status_of "$proxy/$name")"
  expect_event odd "\"type\":\"request_error\".*\"status\":502,\"target\":\"/$name\""
done
expect_equal "an answer of HTTP/1.0" "old" "$(curl -s "$proxy/http10")"
kill_now $pid

# No upstream.
start_dashboard --upstream http://127.0.0.1:1
watch none
expect_equal "the text of 502" "dashboard: connect to 127.0.0.1:1: Connection refused" "$(curl -s "$proxy/")"
expect_event none '"error":"connect to 127.0.0.1:1: Connection refused".*"status":502'
expect_equal "POST without an upstream" 502 "$(status_of -d "$(head -c 100000 /dev/zero | tr '\0' x)" "$proxy/")"
expect_equal "HEAD without an upstream" "502 0" "$(curl -s -I -o /dev/null -w '%{http_code} %{size_download}' "$proxy/")"
kill_now $pid

# Silence.
start_dashboard --upstream "$upstream" --timeout 1
watch silent
expect_equal "an upstream that does not answer" 504 "$(status_of "$proxy/hang")"
expect_event silent '"error":"the upstream sent nothing for 1 s".*"status":504'
printf 'POST /sum HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc' >"$work/stalled"
exchange "$work/stalled" | grep -q '^HTTP/1.1 408 ' || fail "no 408 for a body that does not come"
expect_event silent '"error":"the client sent nothing for 1 s".*"status":408'
curl -sN "$proxy/events" >"$work/passing" &
passing=$!
expect_event passing first
expect_equal "a second time-out" 504 "$(status_of "$proxy/hang")"
not_running $passing && fail "a silent event stream was cut"
curl -s "$upstream/tick?end=1" >/dev/null
expect_status $passing 0 "the silent event stream"
kill_now $pid

# Requests that are refused before they reach the upstream; none of them makes an event.
start_dashboard --upstream "$upstream"
watch refused
requests=$(seen requests)
refuse() { # STATUS NAME TEXT
  printf "$3" >"$work/request"
  expect_equal "$2" "HTTP/1.1 $1" "$(exchange "$work/request" | head -n 1 | cut -d ' ' -f 1,2)"
}
refuse 400 'no request' 'hello\r\n\r\n'
refuse 400 'no Host' 'GET / HTTP/1.1\r\n\r\n'
refuse 400 'two Hosts' 'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n'
refuse 400 'length and coding' 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
refuse 400 'coding and length' 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n'
refuse 400 'two codings' 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
refuse 400 'identity, then chunked' 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
refuse 501 'gzip, chunked' 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'
refuse 501 'gzip' 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n'
refuse 501 'xchunked' 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n'
refuse 400 'chunked in HTTP/1.0' 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
refuse 400 'two lengths' 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd'
refuse 400 'a negative length' 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n'
refuse 400 'a length with a sign' 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc'
refuse 400 'a space before the colon' 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\nabc'
refuse 400 'bare LF' 'GET / HTTP/1.1\r\nHost: a\n\n'
refuse 400 'bare CR' 'GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n'
refuse 400 'NUL' 'GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n'
refuse 400 'a target that is no path' 'GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n'
refuse 505 'HTTP/3.0' 'GET / HTTP/3.0\r\nHost: a\r\n\r\n'
refuse 501 'CONNECT' 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n'
refuse 508 'a circle' "GET / HTTP/1.1\r\nHost: a\r\nVia: $(printf '1.1 a,%.0s' {1..17})1.1 b\r\n\r\n"
refuse 431 'a large head' "GET / HTTP/1.1\r\nHost: a\r\nX: $(head -c 20000 /dev/zero | tr '\0' x)\r\n\r\n"
refuse 414 'a large target' "GET /$(head -c 20000 /dev/zero | tr '\0' x) HTTP/1.1\r\nHost: a\r\n\r\n"
expect_equal "requests that reached the upstream" $((requests + 1)) "$(seen requests)"  # the asking itself
if grep -q request_ "$work/refused"; then fail "a refused request is shown: $(cat "$work/refused")"; fi
refuse 400 'a bad chunk' 'POST /sum HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n'

# Clients that leave at any moment leave nothing behind.
idle() { [ "$(curl -s "$proxy/_sse/state" | sed 's/.*"running":\[\([^]]*\)\].*/\1/')" = "" ] && [ "$(descriptors)" -le $((open + 2)) ]; }
open=$(descriptors)
for text in 'G' 'GET / HTTP/1.1\r\nHost: a\r\n' 'POST /sum HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc' \
  'GET /hang HTTP/1.1\r\nHost: a\r\n\r\n' 'GET /bytes?size=90000000 HTTP/1.1\r\nHost: a\r\n\r\n' \
  'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n' 'GET /_sse/events HTTP/1.1\r\nHost: a\r\n\r\n'; do
  for _ in 1 2 3 4 5 6 7 8; do
    exec 6<>"/dev/tcp/127.0.0.1/$port"
    printf "$text" >&6
    exec 6>&-
  done
done
until_true 20 idle || fail "$(descriptors) descriptors are open, there were $open; $(curl -s "$proxy/_sse/state")"
expect_equal "a request afterwards" 200 "$(status_of "$proxy/status?code=200")"
expect_equal "what the dashboard said on standard error" "" "$(cat "$work/err")"
