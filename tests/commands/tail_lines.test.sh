#!/usr/bin/env bash
# What an event becomes: one line always, made for pipes, and what is no event becomes a notice.
source "$(dirname "$0")/lib_tail.sh"

# both FORMAT PLAIN JSON: an event, and its line without and with --json.
events='' plain='' json=''
both() {
  events+="$1\n\n"
  plain+="$2"$'\n'
  json+="$3"$'\n'
}
both 'data: text' 'text' '{"type":"message","data":"text","id":""}'
both 'event: t"\nid: 1\ndata: a\ndata:  b\ndata' 'a\n b\n' '{"type":"t\"","data":"a\n b\n","id":"1"}'
both 'data: {"b":1.10,\ndata: "a":12345678901234567890123}' '{"b":1.10, "a":12345678901234567890123}' \
  '{"type":"message","data":{"b":1.10, "a":12345678901234567890123},"id":"1"}'
both 'data: "a\\nb"' '"a\nb"' '{"type":"message","data":"a\nb","id":"1"}'
both 'data: 42' 42 '{"type":"message","data":42,"id":"1"}'
both 'data: null' null '{"type":"message","data":null,"id":"1"}'
both 'data: {"a":1' '{"a":1' '{"type":"message","data":"{\"a\":1","id":"1"}'
both 'data' '' '{"type":"message","data":"","id":"1"}'
both 'id: 2"\ndata: {"type":"x","data":[1],"timestamp":1.5}' '{"type":"x","data":[1],"timestamp":1.5}' \
  '{"type":"x","data":[1],"timestamp":1.5,"id":"2\""}'
both 'data: {"type":"x","data":{},"timestamp":1,"id":7} ' '{"type":"x","data":{},"timestamp":1,"id":7} ' \
  '{"type":"x","data":{},"timestamp":1,"id":7}'
both 'data: {"type":"error","message":"x"}' '{"type":"error","message":"x"}' \
  '{"type":"message","data":{"type":"error","message":"x"},"id":"2\""}'
both 'data: {"type":"error","message":"x","data":1,"timestamp":1}' '{"type":"error","message":"x","data":1,"timestamp":1}' \
  '{"type":"error","message":"x","data":1,"timestamp":1,"id":"2\""}'
both 'data: {"type":1,"timestamp":1}' '{"type":1,"timestamp":1}' '{"type":"message","data":{"type":1,"timestamp":1},"id":"2\""}'
both 'id\ndata: \377' '�' '{"type":"message","data":"�","id":""}'
notices=(
  '{"type":"connection","message":"Connected","connection_id":"x","timestamp":1}'
  '{"type":"overflow","message":"Too slow","dropped":12,"timestamp":1}'
  '{"type":"overflow","message":"A restart","dropped":null,"reset":true,"timestamp":1}'
  '{"type":"error","message":"line\\nbreak","timestamp":1}'
  '{"type":"disconnect","message":"Bye","timestamp":1}'
)
for notice in "${notices[@]}"; do events+="data: $notice\n\n"; done
both 'data: last' last '{"type":"message","data":"last","id":""}'

stream all "$events"
serve "$answer" "$answer"
run "$url"
expect_equal "the status" 0 $status
expect_equal "the lines" "${plain%$'\n'}" "$(cat "$work/lines")"
told="tail: connected to $url
tail: connection: Connected
tail: overflow: Too slow (events lost: 12)
tail: overflow: A restart (events lost: unknown)
tail: error: line?break
tail: disconnect: Bye
tail: disconnected: The server has ended the stream"
expect_equal "the notices" "$told" "$(cat "$work/notices")"
run "$url" --json
expect_equal "the lines with --json" "${json%$'\n'}" "$(cat "$work/lines")"
expect_equal "the notices with --json" "$told" "$(cat "$work/notices")"

# JSON that would overflow a recursive reader's stack, and NUL, with which a reader of C strings would stop.
deep=$(head -c 200000 /dev/zero | tr '\0' '[')$(head -c 200000 /dev/zero | tr '\0' ']')
stream hostile "data: $deep\n\ndata: {\"type\":$deep,\"timestamp\":$deep}\n\n"
printf 'data: {"type":"overflow","message":"x","dropped":%s,"timestamp":1}\n\ndata: 1\0x\n\n' "$deep" >>"$answer"
serve "$answer"
run "$url" --json
expect_equal "the status after hostile events" 0 $status
expect_equal "the lines of hostile events" 3 "$(wc -l <"$work/lines")"
expect_equal "the line of a NUL" '{"type":"message","data":"1\u0000x","id":""}' "$(sed -n 3p "$work/lines")"

# An event past the limit is skipped, and the next one comes.
stream huge 'data: '
{ head -c 17000000 /dev/zero | tr '\0' x && printf '\n\ndata: next\n\n'; } >>"$answer"
serve "$answer"
run "$url"
expect_equal "the lines around a huge event" next "$(cat "$work/lines")"
expect_notice '^tail: an event of more than 16 MiB is skipped$'

# With the library's own server: as it comes, and as jq reads it.
start_cast
start_tail "$url"
expect_notice '^tail: connection: '
echo '{"n":[1,2]}' >&3
until_true 5 grep -q '"type":"line","data":{"n":\[1,2\]},"timestamp":' "$work/lines" || fail "the line does not come at once"
echo text >&3
until_true 5 grep -q '"data":"text"' "$work/lines" || fail "the next line does not come"
if command -v jq >/dev/null; then
  expect_equal "what jq makes of it" $'{"n":[1,2]}\n"text"' "$(jq -c .data "$work/lines")"
fi
exec 3>&-
expect_status $follower 0 "tail at the end of cast"
expect_notice '^tail: disconnect: The input has ended$'
