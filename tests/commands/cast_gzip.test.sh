#!/usr/bin/env bash
# Compressed streams, as programs see them that owe nothing to the library: curl, Python and Node.
source "$(dirname "$0")/lib_cast.sh"
"$cast" --help | grep -q -- '--gzip' || fail "no option --gzip"
start_cast --gzip --metrics /metrics
connect plain
connect packed --compressed

# A client in Python that says each event when it has come: its zlib gives no text before its bytes.
if command -v python3 >/dev/null; then
  python3 - "$port" >"$work/python" 2>"$work/python.err" 3>&- <<'END' &
import http.client, sys, zlib
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
connection.request("GET", "/events", headers={"Accept-Encoding": "gzip"})
response = connection.getresponse()
assert response.headers["Content-Encoding"] == "gzip" and "Accept-Encoding" in response.headers["Vary"]
inflater = zlib.decompressobj(wbits=31)
while bytes_ := response.read1():
    sys.stdout.write(inflater.decompress(bytes_).decode())
    sys.stdout.flush()
assert inflater.eof and not inflater.unused_data, "the stream has no orderly end"
END
  python=$!
  until_true 10 grep -qs '"connection"' "$work/python" || fail "Python is not connected: $(cat "$work/python.err")"
fi
# Node's fetch inflates by itself.
if command -v node >/dev/null; then
  node --input-type=module - "$url" >"$work/node" 2>"$work/node.err" 3>&- <<'END' &
const response = await fetch(process.argv[2], { headers: { 'Accept-Encoding': 'gzip' } });
if (response.headers.get('Content-Encoding') !== 'gzip') throw new Error('not compressed');
for await (const piece of response.body) process.stdout.write(piece);
END
  node=$!
  until_true 10 grep -qs '"connection"' "$work/node" || fail "Node is not connected: $(cat "$work/node.err")"
fi

# One by one: each is there before the next is written.
for i in $(seq 1 60); do
  echo "line $i: GET /index.html HTTP/1.1 200" >&3
  for name in plain packed python node; do
    [ ! -e "$work/$name" ] || until_true 5 grep -q "line $i:" "$work/$name" || fail "$name did not get line $i"
  done
done
seq 1 90 >&3
curl -s "${url%/events}/metrics" >"$work/metrics"
grep -q '^sse_compressed_events_total [1-9]' "$work/metrics" || fail "no metrics of the compression"
exec 3>&-
expect_status $pid 0 "cast at the end of its input"
[ -z "${python-}" ] || wait $python || fail "Python: $(cat "$work/python.err")"
[ -z "${node-}" ] || wait $node || fail "Node: $(cat "$work/node.err")"
for name in packed python node; do
  [ ! -e "$work/$name" ] || cmp <(grep '"line"' "$work/plain") <(grep '"line"' "$work/$name") || fail "$name has other lines"
done
