"""Settings of every test run."""

import os

import pytest
from hypothesis import settings

# The folder `simulator/` would otherwise be taken for the package of that name: pytest names test modules by their path
# from here, and makes a namespace of the first part unless it is imported already.
import simulator  # noqa: F401

# The same examples every time, so that anybody can repeat a failure; HYPOTHESIS_PROFILE=explore looks further.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the stories: they take minutes of real time and little of the processor."""
    items.sort(key=lambda item: item.get_closest_marker("story") is None)
