#!/usr/bin/env bash
# The command line: what is refused, in one line that names the argument, what is printed, and what is asked of the server.
source "$(dirname "$0")/lib_tail.sh"

# refused NAME ARGUMENT...: exit status 2, nothing on standard output, one line on standard error that has NAME in it.
refused() {
  local name=$1
  shift
  run "$@"
  [ $status -eq 2 ] || fail "tail $*: exit status $status, expected 2"
  [ ! -s "$work/lines" ] || fail "tail $*: something on standard output"
  [ "$(wc -l <"$work/notices")" -eq 1 ] || fail "tail $*: not one line on standard error: $(cat "$work/notices")"
  grep -q '^tail: ' "$work/notices" || fail "tail $*: the message does not begin with the program's name"
  grep -qF -e "$name" "$work/notices" || fail "tail $*: the message does not name $name: $(cat "$work/notices")"
}

refused URL
for url in '' x host:80 ftp://host http:// http://host:0 http://host:65536 http://user@host 'http://h st' $'http://h\n'; do
  refused URL "$url"
done
for id in '' $'a\nb' $'a\r\nX: y' $'a\tb' "$(head -c 1025 /dev/zero | tr '\0' a)"; do
  refused --since http://localhost --since "$id"
done
refused --since http://localhost --since
refused --nonsense http://localhost --nonsense
refused http://two http://one http://two
refused '--non?sense' http://localhost $'--non\nsense'

run --help
expect_equal "the status of --help" 0 $status
[ ! -s "$work/notices" ] || fail "--help writes to standard error"
for option in --json --since --post --header --reconnect --version; do
  grep -q -e " $option\b" "$work/lines" || fail "--help does not tell of $option"
done
run --version
grep -qxE 'tail [0-9]+\.[0-9]+\.[0-9]+' "$work/lines" || fail "--version does not print the version"

# asked LINE: the request that the server got has it.
asked() { grep -qxF -e "$1"$'\r' "$work/requests" || fail "the request has no line $1: $(cat "$work/requests")"; }
stream empty ''
serve "$answer"
run "$url?a=b" --since '7-2 x'
asked "GET /events?a=b HTTP/1.1"
asked "Last-Event-ID: 7-2 x"
serve "$answer"
run "$url" --since earliest
asked "GET /events?since=earliest HTTP/1.1"
! grep -q Last-Event-ID "$work/requests" || fail "--since earliest sends a Last-Event-ID"
serve "$answer"
run "$url?a#f" --since earliest
asked "GET /events?a&since=earliest HTTP/1.1"
expect_equal "the status at the end of a stream" 0 $status
