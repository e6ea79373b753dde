#!/usr/bin/env bash
# Sources are as clang-format writes them, and shell scripts are without a fault that shellcheck knows.
#
# usage: style.sh ROOT        exit 1 and the tools' words if a file is not
set -euo pipefail

cd "$1"
# Fixtures with offences in them are not looked at, unless they are what was asked for.
sources() { find . -name build -prune -o -path './tests/lint/wrong*' -prune -o \( -name '*.h' -o -name '*.cc' \) -print0; }
scripts() {
  find . \( -name build -o -name .git \) -prune -o -path './tests/lint/wrong*' -prune -o -type f -print0 |
    xargs -0 grep -lZE -m 1 '^#!.*\b(ba)?sh\b'
}

failed=0
sources | xargs -0 -r clang-format --style=file --dry-run -Werror || failed=1
scripts | xargs -0 -r shellcheck || failed=1
exit "$failed"
