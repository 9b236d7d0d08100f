#!/bin/sh
# Fixture for the conformance suite, of a plugin whose backend is a file of
# addresses: an entry is a line, and a fault is something else in its place.
set -eu

file=$FIXTURE_DIR/addresses # what the plugin reads
kept=$FIXTURE_DIR/kept      # the file while something else is in its place

# text NAME and number NAME: a field of the JSON object on standard input.
text() { sed -n 's/.*"'"$1"'":"\([^"]*\)".*/\1/p'; }
number() { sed -n 's/.*"'"$1"'":\([0-9]*\).*/\1/p'; }

# replace: what is on standard input becomes the file, in one step.
replace() { cat >"$FIXTURE_DIR/new" && mv "$FIXTURE_DIR/new" "$file"; }

# aside and back: the file makes room, and returns.
aside() { mv "$file" "$kept"; }
back() { rm -rf "$file" && mv "$kept" "$file"; }

case "$*" in
up)
  : >"$file"
  cat <<JSON
{"config": {"file": "$file"},
 "bad": [{"config": {}, "path": "file"}, {"config": {"file": 7}, "path": "file"},
         {"config": {"file": "relative"}, "path": "file"}, {"config": {"file": "$file", "fil": ""}, "path": "fil"}],
 "traits": ["no-identity", "no-readiness"]}
JSON
  ;;
down) ;;
"seed "*)
  # The comment keeps the uid, which is not for the plugin.
  line="$(printf '%s' "$2" | text name):$(printf '%s' "$2" | number port) # $(printf '%s' "$2" | text uid)"
  { cat "$file" && echo "$line"; } | replace
  ;;
"remove "*) sed "/# $2\$/d" "$file" | replace ;;
"fault down on") aside && mkdir "$file" ;;
"fault denied on")
  # Nobody may read this, not even root, who may read every file on a disk.
  secret=/proc/sys/net/ipv4/route/flush
  if [ ! -e "$secret" ] || cat "$secret" >/dev/null 2>&1; then exit 3; fi
  aside && ln -s "$secret" "$file"
  ;;
"fault down off" | "fault denied off") back ;;
"fault reset on") replace <"$file" ;; # another file with the same lines
*) exit 3 ;;                          # a file is never slow, and holds no leases
esac
