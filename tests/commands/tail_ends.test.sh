#!/usr/bin/env bash
# Every end of tail and its exit status; and --reconnect, which is none.
source "$(dirname "$0")/lib_tail.sh"

# ends STATUS NOTICE FORMAT: an answer (for printf) after which tail ends so, with NOTICE as its last word.
ends() {
  printf "$3" >"$work/answer"
  serve "$work/answer"
  run "$url"
  expect_equal "exit status after $3" "$1" $status
  expect_equal "the last notice after $3" "$2" "$(sed -n '$p' "$work/notices")"
}
typed='HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n'
ends 0 'tail: disconnected: The server has ended the stream' "$typed\r\n"
ends 0 '' 'HTTP/1.1 204 No Content\r\n\r\n'
ends 1 'tail: disconnected: The stream was cut in the middle of its body' "${typed}Content-Length: 5\r\n\r\n"
ends 1 'tail: The server answers with status 404' 'HTTP/1.1 404 Not Found\r\n\r\n'
ends 1 'tail: its body: {"error":?"no such model"}' 'HTTP/1.1 404 Not Found\r\nContent-Length: 26\r\n\r\n{"error":\n"no such model"}'
ends 1 "tail: its body: $(printf 'x%.0s' {1..1000})" "HTTP/1.1 500 Oops\r\n\r\n$(printf 'x%.0s' {1..3000})"
ends 1 'tail: The server answers with status 503' 'HTTP/1.1 503 Not Now\r\n\r\n'
ends 1 'tail: The server answers with Content-Type text/html, and not text/event-stream' \
  'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n'
ends 1 'tail: The answer does not begin with a status line of HTTP/1.1' 'SSH-2.0-x\r\n'
ends 1 'tail: The server sent no answer: End of file' ''
run "$url"
expect_equal "exit status where nobody listens" 1 $status
expect_equal "the notices where nobody listens" "tail: Cannot connect to ${url:7:-7}: Connection refused" "$(cat "$work/notices")"

# Silence past two of the intervals that the server has said.
stream silent.open ': keep-alive 500\n\ndata: x\n\n'
serve "$answer"
run "$url"
expect_equal "exit status after silence" 1 $status
expect_equal "the last notice after silence" 'tail: disconnected: The server sent nothing for 1000 ms: Connection timed out' \
  "$(sed -n '$p' "$work/notices")"

# Signals, when it waits, and when it is stuck because nobody reads.
stream waits.open 'data: x\n\n'
for signal in INT TERM; do
  serve "$answer"
  start_tail "$url"
  expect_line x
  # A shell starts what runs in the background with SIGINT ignored; tail does not mind.
  kill -$signal $follower
  expect_status $follower 0 "SIG$signal"
done
stream many.open ''
seq -f 'data: a long line with the number %.0f' 20000 | sed G >>"$answer"
serve "$answer"
mkfifo "$work/pipe"
"$tail" "$url" >"$work/pipe" 2>"$work/notices" 3>&- &
stuck=$!
exec 5<"$work/pipe"
read -r -u 5 line
until_true 2 grep -qs pipe_write "/proc/$stuck/wchan" || true # not every kernel tells
kill -TERM $stuck
expect_status $stuck 0 "SIGTERM while nobody reads"
exec 5<&-

# Nobody reads any more: quietly, at the next line, and without one.
serve "$answer"
statuses=$("$tail" "$url" 2>"$work/notices" 3>&- | head -n 1 >/dev/null; echo "${PIPESTATUS[*]}")
expect_equal "the statuses of a pipe that is closed" "0 0" "$statuses"
expect_equal "the notices of a pipe that is closed" "tail: connected to $url" "$(cat "$work/notices")"
stream one.open 'data: x\n\n'
serve "$answer"
expect_equal "the first line" x "$(timeout 20 "$tail" "$url" 2>/dev/null 3>&- | head -n 1)"

# It can't write.
serve "$answer"
status=0
"$tail" "$url" >/dev/full 2>"$work/notices" || status=$?
expect_equal "exit status with a full disk" 1 $status
expect_equal "the last notice with a full disk" "tail: cannot write to standard output: No space left on device" \
  "$(sed -n '$p' "$work/notices")"
status=0
"$tail" "$url" >&- 2>"$work/notices" || status=$?
expect_equal "exit status with standard output closed" 1 $status
expect_equal "the notice with standard output closed" "tail: standard output is closed" "$(cat "$work/notices")"

# With --reconnect: from the last id, through every failure that may pass, to an answer that says no.
stream first 'retry: 1\nid: 7\ndata: a\n\n'
first=$answer
printf 'HTTP/1.1 503 Not Now\r\n\r\n' >"$work/unavailable"
stream second 'data: b\n\n'
printf 'HTTP/1.1 404 Not Found\r\n\r\n' >"$work/gone"
serve "$first" "$work/unavailable" "$answer" "$work/gone"
run "$url" --reconnect
expect_equal "exit status with --reconnect" 1 $status
expect_equal "the lines with --reconnect" $'a\nb' "$(cat "$work/lines")"
expect_equal "the ids asked for" 3 "$(grep -cx $'Last-Event-ID: 7\r' "$work/requests")"
expect_equal "the notices with --reconnect" "tail: connected to $url
tail: disconnected: The server has ended the stream
tail: connects again
tail: The server answers with status 503
tail: connects again
tail: connected to $url
tail: disconnected: The server has ended the stream
tail: connects again
tail: The server answers with status 404" "$(sed 's/again in [0-9]* ms$/again/' "$work/notices")"
