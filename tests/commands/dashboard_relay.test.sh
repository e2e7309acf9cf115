#!/usr/bin/env bash
# Every kind of body passes through unchanged, both ways, and heads are what a proxy owes to both sides.
. "$(dirname "$0")/lib_dashboard.sh"
start_upstream
start_dashboard --upstream "$upstream"
sum() { sha256sum | cut -d ' ' -f 1; }

# Bodies of responses.
for size in 0 1 16384 16385 9000000; do
  expected=$(curl -s "$upstream/bytes?name=b&size=$size" | sum)
  for framing in length chunked close; do
    for version in --http1.1 --http1.0; do
      expect_equal "$size bytes, $framing, $version" "$expected" \
        "$(curl -s $version "$proxy/bytes?name=b&size=$size&framing=$framing" | sum)"
    done
  done
done

# Bodies of requests, and both at the same time.
head -c 9000000 /dev/urandom >"$work/body"
expected=$(sum <"$work/body")
for encoding in Content-Length chunked; do
  options=(-T "$work/body")
  [ $encoding = Content-Length ] || options=(-T - -H 'Transfer-Encoding: chunked')
  expect_equal "upload, $encoding" "$expected" "$(curl -s "${options[@]}" "$proxy/sum" <"$work/body")"
  expect_equal "echo, $encoding" "$expected" "$(curl -s "${options[@]}" "$proxy/echo" <"$work/body" | sum)"
  expect_equal "upload without Expect, $encoding" "$expected" "$(curl -s -H 'Expect:' "${options[@]}" "$proxy/sum" <"$work/body")"
done
expect_equal "a body sent as HTTP/1.0" "$expected" "$(curl -s --http1.0 -H 'Expect:' -T "$work/body" "$proxy/sum")"
expect_equal "a refused body" 413 "$(status_of -T "$work/body" "$proxy/refuse")"
expect_equal "a refused body, sent at once" 413 "$(status_of -H 'Expect:' -T "$work/body" "$proxy/refuse")"

# A client that reads slowly slows the upstream: no more is taken from it than the buffers on the way hold.
before=$(seen blocks_written)
curl -s --limit-rate 100k "$proxy/bytes?name=s&size=400000000" -o "$work/slow" &
slow=$!
until_true 20 test -s "$work/slow" || fail "the large body does not begin"
stands_still() {
  local once twice
  once=$(seen blocks_written)
  expect_equal "a quick request beside a slow one" 200 "$(status_of "$proxy/bytes?size=3000000")"
  twice=$(seen blocks_written)
  [ $((twice - once)) -le 1000 ]  # the quick request's own blocks are 733
}
until_true 20 stands_still || fail "the upstream is read ahead of a slow client"
kill_now $slow
aborted() { [ "$(seen aborted)" -gt 0 ]; }
until_true 20 aborted || fail "the client's end does not end the upstream's answer"
written=$(($(seen blocks_written) - before))
[ $written -lt 50000 ] || fail "$written blocks of 4096 bytes were taken for a client that read a few"
rm "$work/slow"

# Heads.
headers=$(curl -si "$proxy/head?x=1" -H 'Host: shop.example' -H 'X-Forwarded-For: 192.0.2.7' -H 'Via: 1.1 front' \
  -H 'Connection: x-private, keep-alive, host' -H 'X-Private: 1' -H 'Keep-Alive: 9' -H 'TE: trailers' -H 'Proxy-Authorization: Basic x' \
  -H 'Cookie: a=b' | tr -d '\r')
has() { grep -qix -e "$1" <<<"$headers" || fail "no '$1' in"$'\n'"$headers"; }
lacks() { if grep -qi -e "$1" <<<"$headers"; then fail "'$1' has passed:"$'\n'"$headers"; fi; }
has 'GET /head?x=1 HTTP/1.1'
has 'Host: shop.example'
has 'X-Forwarded-For: 192.0.2.7, 127.0.0.1'
has 'X-Forwarded-Proto: http'
has 'X-Forwarded-Host: shop.example'
has 'Via: 1.1 front, 1.1 dashboard'
has 'Via: 1.1 dashboard'
has 'Cookie: a=b'
has 'Set-Cookie: a=1'
has 'Set-Cookie: b=2'
lacks '^X-Private'
lacks '^Keep-Alive'
lacks '^TE:'
lacks '^Proxy-Authorization'
lacks '^X-Hop'
expect_equal "the absolute form" "GET /head HTTP/1.1" \
  "$(curl -s --request-target "http://shop.example/head" "$proxy/" | head -n 1)"
