#!/usr/bin/env bash
# examples/cluster/run.sh [--redis URL] [--port N]: three nodes, which are three programs `cast` with one log in Redis.
#
#   --redis URL   a Redis 7 or Valkey 8 that runs already; without it: a redis-server of its own, in memory
#   --port N      the first node's port, and the next two are the others' (default 8081); 0: free ones
#
# Each line of standard input goes to the next node in turn. A client of any node gets all lines, in one order and with
# the same ids. The end of the input, or Ctrl-C, ends all.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
program=examples/cluster/run.sh
cast=${SSE_BIN_DIR:-$root/build/release/examples}/cast

usage() { sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; }
say() { printf '%s: %s\n' "$program" "$*" >&2; }
bad_argument() { say "$1"; exit 2; }

redis= port=8081
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --redis)
      [ -n "${2:-}" ] || bad_argument "--redis needs a URL"
      redis=$2
      shift
      ;;
    --port)
      [[ "${2:-}" =~ ^[0-9]{1,5}$ ]] || bad_argument "--port needs a number"
      port=$2
      shift
      ;;
    *) bad_argument "unknown argument '$1'" ;;
  esac
  shift
done
if ! [ -x "$cast" ]; then
  say "build it first: cmake --preset release && cmake --build --preset release --target cast"
  exit 1
fi

directory=$(mktemp -d)
server= nodes=()
clean_up() {
  if [ -n "$server" ]; then kill -KILL "$server" 2>/dev/null || true; fi
  for node in "${nodes[@]}"; do kill -KILL "$node" 2>/dev/null || true; done
  rm -rf "$directory"
}
trap clean_up EXIT
mkfifo "$directory/never"
pause() { read -r -t 0.02 <>"$directory/never" || true; }

# A free port below those that the system gives out: nobody gets it in the meantime.
start_server() {
  local number
  for _ in {1..20}; do
    number=$((10240 + RANDOM % 11760))
    # A group of its own: Ctrl-C ends the nodes first.
    set -m
    redis-server --port $number --bind 127.0.0.1 --dir "$directory" --save '' --appendonly no \
      </dev/null >"$directory/redis" 2>&1 &
    server=$!
    disown
    set +m
    redis=redis://127.0.0.1:$number
    while kill -0 "$server" 2>/dev/null; do
      if grep -qs 'Ready to accept connections' "$directory/redis"; then return; fi
      pause
    done
    server=
  done
  say "redis-server does not start: $(tail -n 3 "$directory/redis")"
  exit 1
}
if [ -z "$redis" ]; then
  command -v redis-server >/dev/null || { say "there is no redis-server: install it, or give the URL of one by --redis"; exit 1; }
  start_server
fi

inputs=()
for name in 0 1 2; do
  mkfifo "$directory/$name"
  (
    for input in "${inputs[@]}"; do exec {input}>&-; done # an input ends when nobody has it open for writing
    exec "$cast" --listen "127.0.0.1:$port" --log "$redis" <"$directory/$name" 2>"$directory/$name.err"
  ) &
  nodes+=($!)
  exec {input}>"$directory/$name"
  inputs+=("$input")
  until grep -q '^cast: http:' "$directory/$name.err"; do
    kill -0 "${nodes[-1]}" 2>/dev/null || { cat "$directory/$name.err" >&2; exit 1; }
    pause
  done
  say "node $((name + 1)): $(sed -n 's/^cast: \(http:\)/\1/p;q' "$directory/$name.err")"
  if [ "$port" -ne 0 ]; then port=$((port + 1)); fi
done
# The end of their inputs ends the nodes.
stop() {
  local input node status=0
  for input in "${inputs[@]}"; do exec {input}>&-; done
  for node in "${nodes[@]}"; do wait "$node" || status=1; done
  nodes=()
  exit $status
}
trap stop INT # which the nodes get, too
trap 'kill -TERM "${nodes[@]}"; stop' TERM
say "type lines: each goes to the next node"
turn=0
while read -r line || [ -n "$line" ]; do
  printf '%s\n' "$line" >&"${inputs[turn]}"
  turn=$(((turn + 1) % 3))
done
stop
