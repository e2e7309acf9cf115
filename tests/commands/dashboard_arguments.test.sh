#!/usr/bin/env bash
# What the command line takes and refuses, and what is said of a port in use.
. "$(dirname "$0")/lib_dashboard.sh"

"$dashboard" --help >"$work/help" || fail "--help: exit status $?"
grep -q -e '--history N .*0 to 1000000' "$work/help" || fail "--help does not tell of --history and its limits"
grep -q 'anyone who reaches the port' "$work/help" || fail "--help does not say who sees the page"
"$dashboard" --version | grep -qx 'dashboard [0-9]*\.[0-9]*\.[0-9]*' || fail "--version prints no version"

refused() { # NAME ARGUMENT...
  local name=$1 status=0
  shift
  timeout 20 "$dashboard" "$@" >"$work/out" 2>"$work/err" || status=$?
  expect_equal "exit status of '$*'" 2 $status
  expect_equal "lines on standard error of '$*'" 1 "$(wc -l <"$work/err")"
  grep -q -e "^dashboard: .*$name" "$work/err" || fail "'$*' does not name $name: $(cat "$work/err")"
  expect_equal "standard output of '$*'" "" "$(cat "$work/out")"
}
refused --no-such --no-such
refused extra extra
for listen in '' 8080 localhost:80 127.0.0.1 127.0.0.1: 127.0.0.1:65536 127.0.0.1:-1 127.0.0.1:08 ::1:8080 '[::1]' '[127.0.0.1]:1' $'1:2\n3'; do
  refused --listen --listen "$listen"
done
for url in x http:// https://example.org ftp://a http://a:0 http://a:65536 http://a:x http://a/path http://u@a 'http://a?b' 'http://[::1' 'http://[x]' 'http://a b' $'http://a\n'; do
  refused --upstream --upstream "$url"
done
for size in 0 -1 1000001 010 1.5 x ''; do
  refused --max-queue-size --max-queue-size "$size"
done
for size in -1 1000001 010 1.5 x ''; do
  refused --history --history "$size"
done
refused --max-connections --max-connections 0
refused --timeout --timeout 0
refused --timeout --timeout 3601

start_upstream
start_dashboard --upstream "$upstream"
status=0
timeout 20 "$dashboard" --listen "$host" --upstream "$upstream" >"$work/out2" 2>"$work/err2" || status=$?
expect_equal "exit status with a port in use" 1 $status
expect_equal "what is said of a port in use" "dashboard: cannot listen on $host: Address already in use" "$(cat "$work/err2")"

"$dashboard" --listen '[::1]:0' --upstream "$upstream/" >"$work/out6" 2>"$work/err6" &
six=$!
if until_true 5 grep -q '^dashboard: http://\[::1\]:[0-9]*/_sse/$' "$work/out6"; then
  url=$(sed -n 's|^dashboard: \(http://[^/]*\)/.*|\1|p' "$work/out6")
  expect_equal "a request over IPv6" 200 "$(status_of "$url/status?code=200")"
  kill -INT $six
  expect_status $six 0 "SIGINT"
else
  grep -q 'Cannot assign requested address\|not supported' "$work/err6" || fail "[::1]:0: $(cat "$work/err6")"
fi
