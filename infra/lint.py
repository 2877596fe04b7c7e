#!/usr/bin/env python3
"""Rules of style for the Terraform below a folder, of the kind that tflint has.

Told about each finding by file and name; ends with 1 if there is one. Reads the
files as `terraform fmt` writes them, so that check comes first (test.sh).
"""

import re
import sys
from pathlib import Path

BLOCK = re.compile(r'^(variable|output|resource|data|ephemeral|module|locals|check|provider|terraform|import|moved|removed)\b([^{]*)\{', re.M)
SNAKE = re.compile(r"^[a-z][a-z0-9_]*$")


def blocks(text):
    """Top-level blocks as (kind, labels, body)."""
    for match in BLOCK.finditer(text):
        end = text.find("\n}", match.end())
        # `variable "x" {}` on one line has no body.
        body = text[match.end() : end if end >= 0 else len(text)]
        yield match.group(1), re.findall(r'"([^"]+)"', match.group(2)), body


def without_comments(text):
    return "\n".join(re.sub(r"(^|\s)#.*$", "", line) for line in text.splitlines())


def check(folder):
    """Findings in one module or stack."""
    files = {path.name: path.read_text() for path in sorted(folder.glob("*.tf"))}
    for name in ("main.tf", "variables.tf", "outputs.tf", "versions.tf"):
        if name not in files:
            yield f"{name} is missing"
    if not (folder / "README.md").exists():
        yield "README.md is missing"
    tests = "\n".join(path.read_text() for path in sorted(folder.glob("tests/*.tftest.hcl")))
    if not tests:
        yield "there are no tests"

    code = without_comments("\n".join(files.values()))
    versions = files.get("versions.tf", "")
    for needed in ("required_version", "required_providers"):
        if needed not in versions:
            yield f"versions.tf says no {needed}"

    is_module = folder.parent.name == "modules"
    for file, text in files.items():
        for kind, labels, body in blocks(without_comments(text)):
            place = f"{file}: {kind} {'.'.join(labels)}".rstrip()
            home = {"variable": "variables.tf", "output": "outputs.tf", "terraform": "versions.tf", "provider": "versions.tf"}
            if kind in home and file != home[kind]:
                yield f"{place} belongs in {home[kind]}"
            if labels and not SNAKE.match(labels[-1]):
                yield f"{place} is not named in lower case with underscores"
            if kind in ("variable", "output") and not re.search(r'^  description += "\S', body, re.M):
                yield f"{place} has no description"
            if kind == "variable":
                yield from variable(place, labels[0], body, code, tests, is_module)
            if kind == "data" and f"data.{'.'.join(labels)}" not in code:
                yield f"{place} is read by nothing"
            if kind == "locals":
                for name in re.findall(r"^  (\w+) +=", body, re.M):
                    if not re.search(rf"\blocal\.{name}\b", code):
                        yield f"{file}: local {name} is read by nothing"
            if kind in ("resource", "data") and labels[0].endswith(f"_{labels[-1]}"):
                yield f"{place} repeats its type in its name"
            if is_module and kind in ("provider", "module", "terraform") and (kind != "terraform" or "backend" in body):
                yield f"{place}: modules have no providers, backends or other modules"
    if re.search(r'"\$\{[^{}"]*\}"', code):
        yield "an interpolation holds nothing but an expression"
    if re.search(r"[!=]= \[\]", code):
        yield "a list is compared with []; take length()"
    if "terraform.workspace" in code:
        yield "workspaces are not used here"


def variable(place, name, body, code, tests, is_module):
    declared = re.search(r"^  type += (.+)$", body, re.M)
    if not declared:
        yield f"{place} has no type"
    elif declared.group(1) == "any":
        yield f"{place} may be anything"
    # null has to mean something, or to be refused.
    if not re.search(r"^  nullable += false$", body, re.M) and not re.search(r"^  default += null$|^  description .*\bnull\b", body, re.M):
        yield f"{place} can be null, and does not say what that means"
    # Its own validation counts for nothing.
    uses = len(re.findall(rf"\bvar\.{name}\b", code)) - len(re.findall(rf"\bvar\.{name}\b", body))
    if uses <= 0:
        yield f"{place} is read by nothing"
    if is_module and "validation {" in body and not re.search(rf"expect_failures = \[[^\]]*\bvar\.{name}\b", tests):
        yield f"{place} has a validation that no test sees refuse anything"


def main():
    root = Path(sys.argv[1])
    found = 0
    for folder in sorted([*root.glob("modules/*/"), *root.glob("stacks/*/")]):
        for finding in check(folder):
            print(f"{folder.relative_to(root)}: {finding}", file=sys.stderr)
            found += 1
    if found:
        sys.exit(f"infra/lint.py: {found} findings")
    print("ok    rules of style")


main()
