#!/bin/sh
# Fetches what the page uses of others into web/static/vendor, each with its licence. To update one: change its version
# here, run "make vendor", look at the difference, run "make e2e". npm checks what it downloads against the registry's hash.
set -eu
cd "$(dirname "$0")/.."
to="$PWD/web/static/vendor"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

fetch() { # fetch PACKAGE VERSION: unpacks it into $work/PACKAGE
	mkdir "$work/$1"
	(cd "$work" && npm pack --silent "$1@$2" >/dev/null && tar -xzf "$1-$2.tgz" -C "$1" --strip-components 1)
}

fetch marked 18.2.1
fetch dompurify 3.4.18
fetch uplot 1.6.32

mkdir -p "$to"
rm -f "$to"/*
# The maps stay away, and so do the comments that point to them: a browser's tools would ask for them.
unmapped() { sed '/^\/\/# sourceMappingURL=/d' "$1"; }
unmapped "$work/marked/lib/marked.esm.js" >"$to/marked.js"
unmapped "$work/dompurify/dist/purify.min.js" >"$to/purify.js"
# Its minified form is no module; this makes it one.
{ cat "$work/uplot/dist/uPlot.iife.min.js"; echo 'export default uPlot;'; } >"$to/uplot.js"
cp "$work/uplot/dist/uPlot.min.css" "$to/uplot.css"
cp "$work/marked/LICENSE" "$to/marked.LICENSE.txt"
cp "$work/dompurify/LICENSE" "$to/purify.LICENSE.txt"
cp "$work/uplot/LICENSE" "$to/uplot.LICENSE.txt"
