"""The pipeline's own modules, and a repository that is delivered to a region."""

import importlib.util
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / ".github/pipeline"))


def _tour():
    """What the tours start their region with; by its path, because both have a module `image`."""
    spec = importlib.util.spec_from_file_location("tour", ROOT / "tests/tour/tour.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A region of its own, without a machine: it answers, and nothing runs."""
    with _tour().Server(tmp_path_factory.mktemp("region")) as server:
        yield server


@pytest.fixture(scope="session")
def desk(server, tmp_path_factory):
    """The repository's delivery, and the region, whose dev has been bootstrapped by a person."""
    from desk import Desk

    desk = Desk(ROOT, tmp_path_factory.mktemp("desk"), server.url)
    desk.bootstrap()
    return desk
