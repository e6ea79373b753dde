#!/usr/bin/env python3
"""Every layer's folder has a README.md, and it names each of the folder's files.

usage: rooms.py ROOT        exit 1 and one line per README or name that is missing
"""
import pathlib
import re
import sys

LAYERS = ["schemas", "projections", "producers", "consumers", "ops"]


def unnamed(root):
    for layer in LAYERS + ["tests"]:
        readme = root / layer / "README.md"
        if not readme.is_file():
            if readme.parent.is_dir():
                yield f"{layer} has no README.md"
            continue
        words = set(re.findall(r"\w+", readme.read_text()))
        stems = {path.stem for path in readme.parent.iterdir() if path.suffix in (".h", ".cc")}
        for stem in sorted(stems - words):
            yield f"{readme}: {stem} is not named"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    found = list(unnamed(pathlib.Path(sys.argv[1])))
    print("\n".join(found) if found else "every file is named")
    sys.exit(1 if found else 0)


main()
