#!/usr/bin/env python3
"""Every include between layers points from right to left: schemas <- projections <- producers <- consumers <- ops.

usage: arrows.py ROOT        exit 1 and one line per include that points the other way
"""
import pathlib
import re
import sys

LAYERS = ["schemas", "projections", "producers", "consumers", "ops"]
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def wrong_includes(root):
    for place, layer in enumerate(LAYERS):
        allowed = set(LAYERS[: place + 1])
        for path in sorted((root / layer).rglob("*")):
            if path.suffix not in (".h", ".cc") or "examples" in path.parts:
                continue
            text = path.read_text()
            for match in INCLUDE.finditer(text):
                if match.group(1).split("/")[0] not in allowed:
                    line = text.count("\n", 0, match.start(1)) + 1
                    yield f'{path}:{line}: {layer} may not include "{match.group(1)}"'


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    found = list(wrong_includes(pathlib.Path(sys.argv[1])))
    print("\n".join(found) if found else "every include points the right way")
    sys.exit(1 if found else 0)


main()
