#!/usr/bin/env bash
# examples/tls/run.sh [--directory DIR] [ARGUMENT...]: runs the example tls with a certificate for localhost, until Ctrl-C.
#
#   --directory DIR   where certificate.pem and key.pem are, or are made; without it: a temporary directory
#   ARGUMENT          for tls: --listen ADDR:PORT (default 127.0.0.1:8443), --interval MS (default 1000), --http2
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
program=examples/tls/run.sh
tls=${SSE_BIN_DIR:-$root/build/release/examples}/tls

usage() { sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; }
say() { printf '%s: %s\n' "$program" "$*" >&2; }
bad_argument() { say "$1"; exit 2; }

directory= temporary=
arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --directory)
      [ -n "${2:-}" ] || bad_argument "--directory needs a directory"
      directory=$2
      shift
      ;;
    *) arguments+=("$1") ;;
  esac
  shift
done
if ! [ -x "$tls" ]; then
  say "build it first, with OpenSSL there: cmake --preset release && cmake --build --preset release --target tls"
  exit 1
fi

if [ -z "$directory" ]; then
  temporary=$(mktemp -d)
  trap 'rm -rf "$temporary"' EXIT
  directory=$temporary
fi
mkdir -p "$directory"
certificate=$directory/certificate.pem key=$directory/key.pem
if ! [ -e "$certificate" ]; then
  (umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1 -keyout "$key" -out "$certificate" 2>"$directory/log") ||
    { cat "$directory/log" >&2; say "openssl could not make a certificate"; exit 1; }
  rm -f "$directory/log"
fi
say "curl needs --cacert $certificate"

command=("$tls" --certificate "$certificate" --key "$key" "${arguments[@]}")
[ -n "$temporary" ] || exec "${command[@]}"

# The directory goes with the program, to which a signal is passed on; Ctrl-C reaches it by itself.
stopped=
trap 'stopped=1; kill -TERM $pid' TERM
trap 'stopped=1' INT
"${command[@]}" &
pid=$!
status=0
wait $pid || status=$?
if [ -n "$stopped" ]; then
  status=0
  wait $pid || status=$?
fi
exit $status
