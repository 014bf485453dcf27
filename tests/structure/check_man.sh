#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The manual page and --help name the same commands, options and exit statuses.
#
#   check_man.sh RANKPOOL RANKPOOL.1
tool=$1
page=$(sed 's/\\-/-/g; s/\\f.//g' "$2")
differences=0

differ() {
  echo "$*" >&2
  differences=$((differences + 1))
}

# Options with two dashes, without those of mpirun.
options() {
  grep -oE -e '(^|[^-a-z])--[a-z][a-z-]+' | grep -oE -e '--[a-z-]+' | grep -vE -e '--(enable-recovery|beta|seed|host)$' | sort -u
}

help=$("$tool" --help)
commands=$(printf '%s\n' "$help" | sed -n 's/^  \([a-z]*\)  *[a-z].*/\1/p')
[ -n "$commands" ] || differ "rankpool --help lists no commands"
for command in $commands; do
  printf '%s\n' "$page" | grep -qi "^\.SH $command\$" || differ "the manual page has no section on 'rankpool $command'"
  text=$("$tool" "$command" --help) || differ "rankpool $command --help: exit status $?"
  help="$help
$text"
done
for option in $(printf '%s\n' "$help" | options); do
  printf '%s\n' "$page" | grep -q -e "$option" || differ "the manual page lacks $option"
done
for option in $(printf '%s\n' "$page" | options); do
  printf '%s\n' "$help" | grep -q -e "$option" || differ "--help lacks $option"
done
statuses=$(printf '%s\n' "$page" | sed -n '/^\.SH EXIT STATUS/,/^\.SH ENV/s/^\.B \([0-9]*\)$/\1/p')
for status in $statuses; do
  "$tool" --help | tr '\n' ' ' | grep -qE "exit status:.*\b$status (all|some|wrong|the pool|stopped|after)" ||
    differ "--help lacks exit status $status"
done
[ "$(echo "$statuses" | wc -w)" = "$("$tool" --help | tr '\n' ' ' | sed 's/.*exit status: //' | tr ';' '\n' | grep -c '[0-9] ')" ] ||
  differ "--help and the manual page do not have the same number of exit statuses"
[ $differences = 0 ]
