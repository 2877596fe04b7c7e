"""One comment on a pull request, written anew with every push."""

import json
import pathlib

from common import run

MARK = "<!-- plan -->"
# GitHub takes no longer comment.
LONGEST = 65_000


def main(branch, folder):
    text = body(pathlib.Path(folder))
    found = json.loads(run("gh", "pr", "list", "--head", branch, "--state", "open", "--json", "number").stdout)
    if not found:
        print(f"{branch} has no open pull request; the summaries are on the run's page")
        return
    number = found[0]["number"]
    pages = run("gh", "api", "--paginate", f"repos/{{owner}}/{{repo}}/issues/{number}/comments", "--jq", ".[] | {id, body}").stdout
    ours = [one["id"] for one in map(json.loads, pages.splitlines()) if one["body"].startswith(MARK)]
    if ours:
        run("gh", "api", "--method", "PATCH", f"repos/{{owner}}/{{repo}}/issues/comments/{ours[0]}", "-f", f"body={text}")
    else:
        run("gh", "api", f"repos/{{owner}}/{{repo}}/issues/{number}/comments", "-f", f"body={text}")


def body(folder):
    parts = [path.read_text() for path in sorted(folder.glob("**/summary.md"))]
    text = "\n".join([MARK, *(parts or ["No stack is affected."])])
    return text if len(text) <= LONGEST else text[:LONGEST] + "\n…\n\nThe rest is on the run's page."
