#!/bin/sh
# The installed programs find each other and the plugins, wherever the prefix is.
# usage: programs.sh PREFIX WORKDIR
set -eu
unset QX_PLUGIN_DIR QX_BIN_DIR
mkdir -p "$2"
cp -a "$1" "$2/moved"
trap 'rm -rf "$2/moved"' EXIT
PATH=$2/moved/bin:$PATH
qx version
qx tasks | grep -q '^ *pi\b'
answer=$(qx run pi -n 1000 --seed 1 --slots 1 --quiet --output json)
echo "$answer" | grep -q '"digest"'
