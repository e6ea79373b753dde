#!/usr/bin/env python3
"""Apply turns the log into state from the record and earlier state alone: no clock, randomness, I/O, threads or hash order.

Looked at: projections/apply*.h and .cc, the headers of projections and schemas they include, and those headers' own .cc, on
and on.

usage: pure_apply.py ROOT             exit 1 and one line FILE:LINE: KIND: TEXT per offence
       pure_apply.py --marked ROOT    exit 1 unless the offences are exactly the lines that end in `// offence: KIND`
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')
LITERAL_OR_COMMENT = re.compile(
    r'R"([^(\s]*)\(.*?\)\1"|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|//[^\n]*|/\*.*?\*/', re.DOTALL)

# Headers that are only there for what apply must not do. What a header of the standard library offers beside it (a type
# in an interface) is not needed here either.
HEADERS = {
    "clock": r"chrono|ctime|time\.h|sys/time\.h|sys/timerfd\.h|producers/clock\.h",
    "randomness": r"random|sys/random\.h|uuid/.*|sodium\.h|sodium/randombytes\.h|producers/entropy\.h",
    "I/O": r"fstream|iostream|filesystem|cstdio|stdio\.h|unistd\.h|fcntl\.h|syslog\.h|sys/(?!time|timerfd|random).*"
           r"|rocksdb/.*|spdlog/.*|zmq.*|librdkafka/.*",
    "threads": r"thread|mutex|shared_mutex|atomic|future|condition_variable|semaphore|latch|barrier|stop_token"
               r"|pthread\.h",
    "hash order": r"unordered_map|unordered_set",
    "environment": r"locale|clocale|locale\.h",
}
WORDS = {
    "clock": r"\w+_clock\b|(?<![\w.>:])(?:::|std::)?(?:time|gettimeofday|clock_gettime|clock|localtime|gmtime)(?:_r)?\s*\(",
    "randomness": r"\brandom_device\b|\bmt19937(?:_64)?\b|(?<![\w.>:])(?:::|std::)?(?:s?rand|rand_r|random|getrandom|arc4random)\s*\("
                  r"|\brandombytes_\w+|\bEntropy\b",
    "I/O": r"\b[io]?fstream\b|\bstd::(?:cout|cerr|clog|cin|filesystem)\b|(?<![\w.>:])(?:::|std::)?(?:f?open|f?printf|f?puts"
           r"|fread|fwrite|pread|pwrite|system|popen|ioctl|socket)\s*\(|(?<![\w.>:])::(?:read|write|close|stat|unlink|rename)\s*\("
           r"|\brocksdb::|\bspdlog::|\bfmt::print\b",
    "threads": r"\bstd::(?:j?thread|async|mutex|shared_mutex|recursive_mutex|lock_guard|unique_lock|scoped_lock|atomic\w*"
               r"|condition_variable\w*|future|promise|call_once|this_thread)\b|\bthread_local\b|\bvolatile\b",
    "hash order": r"\bunordered_(?:multi)?(?:map|set)\b|\bstd::hash\b|\bu?intptr_t\b"
                  r"|\bstd::(?:multi)?(?:map|set)\s*<\s*(?:const\s+)?[\w:]+(?:\s+const)?\s*\*",
    "environment": r"(?<![\w.>:])(?:::|std::)?(?:(?:secure_)?getenv|setlocale|getpid|gettid|gethostname)\s*\(|\bstd::locale\b",
    "kept between calls": r"^\s*(?:inline\s+)?static\s+(?!const\b|constexpr\b|constinit\s+const\b|_?[Aa]ssert)"
                          r"(?![^;={]*\()[\w:<>,\s&*]+[\s&*]\w+\s*[;={]|\bmutable\b(?!\s*\{)",
}
# What schemas offers to others too, and why apply is none the worse for it: (file, kind, how the line begins).
ALLOWED = {
    # Durations, which the runtime reads; apply compares none with a clock.
    ("schemas/spec.h", "clock", "#include <chrono>"),
    # For tables of names that are looked up; apply keeps none.
    ("schemas/ids.h", "hash order", "struct std::hash<"),
    ("schemas/ids.h", "hash order", "return std::hash<"),
    # Whether bytes are aligned decides on a copy, never on a result.
    ("schemas/codec.cc", "hash order", "return reinterpret_cast<std::uintptr_t>"),
}

HEADERS = {kind: re.compile(rf"(?:{words})\Z") for kind, words in HEADERS.items()}
WORDS = {kind: re.compile(words) for kind, words in WORDS.items()}


def blank(match):
    """What stands in for a comment or literal: its lines, nothing else."""
    text = match.group(0)
    quote = '""' if text[0] in "\"'R" else ""
    return quote + "\n" * text.count("\n")


def code_lines(path):
    text = path.read_text()
    # An include's own quotes are no literal to blank.
    kept = re.sub(r'^(\s*#\s*include\s*)"([^"\n]+)"', r"\1<\2>", text, flags=re.MULTILINE)
    return LITERAL_OR_COMMENT.sub(blank, kept).split("\n")


def apply_files(root):
    todo = sorted((root / "projections").glob("apply*.h")) + sorted((root / "projections").glob("apply*.cc"))
    seen = []
    while todo:
        path = todo.pop(0)
        if path in seen or not path.exists():
            continue
        seen.append(path)
        for line in path.read_text().split("\n"):
            include = INCLUDE.match(line)
            if include and include.group(1).startswith(("projections/", "schemas/")):
                header = root / include.group(1)
                todo += [header, header.with_suffix(".cc")]
    return seen


def is_allowed(file, kind, text, used):
    allowed = {entry for entry in ALLOWED if entry[:2] == (file, kind) and text.startswith(entry[2])}
    used |= allowed
    return bool(allowed)


def offences(root, used):
    for path in apply_files(root):
        shown = path.relative_to(root)
        source = path.read_text().split("\n")
        for number, line in enumerate(code_lines(path), 1):
            include = INCLUDE.match(line)
            rules, text = (HEADERS, include.group(1)) if include else (WORDS, line)
            for kind, rule in rules.items():
                if (rule.match if include else rule.search)(text) and not is_allowed(
                        str(shown), kind, source[number - 1].strip(), used):
                    yield str(shown), number, kind, line.strip()


def marks(root):
    for path in sorted([*(root / "projections").rglob("*"), *(root / "schemas").rglob("*.*")]):
        for number, line in enumerate(path.read_text().split("\n"), 1):
            mark = re.search(r"// offence: (.+)$", line)
            if mark:
                yield str(path.relative_to(root)), number, mark.group(1)


def main():
    arguments = sys.argv[1:]
    marked = arguments[:1] == ["--marked"]
    if len(arguments) != 1 + marked:
        sys.exit(__doc__)
    root = pathlib.Path(arguments[-1])
    used = set()
    found = list(offences(root, used))
    if not apply_files(root):
        sys.exit(f"{root}: no projections/apply* to look at")
    if marked:
        expected, got = set(marks(root)), {offence[:3] for offence in found}
        for wrong, why in [(expected - got, "not found"), (got - expected, "found, but it is none")]:
            for file, line, kind in sorted(wrong):
                print(f"{file}:{line}: {kind}: {why}")
        print(f"{len(expected)} seeded offences")
        sys.exit(expected != got or not expected)
    unused = sorted(ALLOWED - used)
    for file, kind, text in unused:
        print(f"{file}: {kind}: {text}: allowed, but it is not there")
    for file, line, kind, text in found:
        print(f"{file}:{line}: {kind}: {text}")
    print(f"{len(apply_files(root))} files take part in apply, {len(found)} offences")
    sys.exit(bool(found or unused))


main()
