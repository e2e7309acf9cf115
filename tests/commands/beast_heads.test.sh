#!/usr/bin/env bash
# Hostile and odd request heads, expectations, and the names under which a server on localhost answers.
source "$(dirname "$0")/lib_served.sh"
start "$bin/beast" --host example.test
connect watcher
with_watcher=$(descriptors)

node "$here/lib_heads.mjs" "$port" || fail "request heads"
until_true 10 has_descriptors "$with_watcher" || fail "descriptors stay: $(descriptors), before: $with_watcher"

# first LINE...: the status of the answer to a request of these lines.
first() {
  printf '%s\r\n' "$@" '' >"$work/request"
  exchange "$work/request" | head -n 1 | cut -d ' ' -f 2
}
expect_equal "a Host whose port is none" 400 "$(first 'GET / HTTP/1.1' 'Host: x:12a')"
expect_equal "a target whose host is none" 400 "$(first 'GET http://a:b/ HTTP/1.1' 'Host: localhost')"
expect_equal "an absolute target" 200 "$(first 'GET http://localhost/ HTTP/1.1' 'Host: localhost' 'Connection: close')"
expect_equal "an unknown expectation" 417 "$(first 'POST /say HTTP/1.1' 'Host: localhost' 'Content-Length: 0' 'Expect: tea')"
expect_equal "an expectation of HTTP/1.0" 204 "$(first 'POST /say HTTP/1.0' 'Content-Length: 0' 'Expect: 100-continue')"

# The client waits for `100 Continue`; curl would wait for a second only.
printf 'POST /say HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n' >"$work/request"
exec 6<>"/dev/tcp/127.0.0.1/$port"
cat "$work/request" >&6
read -r -t 20 line <&6 || fail "no answer to Expect"
expect_equal "the answer to Expect" $'HTTP/1.1 100 Continue\r' "$line"
printf kept >&6
until_true 20 grep -q '"text":"kept"' "$work/watcher" || fail "the body after 100 Continue did not arrive"
exec 6>&-

# A page of another site that has given its own name this machine's address.
for name in localhost LOCALHOST:1 a.localhost 127.0.0.1 "[::1]:$port" example.test:80; do
  expect_equal "Host: $name" 200 "$(status_of -H "Host: $name" "$site/")"
done
for name in example.org localhost.example.org xlocalhost; do
  for path in / /events /say /x; do
    expect_equal "Host: $name of $path" 421 "$(status_of -H "Host: $name" "$site$path")"
  done
done
expect_equal "a foreign name in the target" 421 "$(first 'GET http://example.org/events HTTP/1.1' 'Host: localhost')"
expect_equal "standard error" "" "$(cat "$work/err")"
