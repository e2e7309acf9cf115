#!/usr/bin/env bash
# --post and --header: what is asked of the server, and the answer of a language model as it comes.
source "$(dirname "$0")/lib_tail.sh"

asked() { grep -qxF -e "$1"$'\r' "$work/requests" || fail "the request has no line $1: $(cat "$work/requests")"; }
stream empty ''
serve "$answer"
run "$url" --post '{"a": 1}' --header 'X-Key:  two words' --header 'x-none:'
expect_equal "the status of a POST" 0 $status
asked "POST /events HTTP/1.1"
asked "Content-Length: 8"
asked "Content-Type: application/json"
asked "X-Key: two words"
serve "$answer"
printf 'text\0\n' >"$work/body"
run --header 'content-type: text/plain' "$url" --post "@$work/body"
asked "Content-Length: 6"
asked "content-type: text/plain"
! grep -q application/json "$work/requests" || fail "two types of content"

run "$url" --post "@$work/nothing"
expect_equal "the status without the file" 1 $status
expect_equal "the notice without the file" "tail: cannot read $work/nothing" "$(cat "$work/notices")"
for header in '' x ': y' 'a b: c' $'a: b\r\nc: d'; do
  run "$url" --header "$header"
  expect_equal "the status of the header '$header'" 2 $status
  grep -qF -e --header "$work/notices" || fail "--header is not named: $(cat "$work/notices")"
done
run "$url" --header 'Host: x'
expect_equal "the status of a header that is tail's own" 1 $status

"$bin/answers" 0 >"$work/address" 2>"$work/err" 3>&- &
until_true 20 test -s "$work/address" || fail "answers does not start"
url=$(cat "$work/address")
request() { printf '{"model":"%s","max_tokens":%s,"stream":true,"messages":[{"role":"user","content":"one two three four"}]}' "$@"; }
run --post "$(request steady 2)" "$url/chat/completions"
expect_equal "the status of an answer" 0 $status
expect_equal "the tokens of an answer" $'"content":"one"\n"content":" two"' "$(grep -o '"content":"[^"][^"]*"' "$work/lines")"
expect_equal "the last line of an answer" '[DONE]' "$(tail -n 1 "$work/lines")"
request silent 4 >"$work/body"
start_tail --post "@$work/body" "$url/messages" --json
until_true 10 grep -q '^{"type":"content_block_delta".*" three"' "$work/lines" || fail "no tokens while the answer goes on"
until_true 10 grep -q '^{"type":"ping"' "$work/lines" || fail "no ping"
kill $follower
expect_status $follower 0 "tail at SIGTERM"
no_source() { [ "$(curl -s "${url%/v1}/sources" | sed 's/.*"running":\([0-9]*\).*/\1/')" = 0 ]; }
until_true 10 no_source || fail "the source goes on without its reader"
run --post "$(request failing 4)" "$url/messages"
expect_equal "the status of an answer that failed" 0 $status
grep -q 'overloaded_error' "$work/lines" || fail "the error is not printed: $(cat "$work/lines")"
run --post "$(request refusing 4)" "$url/messages"
expect_equal "the status of a refusal" 1 $status
