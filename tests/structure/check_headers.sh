#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Every public header compiles alone, twice in a row, as C11, C17 and C++17, without a warning.
#
#   check_headers.sh INCLUDE-FOLDER C++-COMPILER|- C-COMPILER ...
include=$1 cxx=$2
shift 2
number=0 failures=0

# compile STANDARD HEADER LANGUAGE COMPILER ...
compile() {
  standard=$1 header=$2 language=$3
  shift 3
  number=$((number + 1))
  if said=$(printf '#include <rankpool/%s>\n#include <rankpool/%s>\n' "$header" "$header" |
    "$@" -x "$language" -std="$standard" -Wall -Wextra -pedantic -Werror -fsyntax-only -I "$include" - 2>&1); then
    echo "ok $number - $header as $standard"
  else
    failures=$((failures + 1))
    echo "not ok $number - $header as $standard"
    printf '%s\n' "$said" | sed 's/^/# /'
    printf '%s\n' "$said" >&2
  fi
}

for path in "$include"/rankpool/*.h; do
  header=$(basename "$path")
  compile c11 "$header" c "$@"
  compile c17 "$header" c "$@"
  if [ "$cxx" = - ]; then
    number=$((number + 1))
    echo "ok $number - $header as c++17 # SKIP no C++ compiler"
  else
    compile c++17 "$header" c++ "$cxx"
  fi
done
echo "1..$number"
[ "$failures" = 0 ]
