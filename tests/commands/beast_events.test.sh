#!/usr/bin/env bash
# The stream of a Beast server: events one by one, its head, clients that come back, the limit of clients.
source "$(dirname "$0")/lib_served.sh"
start "$bin/beast" --max-connections 2

say_text() { expect_equal "POST /say" 204 "$(status_of -d "$1" "$site/say")"; }

connect first -D "$work/head"
with_one=$(descriptors)
for text in one two three; do
  say_text $text
  has first "{\"type\":\"said\",\"data\":{\"text\":\"$text\"},"
done
expect_equal "what a client has read" $'connection\nsaid {"text":"one"}\nsaid {"text":"two"}\nsaid {"text":"three"}' "$(events first)"
tr -d '\r' <"$work/head" | sort >"$work/sorted"
expect_equal "the head" "$(printf '%s\n' '' 'Cache-Control: no-cache, no-transform' 'Connection: close' 'Content-Type: text/event-stream' \
  'HTTP/1.1 200 OK' 'X-Accel-Buffering: no' | sort)" "$(cat "$work/sorted")"

# HEAD: the same head, at once, and no client more.
expect_equal "the head for HEAD" "$(cat "$work/sorted")" "$(head_of --head "$url" | sort)"
expect_equal "HEAD with a query" 200 "$(status_of --head "$url?a=b")"

# resume NAME SUFFIX CURL-ARGUMENT...: a second client, up to the text "three"; SUFFIX goes after the URL.
resume() {
  local name=$1 there=$url
  url+=$2
  shift 2
  connect $name "$@"
  url=$there
  has $name '"text":"three"'
}
start_id=$(ids first | sed -n '1s/-0$//p')
missed=$'connection\nsaid {"text":"two"}\nsaid {"text":"three"}'
resume by_header '' -H "last-event-id: $start_id-1"
expect_equal "Last-Event-ID" "$missed" "$(events by_header)"
expect_equal "the ids of what is sent again" "$start_id-1 $start_id-2 $start_id-3" "$(ids by_header | xargs)"

# Two clients are there: a third has to wait until one goes.
expect_equal "a third client" 503 "$(status_of "$url")"
head_of "$url" | grep -qix 'retry-after: [0-9]*' || fail "503 without Retry-After"
expect_equal "HEAD beside two clients" 200 "$(status_of --head "$url")"
expect_equal "another route beside two clients" 200 "$(status_of "$site/")"

# come_back: the client that is there beside the first one goes, and its place is free.
come_back() {
  leave
  until_true 10 has_descriptors $with_one || fail "a client that has left is still connected"
}
come_back
resume by_query "?lastEventId=$start_id-2"
expect_equal "?lastEventId" $'connection\nsaid {"text":"three"}' "$(events by_query)"
come_back
resume earliest '?x=y&since=earliest'
expect_equal "?since=earliest" $'connection\nsaid {"text":"one"}\nsaid {"text":"two"}\nsaid {"text":"three"}' "$(events earliest)"
come_back
connect old_http --http1.0
say_text four
has old_http '"text":"four"'
come_back
resume other_start '' -H 'Last-Event-ID: 1-1'
expect_equal "the id of another start" $'connection\noverflow null' "$(events other_start | head -n 2)"
