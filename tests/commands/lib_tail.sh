# For the tests of `tail`: sourced first.
source "$(dirname "${BASH_SOURCE[0]}")/lib_cast.sh"
tail=$bin/tail

# serve FILE...: a server that answers its first connection with the first file, and so on, and then closes it; one that
# is named *.open stays open. After the last nobody listens. Sets url; the requests are in $work/requests.
serve() {
  rm -f "$work/url" "$work/requests"
  node "$here/lib_tail_server.mjs" "$work/requests" "$@" >"$work/url" 3>&- &
  until_true 10 test -s "$work/url" || fail "the server does not start"
  url=$(cat "$work/url")
}

# stream NAME FORMAT: a file with the answer whose events are so written (for printf); sets answer.
stream() {
  answer=$work/$1
  { printf 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n' && printf "$2"; } >"$answer"
}

# run ARGUMENT...: a tail that ends by itself; what it writes is in $work/lines and $work/notices, its status in status.
run() {
  status=0
  timeout 20 "$tail" "$@" >"$work/lines" 2>"$work/notices" </dev/null || status=$?
}

# start_tail ARGUMENT...: one that goes on; sets follower.
start_tail() {
  : >"$work/lines"
  "$tail" "$@" >"$work/lines" 2>"$work/notices" </dev/null 3>&- &
  follower=$!
}

# expect_line TEXT, expect_notice PATTERN: it comes, sooner or later.
expect_line() { until_true 10 grep -qxF -e "$1" "$work/lines" || fail "no line $1 in:"$'\n'"$(cat "$work/lines")"; }
expect_notice() { until_true 10 grep -qs -e "$1" "$work/notices" || fail "no notice $1 in:"$'\n'"$(cat "$work/notices")"; }
