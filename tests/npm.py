"""Packages of npm that tests need; they are kept in the user's cache folder.

A test that needs one installs it there where it is missing, and is skipped where that fails.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

INSTALLING = 240.0
"""Seconds that an installation may take."""
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sinch-hosting-tests"


class Missing(Exception):
    """A package cannot be had on this machine; the text says what it lacks."""


def installed(package: str, version: str) -> Path:
    """The folder with the package and what it needs, installed where it is not yet.

    Raises `Missing`.
    """
    npm = shutil.which("npm")
    if shutil.which("node") is None or npm is None:
        raise Missing(f"there is no node with npm on this machine, which {package} needs")
    # Prism's folder had its short name before there were others.
    name = package.rpartition("/")[2].removesuffix("-cli")
    home = CACHE / f"{name}-{version}"
    if not home.is_dir():
        _install(npm, f"{package}@{version}", home)
    return home / "node_modules"


def _install(npm: str, package: str, home: Path) -> None:
    """All or nothing: whoever installs at the same time finds one whole folder or none."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as made:
        command = (npm, "install", "--prefix", made, "--no-audit", "--no-fund", "--ignore-scripts")
        try:
            subprocess.run(
                (*command, package),
                check=True,
                timeout=INSTALLING,
                capture_output=True,
                text=True,
            )
        except subprocess.CalledProcessError as error:
            raise Missing(f"npm cannot install {package}: {error.stderr[-500:]}") from None
        except subprocess.TimeoutExpired:
            raise Missing(f"npm did not install {package} in {INSTALLING:g} s") from None
        with contextlib.suppress(OSError):  # somebody else was first
            Path(made).rename(home)
        Path(made).mkdir(exist_ok=True)  # for the clean-up
