#!/usr/bin/env bash
# What the page is told, the page's own files, and event streams that pass through.
. "$(dirname "$0")/lib_dashboard.sh"
start_upstream
start_dashboard --upstream "$upstream"
watch events

expect_event events '"type":"watchers","data":{"count":1}'
curl -s "$proxy/status?code=200" >/dev/null
expect_event events '"type":"request_start".*"id":1,"method":"GET","target":"/status?code=200"'
expect_event events '"type":"request_complete".*"bytes":11,.*"id":1,.*"status":200,"target":"/status?code=200"'
expect_event events '"client":"127.0.0.1:[0-9]*","duration_ms":[0-9.]*,"id":1,'
curl -s -o /dev/null -X DELETE "$proxy/status?code=503"
expect_event events '"type":"request_complete".*"id":2,"method":"DELETE","status":503'
curl -s -o /dev/null "$proxy/drop" || true
expect_event events '"type":"request_error".*"error":"the upstream closed the connection without an answer","id":3,.*"status":502'
curl -s -o /dev/null "$proxy/half" || true
expect_event events '"type":"request_error".*"id":4,.*"status":200,"target":"/half"'
status=0
curl -s -o /dev/null "$proxy/half-chunked" || status=$?
[ $status -ne 0 ] || fail "a chunked body that breaks off looks whole"
status=0
curl -s --http1.0 -o /dev/null "$proxy/half-chunked" || status=$?
[ $status -ne 0 ] || fail "a body that breaks off looks whole to HTTP/1.0"

# A target is any text; it breaks neither the events nor the state.
printf 'GET /<img\xff"\x80 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' >"$work/odd"
exchange "$work/odd" >/dev/null
long=/$(head -c 9000 /dev/zero | tr '\0' x)
expect_equal "a long target" 404 "$(status_of "$proxy$long")"
expect_event events '"target":"/xxx'
node -e '
  const frames = require("fs").readFileSync(process.argv[1], "utf8").split("\n\n").slice(0, -1).filter((f) => !f.startsWith(":"));
  const targets = frames.map((f) => JSON.parse(f.replace(/^(id: .*\n)?data: /, "")).data?.target ?? "");
  if (!targets.some((t) => t.startsWith("/<img\ufffd\""))) throw new Error("no odd target");
  if (targets.some((t) => t.length > 1100)) throw new Error("a target is sent at full length");
' "$work/events" || fail "the events are not JSON"

# An event stream passes through event by event: each is here while the next has not been sent.
curl -sN "$proxy/events" >"$work/passing" &
passing=$!
expect_event passing '^data: first$'
curl -s "$proxy/_sse/state" >"$work/state"
node -e '
  const state = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
  const is = (what, ok) => { if (!ok) throw new Error(what + " in " + JSON.stringify(state)); };
  is("upstream", state.upstream === process.argv[2]);
  is("started", Math.abs(state.started - Date.now() / 1000) < 600);
  is("watchers", state.watchers === 1);
  is("running", state.running.length === 1 && state.running[0].target === "/events" && state.running[0].method === "GET");
  is("row", state.running[0].id > 4 && /^127\.0\.0\.1:\d+$/.test(state.running[0].client) && state.running[0].timestamp >= state.started);
' "$work/state" "$upstream" || fail "the state is not what it should be"
if grep -q next "$work/passing"; then fail "an event is there before it was sent"; fi
curl -s "$upstream/tick" >/dev/null
expect_event passing '^data: next$'
curl -s "$upstream/tick?end=1" >/dev/null
expect_event passing '^data: last$'
expect_status $passing 0 "the end of the upstream's stream"
expect_event events '"type":"request_complete".*"target":"/events"'

# A reader that leaves the stream ends it upstream, and that is no error.
aborted=$(seen aborted)
curl -sN "$proxy/events?left" >"$work/left" &
left=$!
expect_event left '^data: first$'
kill_now $left
more_aborted() { [ "$(seen aborted)" -gt "$aborted" ]; }
until_true 10 more_aborted || fail "the upstream's stream goes on without its reader"
expect_event events '"type":"request_complete".*"target":"/events?left"'

# One that leaves before there is an answer is an error, and ends the request upstream.
aborted=$(seen aborted)
curl -s "$proxy/hang" >/dev/null &
hung=$!
expect_event events '"type":"request_start".*"target":"/hang"'
kill_now $hung
until_true 10 more_aborted || fail "the upstream's request goes on without its client"
expect_event events '"type":"request_error".*"error":"the client hung up",.*"status":0,"target":"/hang"'

# The proxy's own pages.
expect_equal "/_sse" "307 $proxy/_sse/" "$(curl -s -o /dev/null -w '%{http_code} %{redirect_url}' "$proxy/_sse")"
page() { # PATH TYPE
  local head
  head=$(curl -s -D - -o "$work/file" "$proxy$1" | tr -d '\r')
  grep -q '^HTTP/1.1 200 ' <<<"$head" || fail "$1: $head"
  for line in "Content-Type: $2" 'Cache-Control: no-cache' 'X-Content-Type-Options: nosniff' "Content-Security-Policy: default-src 'self'"; do
    grep -qi "^$line" <<<"$head" || fail "$1: no '$line' in"$'\n'"$head"
  done
  [ -s "$work/file" ] || fail "$1 is empty"
}
page /_sse/ text/html
page /_sse/style.css text/css
page /_sse/app.js text/javascript
page /_sse/icon.svg image/svg
page /_sse/chart.min.js text/javascript
page /_sse/state application/json
expect_equal "an unknown page" 404 "$(status_of "$proxy/_sse/../none" --path-as-is)"
expect_equal "a page with a query" 200 "$(status_of "$proxy/_sse/?x")"
for path in /_sse/ /_sse/events /_sse/state /_sse/none; do
  expect_equal "POST $path" "405 GET, HEAD" "$(curl -s -o /dev/null -d x -w '%{http_code} %header{allow}' "$proxy$path")"
