#!/usr/bin/env bash
# Hostile and odd request heads, and random bytes: the right status or a close, and nothing stays behind.
source "$(dirname "$0")/lib_cast.sh"

start_cast --verbose
connect client
idle=$(($(descriptors) - 1)) # who gets events shows that cast has opened all of its own
resident() { awk '/^VmRSS/ { print $2 }' "/proc/$pid/status"; }

node "$here/lib_heads.mjs" $port || fail "request heads"
until_true 10 has_descriptors $((idle + 1)) || fail "descriptors stay after the request heads: $(descriptors), before: $((idle + 1))"

node "$here/lib_random.mjs" $port 1000 1 || fail "random bytes"
until_true 15 has_descriptors $((idle + 1)) || fail "descriptors stay after random bytes: $(descriptors), before: $((idle + 1))"
before=$(resident)
node "$here/lib_random.mjs" $port 1000 2 || fail "random bytes"
until_true 15 has_descriptors $((idle + 1)) || fail "descriptors stay after random bytes: $(descriptors), before: $((idle + 1))"
grown=$(($(resident) - before))
[ $grown -lt 1024 ] || fail "1000 requests of random bytes made cast grow by $grown KiB"
[ "$(grep -c ' added' "$work/err")" -eq "$(($(grep -c ' removed' "$work/err") + 1))" ] || fail "connections stay behind"

echo last >&3
until_true 5 grep -q '"data":"last"' "$work/client" || fail "the client from before gets no event any more"
exec 3>&-
expect_status $pid 0 "cast at the end of its input"
expect_equal "what the client has read" $'connection\nline "last"\ndisconnect' "$(events client)"
