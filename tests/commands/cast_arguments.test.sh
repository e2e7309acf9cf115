#!/usr/bin/env bash
# The command line: what is refused, in one line that names the argument, and what is printed.
source "$(dirname "$0")/lib_cast.sh"

# refused NAME ARGUMENT...: exit status 2, nothing on standard output, one line on standard error that has NAME in it.
refused() {
  local name=$1 status=0
  shift
  "$cast" "$@" </dev/null >"$work/out" 2>"$work/message" || status=$?
  [ $status -eq 2 ] || fail "cast $*: exit status $status, expected 2"
  [ ! -s "$work/out" ] || fail "cast $*: something on standard output"
  [ "$(wc -l <"$work/message")" -eq 1 ] || fail "cast $*: not one line on standard error: $(cat "$work/message")"
  grep -q '^cast: ' "$work/message" || fail "cast $*: the message does not begin with the program's name"
  grep -qF -e "$name" "$work/message" || fail "cast $*: the message does not name $name: $(cat "$work/message")"
}

for value in '' x 8080 :8080 127.0.0.1 127.0.0.1: 127.0.0.1:x 127.0.0.1:65536 127.0.0.1:-1 127.0.0.1:080 127.0.0.1:80x \
  ' 127.0.0.1:0' 256.0.0.1:0 ::1:8080 '[::1]' '[127.0.0.1]:80' '[::1:80' $'127.0.0.1:0\n'; do
  refused --listen --listen "$value"
done
for value in '' events '/a b' '/a?b' '/a#b' $'/a\nb' $'/a\r\nX: y' '/é' "/$(head -c 1024 /dev/zero | tr '\0' a)"; do
  refused --path --path "$value"
  refused --metrics --metrics "$value"
done
refused --metrics --path /a --metrics /a
for value in '' connection disconnect overflow error "$(head -c 257 /dev/zero | tr '\0' a)"; do
  refused --type --type "$value"
done
for value in '' 0 -1 +1 1.5 x 1000001 010 0x10 ' 5' 99999999999999999999; do
  refused --max-queue-size --max-queue-size "$value"
done
for option in --max-connections --history; do
  for value in '' -1 x 1.5 1000001; do refused $option $option "$value"; done
done
for value in '' -1 x 1.5 50ms 3600001; do refused --retry --retry "$value"; done
for option in --keep-alive --send-timeout; do
  for value in '' 0 -1 1.5 15s 3601; do refused $option $option "$value"; done
done
for value in '' example.org http:// ://x 'http://a b' http://a/ http://a,http://b $'http://a\r\nX: y'; do
  refused --allow-origin --allow-origin "$value"
done
refused --nonsense --nonsense
refused nonsense nonsense
refused --listen --listen
refused --keep-alive --keep-alive 5 --keep-alive 6
refused '--non?sense' $'--non\nsense'
grep -q 'from 1 to 3600' <("$cast" --keep-alive 0 </dev/null 2>&1) || fail "a refused --keep-alive does not name its limits"

"$cast" --help >"$work/help" 2>"$work/message" || fail "--help: exit status $?"
[ ! -s "$work/message" ] || fail "--help writes to standard error"
for option in --listen --path --type --max-queue-size --max-connections --history --keep-alive --send-timeout --retry \
  --allow-origin --metrics --verbose --version; do
  grep -q -e " $option\b" "$work/help" || fail "--help does not tell of $option"
done
"$cast" --version | grep -qxE 'cast [0-9]+\.[0-9]+\.[0-9]+' || fail "--version does not print the version"

# A port in use; the one that has it goes on.
start_cast --path /other
expect_equal "the address" "http://127.0.0.1:$port/other" "$url"
status=0
"$cast" --listen "127.0.0.1:$port" </dev/null >"$work/out2" 2>"$work/message" || status=$?
expect_equal "exit status with a port in use" 1 $status
expect_equal "the message" "cast: cannot listen on 127.0.0.1:$port: Address already in use" "$(cat "$work/message")"
connect client
kill -TERM $pid
expect_status $pid 0 "cast after SIGTERM"

status=0
"$cast" --listen 192.0.2.1:0 </dev/null 2>"$work/message" || status=$?
expect_equal "exit status with an address that is not the machine's" 1 $status
expect_equal "the message" "cast: cannot listen on 192.0.2.1:0: Cannot assign requested address" "$(cat "$work/message")"

# The port is free again at once; IPv6 works where the machine has it.
"$cast" --listen "127.0.0.1:$port" </dev/null 2>"$work/message" || fail "the port is not free again: $(cat "$work/message")"
if [ -n "$(cat /proc/net/if_inet6 2>/dev/null)" ]; then
  "$cast" --listen '[::1]:0' </dev/null 2>"$work/message" || fail "cannot listen on [::1]: $(cat "$work/message")"
  grep -qxE 'cast: http://\[::1\]:[0-9]+/events' "$work/message" || fail "the IPv6 address reads $(cat "$work/message")"
fi