done
expect_equal "HEAD of the events" "200 text/event-stream" "$(curl -s -I -o /dev/null -w '%{http_code} %header{content-type}' "$proxy/_sse/events")"
if grep -q '_sse' "$work/events"; then fail "the proxy's own requests are shown"; fi

# Watchers come and go.
watch second
expect_event events '"type":"watchers","data":{"count":2}'
kill_now $watcher
one_again() { [ "$(grep -c '"type":"watchers","data":{"count":1}' "$work/events")" -eq 2 ]; }
until_true 10 one_again || fail "the end of a watcher is not told: $(grep watchers "$work/events")"

# A page that comes back gets what it missed, then the state as it is there, then what is new; one that says nothing, what is new.
ids() { sed -n 's/^id: //p' "$work/$1"; }
types() { grep -o '"type":"[a-z_]*"' "$work/$1" | sed 's/"type":"\(.*\)"/\1/' | grep -vE 'watchers|stats' | xargs; }
resume() { # NAME CURL-ARGUMENT...
  : >"$work/$1"
  curl -sN "${@:2}" >"$work/$1" &
  resumed=$!
  expect_event "$1" '"type":"state"'
  kill_now $resumed
}
expect_equal "where a stream begins" "connection state" "$(types second)"
expect_event second '"type":"state","data":{"running":\[\],"started":[0-9.]*,"stats":{.*},"upstream":"http://127.0.0.1:[0-9]*","watchers":2}'
last=$(ids events | tail -n 1)
start=${last%-*}
missed=$((${last#*-} - 3))
expect_equal "the ids" "$(seq -f "$start-%.0f" 0 "${last#*-}")" "$(ids events)"
expect_event events '"type":"stats"'
expect_equal "what has no id" "state stats watchers" "$(grep -A 1 '^$' "$work/events" | grep -o '^data: {"type":"[a-z]*' | sed 's/.*"//' | sort -u | xargs)"
three=$(ids events | tail -n 3)
for how in "-HLast-Event-ID: $start-$missed" "?lastEventId=$start-$missed" "?since=$start-$missed"; do
  case $how in
    -H*) resume back "$how" "$proxy/_sse/events" ;;
    *) resume back "$proxy/_sse/events$how" ;;
  esac
  expect_equal "what $how gets" "$start-$missed"$'\n'"$three" "$(ids back)"
  [[ $(types back) == "connection request_"*" request_"*" request_"*" state" ]] || fail "$how: $(types back)"
done
resume earliest "$proxy/_sse/events?since=earliest"
expect_equal "all that is kept" "$(ids events)" "$(ids earliest)"
resume restarted "$proxy/_sse/events?lastEventId=1-1"
expect_equal "an earlier start's id, and the place that the overflow tells" "1-1"$'\n'"$(ids events)" "$(ids restarted)"
grep -q '"type":"overflow",.*"dropped":null,"reset":true' "$work/restarted" || fail "no word of the restart: $(head -n 5 "$work/restarted")"

# Of every request that began the end is told, once, and ids are dense.
node -e '
  const events = require("fs").readFileSync(process.argv[1], "utf8").split("\n\n").slice(0, -1).filter((f) => !f.startsWith(":")).map((f) => JSON.parse(f.replace(/^(id: .*\n)?data: /, "")));
  const ids = (pattern) => events.filter((e) => pattern.test(e.type)).map((e) => e.data.id);
  const started = ids(/^request_start$/), ended = ids(/^request_(complete|error)$/).sort((a, b) => a - b);
  const dense = started.map((_, i) => i + 1);
  if (String(started) !== String(dense) || String(ended) !== String(dense)) throw new Error(`started ${started}, ended ${ended}`);
' "$work/events" || fail "starts and ends do not match"

# A history of two events: what is gone is told; and none.
for history in 2 0; do
  kill_now $pid
  start_dashboard --upstream "$upstream" --history $history
  watch short
  for i in 1 2 3; do curl -s "$proxy/status?code=200" >/dev/null; done
  expect_event short '"type":"request_complete".*"id":3,'
  resume later "$proxy/_sse/events?lastEventId=$(ids short | head -n 1)&since=earliest"
  if [ $history -eq 0 ]; then
    expect_equal "a stream of a dashboard without a history" "connection state" "$(types later)"
    expect_equal "the ids of a dashboard without a history" "" "$(ids short)"
  else
    expect_equal "a place that is gone" "connection overflow request_start request_complete state" "$(types later)"
    grep -q '"dropped":4,' "$work/later" || fail "the loss is not told exactly: $(cat "$work/later")"
  fi
done
