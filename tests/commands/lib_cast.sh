# For the tests of `cast`: sourced first. A test writes to descriptor 3, which is cast's standard input.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cast=$bin/cast

# start_cast ARGUMENT...: on a free port, its input the descriptor 3; sets pid, url, port.
start_cast() {
  rm -f "$work/in" "$work/err"
  mkfifo "$work/in"
  "$cast" --listen 127.0.0.1:0 "$@" <"$work/in" >"$work/out" 2>"$work/err" &
  pid=$!
  exec 3>"$work/in"
  until_true 10 grep -qs '^cast: http://' "$work/err" || fail "cast does not say where it listens"
  url=$(sed -n 's/^cast: \(http:.*\)$/\1/p;q' "$work/err")
  port=$(sed 's|^http://[^/]*:\([0-9]*\)/.*|\1|' <<<"$url")
}

# long_lines COUNT: `N 000…`; some thousands are more than the sockets' buffers take.
long_lines() { seq 1 "$1" | sed "s/\$/ $(printf '%0500d' 0)/"; }
