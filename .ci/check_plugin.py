"""The pytest plugin beside an old pytest-asyncio: it breaks no run, and says what it needs.

Usage: python .ci/check_plugin.py EXPECTED    (a text of pytest's output)
"""

import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = """
import pytest

def test_plain():
    pass

@pytest.mark.asyncio
async def test_it(sinch, sinch_sandbox):
    await sinch.callback_configuration.get()
"""

expected = sys.argv[1]
with tempfile.TemporaryDirectory() as folder:
    Path(folder, "test_it.py").write_text(TESTS, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
if expected not in ran.stdout or "1 passed" not in ran.stdout.replace("2 passed", "1 passed"):
    sys.exit(f"expected {expected!r}, got:\n{ran.stdout}{ran.stderr}")
print(f"plugin: {expected}")
