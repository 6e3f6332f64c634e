"""What the tests of deploy/ share: paths, and the real programs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ["VIDMUSE_BIN_DIR"])
TOOLS = Path(sys.executable).parent


@pytest.fixture(scope="session")
def source() -> Path:
    return SOURCE


@pytest.fixture(scope="session")
def build() -> Path:
    return BUILD


@pytest.fixture(scope="session")
def tools() -> Path:
    """The folder of programs from PyPI."""
    return TOOLS
