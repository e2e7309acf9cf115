#!/usr/bin/env bash
# Peers that don't speak TLS, stop in the middle or say nothing: each is cut off, and the others notice nothing.
source "$(dirname "$0")/lib_tls.sh"
start_tls --interval 100
connect client
with_client=$(descriptors)

expect_equal "plain HTTP" 000 "$(status_of "http://127.0.0.1:$port/events")"
# Some are cut off before they have sent all of it.
send() { (trap '' PIPE && cat >"/dev/tcp/127.0.0.1/$port") 2>/dev/null || true; }
for n in $(seq 50); do
  printf 'GET /events HTTP/1.1\r\nHost: x\r\n\r\n' | send
  head -c 300 /dev/urandom | send
  send </dev/null
done
expect_equal "a good client after 150 bad ones" 200 "$(status_of "$site/")"

# silent NAME BYTES: sends them (for printf) and waits for the end; what came is in $work/NAME, and then it is done.
silent() {
  exec 4<>"/dev/tcp/127.0.0.1/$port"
  printf "$2" >&4
  timeout 20 cat <&4 >"$work/$1"
}
silent nothing '' &
nothing=$!
silent half '\x16\x03\x01\x02\x00\x01\x00\x01\xfc' &
half=$!
openssl s_client -quiet -CAfile "$ca" -connect "127.0.0.1:$port" <>"$work/never" >"$work/no_request" 2>"$work/s_client" &
no_request=$!
connected() { has_descriptors $((with_client + 3)); }
until_true 5 connected || fail "the silent peers are not connected: $(descriptors), before: $with_client"
expect_equal "a good client beside silent ones" 200 "$(status_of "$site/")"
expect_status $nothing 0 "a peer that says nothing"
expect_status $half 0 "a peer that says half of a hello"
expect_status $no_request 0 "a peer that asks for nothing"
expect_equal "what is said to who says nothing" "" "$(cat "$work/nothing" "$work/half")"
grep -q '^HTTP/1.1 408 ' "$work/no_request" || fail "no 408 for a peer that asks for nothing: $(cat "$work/no_request")"
until_true 10 has_descriptors $with_client || fail "descriptors stay: $(descriptors), before: $with_client"

before=$(grep -c tick "$work/client")
goes_on() { [ "$(grep -c tick "$work/client")" -gt "$before" ]; }
until_true 10 goes_on || fail "the client from before gets no event any more"
