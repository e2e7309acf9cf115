#!/usr/bin/env bash
# The quickstart shows what it says, and ends by itself.
set -euo pipefail
quickstart=${SSE_BIN_DIR:?set SSE_BIN_DIR to the directory of the example binaries}/quickstart

fail() {
  echo "FAIL: $*" >&2
  exit 1
}

output=$("$quickstart" </dev/null) || fail "exit status $?"
expected='prompt connection
prompt progress 1
prompt progress 2
prompt progress 3
prompt progress 4
prompt progress 5
prompt disconnect
late connection
late overflow 2
late progress 3
late progress 4
late progress 5
late disconnect'
got=$(node -e '
  for (const line of require("fs").readFileSync(0, "utf8").trim().split("\n")) {
    const [, name, json] = /^(\w+) +(\{.*\})$/.exec(line);
    const event = JSON.parse(json);
    console.log(name, event.type, ...[event.dropped ?? event.data?.step ?? []].flat());
  }' <<<"$output")
[ "$got" = "$expected" ] || fail "it printed:"$'\n'"$output"

"$quickstart" --help | grep -q '^usage: quickstart' || fail "--help does not say how it is used"
for arguments in --nonsense x '--help x'; do
  status=0
  error=$("$quickstart" $arguments 2>&1 >/dev/null) || status=$?
  [ $status -eq 2 ] || fail "quickstart $arguments: exit status $status, expected 2"
  [ "$(wc -l <<<"$error")" -eq 1 ] && [ -n "$error" ] || fail "quickstart $arguments: not one line on standard error: $error"
done
