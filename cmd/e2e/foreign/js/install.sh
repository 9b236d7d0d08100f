#!/bin/sh
# Installs the JavaScript client, as package-lock.json has it, into build/js.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
there="$here/../../../../build/js"
if cmp -s "$here/package-lock.json" "$there/package-lock.json" && [ -d "$there/node_modules/mqtt" ]; then
  exit 0
fi
mkdir -p "$there"
rm -f "$there/package-lock.json"
cp "$here/package.json" "$there/"
cp "$here/package-lock.json" "$there/lock"
mv "$there/lock" "$there/package-lock.json"
cd "$there"
if ! npm ci --ignore-scripts --no-audit --no-fund --loglevel=error; then
  rm -f package-lock.json
  exit 1
fi
