"""What the guards share: the tree as a dict of texts, C without its comments, functions, and TAP.

A guard is a function of a tree that returns findings ("path:line: what"). Each is tried on small bad and good trees first: a
guard that cannot fail is worse than none. Standard library only.
"""
import os
import pathlib
import re
import sys
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODE = ("vault/", "policy/", "tokenizer/", "keys/")
SKIPPED = {".git", ".dev", "__pycache__", ".pytest_cache"}


def tree(*endings):
    """Path -> text of the repository's text files whose names end so (all, when none is given); build folders left out."""
    found = {}
    for folder, folders, files in os.walk(ROOT):
        folders[:] = sorted(f for f in folders if f not in SKIPPED and not (pathlib.Path(folder) == ROOT and f.startswith("build")))
        for file in sorted(files):
            path = pathlib.Path(folder, file)
            if (endings and not file.endswith(endings)) or path.is_symlink() or path.stat().st_size > 2 << 20:
                continue
            data = path.read_bytes()
            if b"\0" not in data:
                found[str(path.relative_to(ROOT))] = data.decode("utf-8", "replace")
    return found


_TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


def bare(text):
    """C without the insides of comments, strings and characters; lines and columns stay."""
    def replace(match):
        token = match[0]
        return _blank(token) if token[0] == "/" else token[0] + _blank(token[1:-1]) + token[-1]
    return _TOKEN.sub(replace, text)


def comments(text):
    """The lines (from 1) that a comment touches."""
    lines = set()
    for match in _TOKEN.finditer(text):
        if match[0][0] == "/":
            first = text.count("\n", 0, match.start()) + 1
            lines.update(range(first, first + match[0].count("\n") + 1))
    return lines


def strings(text):
    """(line, text) of every string literal."""
    return [(text.count("\n", 0, m.start()) + 1, m[0][1:-1]) for m in _TOKEN.finditer(text) if m[0][0] == '"']


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


@dataclass
class Function:
    path: str
    line: int
    name: str
    length: int      # lines, from the signature to the closing brace
    parameters: str  # the text between its parentheses
    branches: int


def parameter_count(inside):
    """Parameters in the text between the parentheses of a declaration."""
    if inside.strip() in ("", "void"):
        return 0
    depth, count = 0, 1
    for c in inside:
        depth += c in "([{"
        depth -= c in ")]}"
        count += c == "," and depth == 0
    return count


def _closing(text, at):
    """Offset of the parenthesis or brace that closes the one at `at`."""
    pairs, depth = {"(": ")", "{": "}"}, 0
    for i in range(at, len(text)):
        if text[i] == text[at]:
            depth += 1
        elif text[i] == pairs[text[at]]:
            depth -= 1
            if depth == 0:
                return i
    return len(text) - 1


_BRANCH = re.compile(r"\b(?:if|for|while|case)\b|\?")
_BODY = re.compile(r"^\{", re.M)
_ATTRIBUTE = re.compile(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)")


def functions(path, text):
    """The functions of a C file laid out by our .clang-format: a brace alone in column 0 opens a body."""
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: _blank(m[0]), bare(text), flags=re.M)
    found = []
    for match in _BODY.finditer(code):
        head_from = max(code.rfind(";", 0, match.start()), code.rfind("}", 0, match.start())) + 1
        head = _ATTRIBUTE.sub(lambda m: _blank(m[0]), code[head_from:match.start()])
        named = re.search(r"(\w+)\s*\(", head)
        if not named or "=" in head[:named.start()]:
            continue
        opened = named.end() - 1
        body_end = _closing(code, match.start())
        start = head_from + len(head) - len(head.lstrip())
        length = code.count("\n", start, body_end) + 1
        branches = len(_BRANCH.findall(code[match.start():body_end]))
        inside = head[opened + 1:_closing(head, opened)]
        found.append(Function(path, line_of(code, start), named[1], length, " ".join(inside.split()), branches))
    return found


class Tap:
    def __init__(self):
        self.count, self.bad = 0, 0

    def test(self, sentence, findings):
        self.count += 1
        self.bad += bool(findings)
        print(f"{'not ok' if findings else 'ok'} {self.count} - {sentence}")
        for finding in findings:
            print(f"#   {finding}")

    def skip(self, sentence, why):
        self.count += 1
        print(f"ok {self.count} - {sentence} # SKIP {why}")

    def tried(self, check, bad, good):
        """`check` finds something in each bad tree and nothing in each good one. Both map what it is to a tree."""
        for what, sample in bad.items():
            self.test(f"{check.__name__} catches {what}", [] if check(sample) else ["it found nothing"])
        for what, sample in good.items():
            self.test(f"{check.__name__} lets {what} pass", check(sample))

    def end(self):
        print(f"1..{self.count}")
        sys.exit(1 if self.bad else 0)
