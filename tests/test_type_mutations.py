"""Arguments that are swapped, or misspelt, on the way of an order fail both type checkers.

A text-enable mails a letter to whoever stands in its arguments: from the call to the request
nothing may be untyped. The package is copied, one argument is changed in each of these
statements, and both checkers have to complain of every one of them.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ORDERS, RUNS = "resources/hosting_orders.py", "_bulk/order_runs.py"
# The file; a text after which the statement comes; what stands there; what is put in its place.
MUTATIONS = [
    (ORDERS, "async def text_enable(", "loa=loa,", "loa=region_code,"),
    (ORDERS, "async def text_enable(", "retry_rejected=retry_rejected,", "retry_reject=True,"),
    (ORDERS, "async def text_enable_toll_free(", "loa=loa,", "loa=display_name,"),
    (ORDERS, "async def text_enable_toll_free(", "settle=settle,", "settle=job,"),
    ("resources/qualified_numbers.py", "async def text_enable(", "nnid=nnid,", "nmid=nnid,"),
    ("resources/bulk_orders.py", "self._runs().text_enable_template(", "loa=loa,", "loa=nnid,"),
    ("resources/bulk_orders.py", "self._runs().text_enable_template(", "grace=grace,", "grase=1,"),
    (
        "resources/order_streams.py",
        "self._runs().text_enable_template(",
        "scheduled_osr_update_time=scheduled_osr_update_time,",
        "scheduled_osr_update_time=campaign_id,",
    ),
    (RUNS, "def text_enable_template(", "TextEnable(**arguments)", "ImportNumbers(**arguments)"),
    (RUNS, "def toll_free_template(", "TollFree(**arguments)", "TollFree(arguments)"),
    (RUNS, "async def one(", "template.create(template.request_for(listed), None, 0)",
     "template.create(listed, None, 0)"),
    ("_bulk/run.py", "async def _create(", "request_for(attempt.numbers, attempt.tag)",
     "request_for(attempt.tag, attempt.numbers)"),
    ("_bulk/run.py", "async def _create(", "create(request, recorder, _PATIENCE)",
     "create(recorder, request, _PATIENCE)"),
    ("_session/orders_api.py", "async def create(", "create_qualified(request, observer, patience)",
     "create_qualified(observer, request, patience)"),
    ("client.py", "def from_env(", "return cls(**found, **overrides)",
     "return cls.from_env(project=1)"),
    ("_onboarding/context.py", "runs.text_enable_template(", "loa=group.loa,", "loa=group.key,"),
]  # fmt: skip


@pytest.fixture(scope="module")
def mutant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with all the mutations, and of the checkers' settings."""
    folder = tmp_path_factory.mktemp("mutant")
    shutil.copytree(
        ROOT / "sinch_hosting",
        folder / "sinch_hosting",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name, after, old, new in MUTATIONS:
        path = folder / "sinch_hosting" / name
        before, found, rest = path.read_text().partition(after)
        assert found, f"{after!r} is not in {name}"
        assert old in rest, f"{old!r} is not behind {after!r} in {name}"
        path.write_text(before + found + rest.replace(old, new, 1))
    return folder


def statements(folder: Path) -> list[tuple[str, int, int]]:
    """The lines of each statement that was changed."""
    found = []
    for name, after, _, new in MUTATIONS:
        text = (folder / "sinch_hosting" / name).read_text()
        line = text[: text.index(new, text.index(after))].count("\n") + 1
        holding = [
            node
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.stmt)
            and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            and node.lineno <= line <= (node.end_lineno or 0)
        ]
        innermost = max(holding, key=lambda node: node.lineno)
        found.append((name, innermost.lineno, innermost.end_lineno or 0))
    return found


def mypy(folder: Path) -> set[tuple[str, int]]:
    """Where mypy complains: file and line."""
    cache = folder / "cache"
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(cache), "sinch_hosting"]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout
    lines = re.findall(r"^sinch_hosting/(\S+?):(\d+): error", said, re.MULTILINE)
    return {(name, int(line)) for name, line in lines}


def pyright(folder: Path) -> set[tuple[str, int]]:
    """Where pyright complains: file and line."""
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    command += ["sinch_hosting"]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout
    return {
        (
            Path(one["file"]).relative_to((folder / "sinch_hosting").resolve()).as_posix(),
            one["range"]["start"]["line"] + 1,
        )
        for one in json.loads(said)["generalDiagnostics"]
        if one["severity"] == "error"
    }


@pytest.mark.parametrize("checker", [mypy, pyright], ids=["mypy", "pyright"])
def test_every_mutation_is_complained_of(mutant: Path, checker: object) -> None:
    """In the statement in which it is, and nowhere else."""
    assert callable(checker)
    complaints = checker(mutant)
    changed = statements(mutant)
    unnoticed = [
        mutation
        for mutation, (name, first, last) in zip(MUTATIONS, changed, strict=True)
        if not any(name == where and first <= line <= last for where, line in complaints)
    ]
    assert not unnoticed
    elsewhere = {
        (where, line)
        for where, line in complaints
        if not any(name == where and first <= line <= last for name, first, last in changed)
    }
    assert not elsewhere
