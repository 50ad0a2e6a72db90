#!/bin/sh
# Installs the Debian packages that the tests need and this machine lacks: as root, with sudo, or not
# at all, and then it says which.
set -eu

missing=""
need() { # need COMMAND PACKAGE
	command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need chromium chromium
need node nodejs
need npm npm
need redis-server redis-server

[ -n "$missing" ] || exit 0
if [ "$(id -u)" -eq 0 ]; then
	as_root=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
	as_root="sudo"
else
	echo "the tests need these Debian packages: install them as root with: apt-get install$missing" >&2
	exit 1
fi
if ! command -v apt-get >/dev/null 2>&1; then
	echo "the tests need these Debian packages or what corresponds to them here:$missing" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
# shellcheck disable=SC2086
$as_root apt-get install -y -qq --no-install-recommends $missing
