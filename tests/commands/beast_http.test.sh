#!/usr/bin/env bash
# The ordinary routes beside the stream, what a request may cost, and the command line.
source "$(dirname "$0")/lib_served.sh"
start "$bin/beast"
connect watcher
with_watcher=$(descriptors)

curl -sS --max-time 20 -D "$work/head" "$site/" >"$work/page"
grep -qi '^content-type: text/html; charset=utf-8' "$work/head" || fail "the page is not HTML: $(cat "$work/head")"
grep -q "new EventSource('/events')" "$work/page" || fail "the page has no EventSource"
expect_equal "HEAD of the page" "200 0 $(wc -c <"$work/page")" \
  "$(curl -sI -o /dev/null -w '%{http_code} %{size_download} %header{content-length}' --max-time 20 "$site/")"
expect_equal "a query" 200 "$(status_of "$site/?a")"
expect_equal "another path" 404 "$(status_of "$site/x")"
expect_equal "a path below the stream" 404 "$(status_of "$url/x")"
expect_equal "HEAD of another path" 404 "$(status_of --head "$site/x")"
expect_equal "POST of the stream" 405 "$(status_of -d x "$url")"
expect_equal "GET of /say" 405 "$(status_of "$site/say")"
head_of -X DELETE "$url" | grep -qix 'allow: GET, HEAD' || fail "405 without Allow"
head_of "$site/say" | grep -qix 'allow: POST' || fail "405 without Allow"
told='%{http_code} %{num_connects}\n'
expect_equal "requests on one connection" $'200 1\n404 0\n204 0\n200 0' \
  "$(curl -s --max-time 20 -w "$told" -o /dev/null "$site/" --next -s -w "$told" -o /dev/null "$site/x" \
    --next -s -w "$told" -d kept "$site/say" --next -s -w "$told" -o /dev/null "$site/")"
has watcher '"text":"kept"'

# A body: 64 KiB and no byte more, whether its length is told or not; any bytes are a text.
head -c 65536 /dev/zero | tr '\0' b >"$work/full"
{ cat "$work/full"; echo; } >"$work/over"
expect_equal "a body of 65536 bytes" 204 "$(status_of --data-binary "@$work/full" "$site/say")"
has watcher "\"text\":\"$(cat "$work/full")\""
expect_equal "a body of 65537 bytes" 413 "$(status_of --data-binary "@$work/over" "$site/say")"
expect_equal "a body of 65537 bytes in chunks" 413 "$(status_of -H 'Transfer-Encoding: chunked' --data-binary "@$work/over" "$site/say")"
head -c 10000000 /dev/zero >"$work/large"
expect_equal "a body of 10 MB" 413 "$(curl -s --max-time 20 -o "$work/answer" -w '%{http_code}' --data-binary "@$work/large" "$site/say")"
expect_equal "the text for a body of 10 MB" "The body is too large" "$(cat "$work/answer")"
printf '\xff\0\r\ndata: x' >"$work/bytes"
expect_equal "a body of any bytes" 204 "$(status_of --data-binary "@$work/bytes" "$site/say")"
has watcher '"text":"�\u0000\r\ndata: x"'

# A head: 16 KiB, and what is none.
expect_equal "a large head" 431 "$(status_of -H "X: $(head -c 17000 /dev/zero | tr '\0' a)" "$site/")"
for bad in 'nonsense' 'GET /\x01 HTTP/1.1' 'GET / HTTP/1.1\r\nContent-Length: x' 'GET / HTTP/1.1\r\n: x'; do
  printf "$bad\r\n\r\n" >"$work/bad"
  exchange "$work/bad" >"$work/answer"
  head -n 1 "$work/answer" | grep -q '^HTTP/1.1 400 ' || fail "'$bad' is answered with: $(cat "$work/answer")"
done
until_true 10 has_descriptors $with_watcher || fail "descriptors stay: $(descriptors), before: $with_watcher"

refused --nonsense "$bin/beast" --nonsense
refused --listen "$bin/beast" --listen 8080
refused --max-connections "$bin/beast" --max-connections 0
cannot "cannot listen on 127.0.0.1:$port: Address already in use" "$bin/beast" --listen "127.0.0.1:$port"
"$bin/beast" --help >"$work/help"
grep -q -e '--max-connections' "$work/help" || fail "--help does not tell of the options"
expect_equal "standard error" "" "$(cat "$work/err")"
