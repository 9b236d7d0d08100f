#!/bin/sh
# Builds the plugin as one executable file: build.sh FILE. The file is a zip of
# hello.py and of what protoc makes of the contract, which is in $CONTRACT. It
# runs with the distribution's Python, without regard to packages of the user.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: build.sh FILE}
parts=$(mktemp -d)
trap 'rm -rf "$parts"' EXIT
protoc -I "${CONTRACT:-$here/../../discovery/proto/v1}" --python_out="$parts" discovery.proto
cp "$here/hello.py" "$parts/__main__.py"
touch -d 2000-01-01T00:00:00Z "$parts"/* # the same file from the same sources
mkdir -p "$(dirname "$out")"
/usr/bin/python3 -m zipapp "$parts" -p '/usr/bin/python3 -I' -o "$out"
chmod 755 "$out"
