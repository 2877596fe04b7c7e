"""One region for all tours, emptied before each test."""

import pytest

from tour import Aws, Region, Server


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A region of its own, without a machine: it answers, and nothing runs."""
    with Server(tmp_path_factory.mktemp("region")) as server:
        yield server


@pytest.fixture(scope="session")
def clients(server):
    """The account's root; clients are costly to make, so they are kept."""
    return Aws(server)


@pytest.fixture
def region(server):
    """The region, empty but for what every account has."""
    region = Region(server)
    region.reset()
    return region


@pytest.fixture
def aws(region, clients):
    """`aws("ec2")` is a client of that service in an empty region."""
    return clients


def pytest_collection_modifyitems(items):
    """What waits for other processes begins first."""
    slow = ("test_terraform", "test_cli")
    items.sort(key=lambda item: not any(name in item.nodeid for name in slow))
