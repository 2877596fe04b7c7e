"""A repository of its own with this one's infrastructure and pipeline, on a desk that reaches a region."""

import json
import os
import pathlib
import shutil
import subprocess

import boto3

REGION = "eu-central-1"
BUCKET = "links-dev-terraform-state"


class Desk:
    def __init__(self, root, folder, url):
        self.folder, self.url = folder, url
        self.repository = folder / "repository"
        kept = shutil.ignore_patterns(".terraform", ".terraform.lock.hcl", "__pycache__")
        for name in (".github", "infra"):
            shutil.copytree(root / name, self.repository / name, ignore=kept)
        self.environment = {
            **os.environ,
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_PAGER": "",
            "CHECKPOINT_DISABLE": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        self.git("init", "--quiet")
        self.commit()

    def git(self, *arguments):
        """What git answers in the repository."""
        return self.must("git", "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments).stdout.strip()

    def commit(self):
        """Commits what there is, and gives the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "state of things")
        return self.git("rev-parse", "HEAD")

    def start(self, *command, data=None, **environment):
        """Starts a program in the repository; its output and its errors are one."""
        if data:
            environment["TF_DATA_DIR"] = str(self.folder / data)
        return subprocess.Popen(
            [str(part) for part in command], cwd=self.repository, env={**self.environment, **environment},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )

    def run(self, *command, **more):
        process = self.start(*command, **more)
        with process:
            said = process.communicate(timeout=240)[0]
        return subprocess.CompletedProcess(command, process.returncode, said)

    def must(self, *command, **more):
        done = self.run(*command, **more)
        assert done.returncode == 0, done.stdout
        return done

    def client(self, service):
        return boto3.client(
            service, endpoint_url=self.url, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
        )

    def bootstrap(self):
        """What a person does once, as infra/README.md has it for a region on one's own machine."""
        self.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.must(
            "infra/stack.sh", "dev", "bootstrap", "apply", "-auto-approve", "-var", "tls_only=false", "-var", "monthly_budget=0"
        )

    # What the workflows' steps do.

    def pipeline(self, *arguments, **environment):
        return self.run(".github/pipeline/pipeline", *arguments, **environment)

    def plan(self, stack, folder, **environment):
        """A plan by its folder, with what the job hands on beside it."""
        output = self.folder / f"{folder}.output"
        done = self.pipeline("plan", "dev", stack, self.folder / folder, GITHUB_OUTPUT=str(output), **environment)
        assert done.returncode == 0, done.stdout
        told = dict(line.split("=", 1) for line in output.read_text().splitlines())
        return Plan(self, stack, self.folder / folder, json.loads(told["changes"]), told["seal"])


class Plan:
    def __init__(self, desk, stack, folder, changes, seal):
        self.desk, self.stack, self.folder, self.changes, self.seal = desk, stack, folder, changes, seal

    def copy(self, name):
        """The same in another folder, to be spoiled."""
        folder = self.desk.folder / name
        shutil.copytree(self.folder, folder)
        return Plan(self.desk, self.stack, folder, self.changes, self.seal)

    def command(self, stack=None):
        return (".github/pipeline/pipeline", "apply", "dev", stack or self.stack, self.folder)

    def apply(self, stack=None, **environment):
        return self.desk.run(*self.command(stack), **{"SEAL": self.seal, **environment})

    @property
    def summary(self):
        return (self.folder / "summary.md").read_text()


def layout(folder, text):
    """An image layout with one layer of one file, told apart by its text."""
    import gzip
    import hashlib
    import io
    import tarfile

    blobs = pathlib.Path(folder) / "blobs/sha256"
    blobs.mkdir(parents=True)

    def blob(content, media):
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"mediaType": media, "digest": f"sha256:{digest}", "size": len(content)}

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo("greeting")
        entry.size = len(text.encode())
        tar.addfile(entry, io.BytesIO(text.encode()))
    plain = packed.getvalue()
    kind = "application/vnd.oci.image"
    config = {
        "architecture": "amd64", "os": "linux", "config": {"Entrypoint": ["/greeting"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(plain).hexdigest()}"]},
    }
    manifest = {
        "schemaVersion": 2, "mediaType": f"{kind}.manifest.v1+json",
        "config": blob(json.dumps(config).encode(), f"{kind}.config.v1+json"),
        "layers": [blob(gzip.compress(plain, mtime=0), f"{kind}.layer.v1.tar+gzip")],
    }
    described = blob(json.dumps(manifest).encode(), f"{kind}.manifest.v1+json")
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [described]}))
    return described["digest"]
