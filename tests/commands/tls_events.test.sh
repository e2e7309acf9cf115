#!/usr/bin/env bash
# curl over https: the page, the stream live and after a cut, heads, statuses; the script's certificate; the command line.
source "$(dirname "$0")/lib_tls.sh"
start_tls --interval 100

curl -sN --max-time 20 "$url" >"$work/live" &
live=$!
numbers() { sed -n 's/^data: {"type":"tick","data":{"n":\([0-9]*\)}.*/\1/p' "$work/$1"; }
has_ticks() { [ "$(numbers $1 | wc -l)" -ge "$2" ]; }
until_true 10 has_ticks live 1 || fail "no tick"
! has_ticks live 50 || fail "the first tick comes with all the others"
until_true 20 has_ticks live 20 || fail "no 20 ticks"
url=https://localhost:$port/events connect localhost --cacert "$ca" --http1.0
leave
! curl -sf --max-time 20 --cacert /dev/null "$site/" || fail "curl takes a certificate that nobody has signed"

head_of "$url" --max-time 1 >"$work/head" || true
grep -qx 'HTTP/1.1 200 OK' "$work/head" || fail "no status 200: $(cat "$work/head")"
grep -qix 'content-type: text/event-stream' "$work/head" || fail "not text/event-stream: $(cat "$work/head")"
expect_equal "HEAD of the stream" "$(cat "$work/head")" "$(head_of --head "$url")"
expect_equal "the page" 200 "$(status_of "$site/")"
curl -sS --max-time 20 "$site/" | grep -q "new EventSource('/events')" || fail "the page has no EventSource"
expect_equal "HEAD of the page" "200 0" "$(curl -sI -o /dev/null -w '%{http_code} %{size_download}' --max-time 20 "$site/")"
expect_equal "another path" 404 "$(status_of "$site/x")"
expect_equal "HEAD of another path" "404 0" \
  "$(curl -sI -o /dev/null -w '%{http_code} %{size_download}' --max-time 20 "$site/x")"
expect_equal "POST" 405 "$(status_of -d x "$url")"
head_of -d x "$url" | grep -qix 'allow: GET, HEAD' || fail "405 without Allow"
head -c 1000000 /dev/zero >"$work/large"
expect_equal "POST of 1 MB" 405 "$(status_of --data-binary "@$work/large" "$site/")"
expect_equal "a head that is too large" 431 "$(status_of -H "X: $(head -c 17000 /dev/zero | tr '\0' a)" "$site/")"
expect_equal "TLS 1.2" 200 "$(status_of --tls-max 1.2 "$site/")"
expect_equal "TLS 1.1" 000 "$(status_of --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0 "$site/")"

# After a cut: from the id of the tenth event on, without a hole.
tenth=$(ids live | sed -n 11p)
connect back -H "Last-Event-ID: $tenth"
until_true 20 has_ticks back 20 || fail "no 20 ticks for a client that has come back"
leave
first=$(numbers live | sed -n 11p)
expect_equal "what a client that comes back gets" "$(seq $first $((first + 19)))" "$(numbers back | head -n 20)"

# tail trusts as OpenSSL does.
status=0
SSL_CERT_FILE=$ca "$bin/tail" "https://localhost:$port/events" >"$work/tail" 2>"$work/notices" &
follower=$!
until_true 20 grep -q '"type":"tick"' "$work/tail" || fail "tail got no tick: $(cat "$work/notices")"
kill -TERM $follower
SSL_CERT_FILE=/dev/null timeout 20 "$bin/tail" "https://localhost:$port/events" >"$work/refused" 2>"$work/notices" || status=$?
expect_equal "tail, of a certificate that nobody has signed" 1 $status
grep -q 'certificate of localhost:[0-9]* is not accepted, self' "$work/notices" || fail "tail: $(cat "$work/notices")"

# A renewed certificate: for those that come, and for nobody else.
openssl req -x509 -key "$work/tls/key.pem" -days 2 -subj /CN=renewed -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
  -out "$ca" 2>/dev/null
kill -HUP $pid
shown() { openssl s_client -connect "127.0.0.1:$port" </dev/null 2>/dev/null | grep -q '^subject=CN = renewed'; }
until_true 20 shown || fail "the renewed certificate is not shown"
expect_equal "the page with the renewed certificate" 200 "$(status_of "$site/")"
: >"$ca"
kill -HUP $pid
until_true 20 grep -q '^tls: ' "$work/err" || fail "a certificate that is none is not told"
shown || fail "the certificate is gone with its file"

kill -TERM $pid
expect_status $pid 0 SIGTERM
expect_status $live 0 "curl after SIGTERM"
events live >"$work/read"
expect_equal "the first and the last event" "connection disconnect" "$(sed -n '1p;$p' "$work/read" | xargs)"

refused --nonsense "$bin/tls" --certificate "$ca" --key "$work/tls/key.pem" --nonsense
refused --certificate "$bin/tls" --key "$work/tls/key.pem"
refused --interval "$bin/tls" --certificate "$ca" --key "$work/tls/key.pem" --interval 0
refused --directory "$run" --directory
cannot "No such file" "$bin/tls" --certificate "$work/nothing" --key "$work/tls/key.pem"
cannot "tls: " "$bin/tls" --certificate "$ca" --key "$ca"
expect_equal "who may read the key" 600 "$(stat -c %a "$work/tls/key.pem")"
"$bin/tls" --help | grep -q -e '--certificate' || fail "--help does not tell of the options"
"$run" --help | grep -q -e '--directory' || fail "the script's --help does not tell of the options"

# Without a directory: one that is there as long as the program. A terminal's Ctrl-C tells both, of which the script is deaf here.
export TMPDIR=$work/temporary
mkdir "$TMPDIR"
for signal in TERM INT; do
  start "$run"
  expect_equal "the page" 200 "$(status_of --cacert "$TMPDIR"/*/certificate.pem "$site/")"
  program=$(xargs <"/proc/$pid/task/$pid/children")
  if [ $signal = TERM ]; then kill -TERM $pid; else kill -INT $pid $program; fi
  expect_status $pid 0 "SIG$signal without a directory"
  not_running $program || fail "SIG$signal: the program goes on without its script"
  expect_equal "what is left of the directory" "" "$(ls "$TMPDIR")"
done
