#!/usr/bin/env bash
# What monitoring sees of the dashboard's own event stream.
source "$(dirname "$0")/lib_dashboard.sh"
start_upstream
start_dashboard --upstream "$upstream"
watch events
expect_event events '"type":"watchers","data":{"count":1}'
for i in 1 2 3; do curl -s "$proxy/status?code=200" >/dev/null; done
expect_event events '"type":"request_complete".*"id":3,'

head_and_metrics() { curl -sf -D "$work/head" -o "$work/metrics" "$@" "$proxy/_sse/metrics"; }
value() { grep -F "$1 " "$work/metrics" | grep -v '^#' | cut -d ' ' -f 2; }
head_and_metrics
grep -qi '^content-type: text/plain; version=0.0.4' "$work/head" || fail "not Prometheus' text: $(cat "$work/head")"
expect_equal "connections" 1 "$(value sse_connections)"
expect_equal "opened" 1 "$(value sse_connections_opened_total)"
expect_equal "lost" 0 "$(value 'sse_events_lost_total{reason="queue_full"}')"
[ "$(value sse_events_emitted_total)" -ge 6 ] || fail "three requests are six events: $(cat "$work/metrics")"
[ "$(value sse_written_bytes_total)" -ge "$(wc -c <"$work/events")" ] || fail "fewer bytes than have come"
kill_now $watcher
gone() { head_and_metrics && [ "$(value 'sse_connections_ended_total{reason="peer_gone"}')" = 1 ]; }
until_true 10 gone || fail "the watcher's end is not counted: $(cat "$work/metrics")"
expect_equal "connections afterwards" 0 "$(value sse_connections)"

head_and_metrics -H 'Accept: application/openmetrics-text;version=1.0.0'
grep -qi '^content-type: application/openmetrics-text; version=1.0.0' "$work/head" || fail "not OpenMetrics: $(cat "$work/head")"
expect_equal "OpenMetrics' end" "# EOF" "$(tail -n 1 "$work/metrics")"
expect_equal "POST" 405 "$(status_of -X POST "$proxy/_sse/metrics")"

head_and_metrics
lint_metrics "$work/metrics"
