"""The benchmarks run and print their tables; how fast anything is, is no test's matter."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _benchmarks_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("overhead", "aiohttp by hand"),
        ("overhead_varied", "a borrowed session"),
        ("overhead_parts", "this package"),
        ("decode", "pydantic: validate_python"),
        ("startup", "import aiohttp, attrs, cattrs"),
        ("call_path", "HostingOrders.text_enable"),
        ("bulk", "64 at once"),
        ("waiting", "20 orders in 1 group, a day, 1,000 a page"),
        ("phone_files", "csv and phonenumbers"),
        ("paging", "async for, in prefetch()"),
        ("peers", "hosting_orders.get, a typed Order"),
    ],
)
def test_a_benchmark_prints_its_table(name: str, said: str) -> None:
    """Each question is answered by one command, in its short form."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", name, "--short"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert f"== {name}: " in done.stdout
    assert said in done.stdout


def test_a_call_is_followed_in_one_sitting() -> None:
    """The promise: at most four files and seven frames down to aiohttp."""
    call_path = import_module("benchmarks.call_path")

    files, frames = call_path.measure()

    assert (call_path.MOST_FILES, call_path.MOST_FRAMES) == (4, 7)

    assert 1 <= files <= call_path.MOST_FILES
    assert 1 <= frames <= call_path.MOST_FRAMES


def test_a_typed_call_costs_the_instructions_that_it_did() -> None:
    """Relative to aiohttp by hand: a change that costs or saves much is seen, and noise is not."""
    instructions = import_module("benchmarks.instructions")
    stored = instructions.stored_ratio()
    if stored is None:
        pytest.skip("no ratio is stored for these versions of Python and aiohttp")

    try:
        counted = instructions.measure((instructions.BY_HAND, instructions.PACED))
    except instructions.NoValgrind as error:
        pytest.skip(str(error))

    ratio = counted[instructions.PACED] / counted[instructions.BY_HAND]
    assert ratio == pytest.approx(stored, rel=instructions.TOLERANCE)


def test_a_million_numbers_are_streamed_in_bounded_memory() -> None:
    """The bulk benchmark's own measure: what a stream takes over the bare import."""
    bulk = import_module("benchmarks.bulk")

    grown = bulk._child(1_000_000)["peak"] - bulk._child(0)["peak"]

    assert grown < bulk.LIMIT_MIB * 2**20


def test_a_question_is_found_by_its_file_alone() -> None:
    """A new file is a new benchmark; nothing lists them."""
    names = import_module("benchmarks.__main__").names()

    assert {"overhead", "decode", "startup", "call_path"} <= set(names)
    assert not [name for name in names if name.startswith("_")]


def test_an_unknown_question_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt name does not pass for a run."""
    main = import_module("benchmarks.__main__").main

    with pytest.raises(SystemExit):
        main(["nothing_of_the_kind"])

    assert "no benchmark nothing_of_the_kind" in capsys.readouterr().err


def test_the_page_is_as_large_as_the_issue_says() -> None:
    """500 order numbers are about 379 kB."""
    raw = import_module("benchmarks.decode").page()

    assert 360_000 < len(raw) < 400_000


def test_a_ratio_is_the_median_of_pairs() -> None:
    """One noisy pair does not move it."""
    table = import_module("benchmarks._table")

    assert table.show_ratio([2.0, 30.0, 8.0], [1.0, 10.0, 8.0]) == "2.00"


def test_a_peer_that_is_not_installed_is_named_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table says what it does not compare with, and which versions it does."""
    peers = import_module("benchmarks.peers")
    monkeypatch.setitem(sys.modules, "httpx", None)
    chosen = ("sinch_hosting", "aiohttp by hand", "httpx by hand")
    monkeypatch.setattr(peers, "PEERS", {name: peers.PEERS[name] for name in chosen})

    rows = {row[0]: row for row in peers.run(short=True).rows}

    assert rows["httpx by hand"][1] == "not installed"
    assert rows["aiohttp by hand"][1][0].isdigit()
    assert rows["aiohttp by hand"][4] == "1.00"


def test_a_plot_draws_the_figures_of_each_unit() -> None:
    """Milliseconds do not stand beside megabytes; names that come twice are told apart."""
    table = import_module("benchmarks._table").Table(
        "t",
        ("what", "size", "measured"),
        [
            ("a", "10", "1,500.5 ms (fast)"),
            ("a", "100", "2 ms"),
            ("b", "10", "3 MiB"),
            ("c", "1", "-"),
        ],
        plot="measured",
    )

    assert import_module("benchmarks._plots").bars_by_unit(table) == {
        "ms": [("a, 10", 1500.5), ("a, 100", 2.0)],
        "MiB": [("b", 3.0)],
    }


def test_a_plot_is_an_svg_file(tmp_path: Path) -> None:
    """Its folder is made; a table without figures gets none."""
    pytest.importorskip("matplotlib")
    plots, table = import_module("benchmarks._plots"), import_module("benchmarks._table").Table
    folder = tmp_path / "new"

    drawn = plots.write_plot(
        "figures", table("t", ("what", "ms"), [("a", "1"), ("b", "2")]), folder
    )

    assert "<svg" in drawn.read_text()
    assert plots.write_plot("words", table("t", ("what", "how"), [("a", "so")]), folder) is None


def test_plots_without_matplotlib_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is in an extra."""
    plots = import_module("benchmarks._plots")
    table = import_module("benchmarks._table").Table("t", ("what", "ms"), [("a", "1")])
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(plots.NoMatplotlib, match=r"sinch-hosting\[bench\]"):
        plots.write_plot("t", table, tmp_path)


def test_each_benchmark_says_what_it_does_not_show() -> None:
    """A figure without its limits is an advertisement."""
    folder = ROOT / "benchmarks"
    names = import_module("benchmarks.__main__").names()

    silent = [name for name in names if "oes not show" not in (folder / f"{name}.py").read_text()]

    assert silent == []