expect_equal "the host of the absolute form" "Host: shop.example:81" \
  "$(curl -s --request-target "http://shop.example:81/head" "$proxy/" | grep -i '^host:')"

# Answers without a body.
expect_equal "204" "204 0" "$(curl -s -o /dev/null -w '%{http_code} %{size_download}' "$proxy/status?code=204")"
expect_equal "304" "304 0" "$(curl -s -o /dev/null -w '%{http_code} %{size_download}' "$proxy/status?code=304")"
head=$(curl -sI "$proxy/bytes?size=12345&framing=length" | tr -d '\r')
grep -qix 'Content-Length: 12345' <<<"$head" || fail "HEAD: no length in"$'\n'"$head"
for code in 404 418 500 503; do
  expect_equal "status $code" "status $code" "$(curl -s "$proxy/status?code=$code")"
done
curl -si "$proxy/hints" | grep -q '^HTTP/1.1 103' || fail "103 does not pass"

# Keep-alive, with every kind of answer on one connection; HTTP/1.0 with and without.
urls=("$proxy/status?code=200" "$proxy/status?code=204" "$proxy/bytes?size=70000" "$proxy/bytes?size=70000&framing=close"
  "$proxy/status?code=304" "$proxy/status?code=500" "$proxy/_sse/state" "$proxy/_sse/none" "$proxy/drop" "$proxy/status?code=200")
outputs=()
for url in "${urls[@]}"; do outputs+=(-o /dev/null); done
expect_equal "connections for ${#urls[@]} requests" 1 \
  "$(curl -s -w '%{num_connects}\n' "${outputs[@]}" "${urls[@]}" | awk '{n += $1} END {print n}')"
printf 'GET /head HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /head HTTP/1.0\r\n\r\n' >"$work/old"
expect_equal "two requests of HTTP/1.0" 2 "$(exchange "$work/old" | grep -c '^GET /head HTTP/1.1')"
printf 'GET /head?1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /sum HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /head?2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' >"$work/piped"
exchange "$work/piped" >"$work/answers"
grep -q "$(printf abc | sum)" "$work/answers" || fail "the second of three pipelined requests has the wrong answer"
expect_equal "answers to pipelined requests" "/head?1 /head?2" \
  "$(sed -n 's|^GET \(/head?.\) .*|\1|p' "$work/answers" | paste -sd ' ')"

# A kept connection that the upstream closes at the wrong moment is no error for the client.
for _ in 1 2 3; do
  expect_equal "a request after a drop" 502 "$(status_of "$proxy/drop")"
  expect_equal "a request after a drop" 200 "$(status_of "$proxy/status?code=200")"
done

# Upgrade: a tunnel in both directions, with bytes that came along with the head.
exec 5<>"/dev/tcp/127.0.0.1/$port"
printf 'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly\n' >&5
read -r -t 10 line <&5
expect_equal "the answer to Upgrade" "HTTP/1.1 101 Switching Protocols" "${line%$'\r'}"
while read -r -t 10 line <&5 && [ "${line%$'\r'}" ]; do :; done
read -r -t 10 line <&5
expect_equal "what came along with the head" early "$line"
printf 'later\n' >&5
read -r -t 10 line <&5
expect_equal "what came through the tunnel" later "$line"
exec 5>&-

# When all is done nothing runs.
nothing_runs() { curl -s "$proxy/_sse/state" | grep -q '"running":\[\]'; }
until_true 10 nothing_runs || fail "a request still runs: $(curl -s "$proxy/_sse/state")"
