#!/usr/bin/env bash
# What Prometheus makes of the metrics: its linter, and a server of it that scrapes them.
source "$(dirname "$0")/lib_cast.sh"
start_cast --metrics /metrics --history 10
metrics=${url%/events}/metrics
connect one
seq 1 7 >&3
until_true 10 grep -q '"data":7,' "$work/one" || fail "the lines do not arrive"

curl -sf "$metrics" >"$work/text"
for expected in sse_events_emitted_total=7 sse_events_delivered_total=7 sse_connections=1 sse_connections_opened_total=1 \
  'sse_connections_ended_total{reason="peer_gone"}=0' 'sse_events_lost_total{reason="queue_full"}=0'; do
  expect_equal "$expected" "${expected##*=}" "$(grep -F "${expected%=*} " "$work/text" | grep -v '^#' | cut -d ' ' -f 2)"
done
curl -sf -H 'Accept: application/openmetrics-text' "$metrics" | tail -n 1 | grep -qx '# EOF' || fail "OpenMetrics without its end"

lint_metrics "$work/text"
prometheus=$(program prometheus) || exit $?
cat >"$work/prometheus.yml" <<END
scrape_configs:
  - job_name: cast
    scrape_interval: 1s
    metrics_path: /metrics
    static_configs: [{targets: ['127.0.0.1:$port']}]
END
"$prometheus" --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data" --web.listen-address=127.0.0.1:0 \
  3>&- >"$work/prometheus.log" 2>&1 &
where() { sed -n 's/.*msg="Listening on" address=//p' "$work/prometheus.log"; }
listens() { [ -n "$(where)" ]; }
until_true 60 listens || fail "Prometheus does not start: $(tail -n 5 "$work/prometheus.log")"
api() { curl -sG "http://$(where)/api/v1/$1" --data-urlencode "$2"; }
answers() { api query "query=$1" >"$work/answer"; grep -qF "\"$2\"]" "$work/answer"; } # QUERY VALUE: its value is the VALUE
until_true 60 answers 'sse_events_emitted_total{job="cast"}' 7 || fail "Prometheus does not know the 7 events: $(cat "$work/answer")"
answers 'sse_connections' 1 || fail "Prometheus does not know the connection: $(cat "$work/answer")"
answers 'sum(sse_connections_ended_total)' 0 || fail "Prometheus cannot sum what ended: $(cat "$work/answer")"
# It has asked for OpenMetrics: there alone a counter's family is without `_total`.
api targets/metadata metric=sse_events_emitted >"$work/answer"
grep -q '"type":"counter","help":"Events emitted' "$work/answer" || fail "not what OpenMetrics says: $(cat "$work/answer")"
