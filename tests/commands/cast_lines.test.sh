#!/usr/bin/env bash
# What a line becomes: one by one, JSON as JSON, and no byte that breaks a frame.
source "$(dirname "$0")/lib_cast.sh"

start_cast --max-queue-size 10000
connect client

echo 'first' >&3
until_true 5 grep -q '"data":"first"' "$work/client" || fail "the first line did not come while the input was open"
echo 'second' >&3
until_true 5 grep -q '"data":"second"' "$work/client" || fail "the second line did not come while the input was open"
printf 'in two ' >&3
printf 'pieces\n' >&3
until_true 5 grep -q '"data":"in two pieces"' "$work/client" || fail "a line that came in two pieces did not come"
expect_equal "the first events" $'connection\nline "first"\nline "second"\nline "in two pieces"' "$(events client)"

expected=$(events client)
line() { # BYTES (for printf) EXPECTED
  printf "$1" >&3
  expected+=$'\n'"line $2"
}
line 'crlf\r\n' '"crlf"'
line '\n' '""'
line '\r\n' '""'
line 'a\rb\n' '"a\rb"'
line 'a\r\r\n' '"a\r"'
line 'data: x\n' '"data: x"'
line ': comment\n' '": comment"'
line 'a\0b\n' '"a\u0000b"'
line '\377\376 caf\303\251 \303\n' '"�� café �"'
line '\360\237\230\200 \355\240\200\n' '"😀 ���"'
line '"\\\t\033[0m\177\n' "$(node -p 'JSON.stringify("\"\\\t\u001b[0m\u007f")')"
line '\342\200\250\n' "\"$(printf '\342\200\250')\""
line '{"b":1,"a":[1,2,{"c":null}]}\n' '{"b":1,"a":[1,2,{"c":null}]}'
line '  [1, 2 ]\t\r\n' '[1,2]'
line '42\n' '42'
line '"a string"\n' '"a string"'
line 'null\n' 'null'
line 'true\n' 'true'
line '007\n' '"007"'
line '{"a":1} {"b":2}\n' '"{\"a\":1} {\"b\":2}"'
line '{"a":1}\0}\n' '"{\"a\":1}\u0000}"'
line '\357\273\277{"a":1}\n' "\"$(printf '\357\273\277'){\\\"a\\\":1}\""
line '{"a":"\377"}\n' '"{\"a\":\"�\"}"'
line '{"a":\r1}\n' '{"a":1}'
line '{"a":"\\ud800"}\n' '"{\"a\":\"\\ud800\"}"'
line '1e999\n' '"1e999"'
line '{"type":"disconnect"}\n' '{"type":"disconnect"}'
line '[12345678901234567890123, 1.10, 1e2]\n' '[1.2345678901234568e+22,1.1,100]'
line 'end\n' '"end"'
until_true 10 grep -q '"data":"end"' "$work/client" || fail "the hostile lines did not all come"
expect_equal "the hostile lines" "$expected" "$(events client)"
grep -qF '"data":[12345678901234567890123, 1.10, 1e2]' "$work/client" || fail "the numbers of a JSON line were rewritten"

lines=$(grep -c '^line' <<<"$expected")

# The longest line, one byte more, and one that no buffer could hold: the line after it comes at once.
resident() { awk '/^VmRSS/ { print $2 }' "/proc/$pid/status"; }
head -c 1048576 /dev/zero | tr '\0' x >&3
printf '\n' >&3
head -c 1048577 /dev/zero | tr '\0' x >&3
printf '\nafter\n' >&3
until_true 20 grep -q '"data":"after"' "$work/client" || fail "the line after a too long one did not come"
before=$(resident)
head -c 200000000 /dev/zero | tr '\0' y >&3
printf '\r\nafter the huge one\n' >&3
until_true 60 grep -q '"data":"after the huge one"' "$work/client" || fail "the line after a huge one did not come"
grown=$(($(resident) - before))
[ $grown -lt 16384 ] || fail "a line of 200 MB made cast grow by $grown KiB"
expect_equal "what standard error tells of long lines" \
  "$(printf 'cast: line %d is skipped: %d bytes, and the limit is 1048576\n' $((lines + 2)) 1048577 $((lines + 4)) 200000000)" \
  "$(sed 1d "$work/err")"
events client >"$work/read"
expect_equal "lengths around the limit" $'line 1048576\nline 5\nline 18' \
  "$(tail -n 3 "$work/read" | while read -r type data; do echo "$type $((${#data} - 2))"; done)"

# A line of control characters is six times as long in JSON, and still a line.
head -c 1048576 /dev/zero | tr '\0' '\1' >&3
printf '\nafter the control characters\n' >&3
until_true 20 grep -q 'after the control characters' "$work/client" || fail "a line of control characters stopped cast"
events client >"$work/read"
expect_equal "a line of control characters" "$(printf 'line "%s"\nline "after the control characters"' \
  "$(head -c 1048576 /dev/zero | sed 's/\x0/\\u0001/g')" | md5sum)" "$(tail -n 2 "$work/read" | head -c -1 | md5sum)"

# A nesting that would overflow a recursive reader's stack.
head -c 400000 /dev/zero | tr '\0' '[' >&3
head -c 400000 /dev/zero | tr '\0' ']' >&3
printf '\nlast without an end' >&3
exec 3>&-
expect_status $pid 0 "cast at the end of its input"
expect_status $client 0 "curl at the end of the stream"
tail -c 1000 "$work/client" | grep -q '"data":"last without an end"' || fail "the last line without an end is missing"
tail -c 300 "$work/client" | grep -q '"type":"disconnect"' || fail "no disconnect at the end of the input"
[ ! -s "$work/out" ] || fail "standard output is not empty"
