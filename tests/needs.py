"""What a test needs that a machine may not have."""

import os

import pytest


def need(condition: object, reason: str) -> None:
    """Skip the test where the condition does not hold; on CI it fails instead, so that nothing is left out unseen."""
    if not condition:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
