"""What a deployment counts changes from: the last commit that was deployed whole.

The push before this one would be too late where that one's deployment failed: what it changed would
be passed over for ever.
"""

import json

from common import run, tell


def main(workflow, branch):
    told = run("gh", "run", "list", "--workflow", workflow, "--branch", branch, "--status", "success", "--limit", "1", "--json", "headSha")
    found = json.loads(told.stdout)
    tell("since", found[0]["headSha"] if found else "0")
