# For the tests of the dashboard: sourced first.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
dashboard=$bin/dashboard

# kill_now PID: and no word of it by the shell.
kill_now() { { kill -9 "$1" && wait "$1"; } 2>/dev/null || true; }

# Sets upstream, the URL of the tests' service, and raw, that of the one with odd answers.
start_upstream() {
  node "$here/lib_dashboard_upstream.mjs" >"$work/ports" 2>"$work/upstream_err" &
  until_true 20 test -s "$work/ports" || fail "the upstream does not start: $(cat "$work/upstream_err")"
  local ports
  read -r -a ports <"$work/ports"
  upstream=http://127.0.0.1:${ports[0]}
  raw=http://127.0.0.1:${ports[1]}
}

# start_dashboard ARGUMENT...: on a free port; sets pid, proxy (its URL without the last slash), url (of
# its events), host and port.
start_dashboard() {
  : >"$work/out"
  "$dashboard" --listen 127.0.0.1:0 "$@" >"$work/out" 2>"$work/err" &
  pid=$!
  until_true 20 grep -q '^dashboard: http://' "$work/out" || fail "the dashboard does not say where it listens"
  expect_equal "lines on standard output" 1 "$(wc -l <"$work/out")"
  proxy=$(sed -n 's|^dashboard: \(http://[^/]*\)/_sse/$|\1|p' "$work/out")
  url=$proxy/_sse/events
  host=${proxy#http://}
  port=${host##*:}
}

# watch NAME: `connect`; sets watcher.
watch() {
  connect "$1"
  watcher=$client
}

# expect_event NAME PATTERN: the watcher sees it, sooner or later.
expect_event() { until_true 10 grep -qs "$2" "$work/$1" || fail "no event like $2 in:"$'\n'"$(cat "$work/$1")"; }

seen() { curl -s "$upstream/seen" | sed "s/.*\"$1\":\([0-9]*\).*/\1/"; }
