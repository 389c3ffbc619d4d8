#!/bin/sh
# Every public header compiles alone, as C11 and as C++17, without a warning.
# usage: headers.sh PREFIX WORKDIR
set -eu
include=$1/include
mkdir -p "$2"
status=0
n=0
for header in "$include"/quincunx/*.h; do
    name=quincunx/$(basename "$header")
    printf '#include "%s"\nextern int alone;\n' "$name" >"$2/alone.c"
    cp "$2/alone.c" "$2/alone.cpp"
    "$CC" -std=c11 -Wall -Wextra -Werror -pedantic -I "$include" -fsyntax-only "$2/alone.c" ||
        { echo "$name does not compile alone as C"; status=1; }
    "$CXX" -std=c++17 -Wall -Wextra -Werror -I "$include" -fsyntax-only "$2/alone.cpp" ||
        { echo "$name does not compile alone as C++"; status=1; }
    n=$((n + 1))
done
echo "$n headers"
[ "$n" -gt 0 ] && exit $status
