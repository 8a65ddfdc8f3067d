"""The sandbox as a program: its ready line, its health, its log, and the action for GitHub."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml

from sinch_hosting.sandbox import Sandbox
from sinch_hosting.sandbox.__main__ import main
from sinch_hosting.sandbox.serving import lines

ROOT = Path(__file__).parents[2]
ACTION = ROOT / ".github" / "actions" / "sandbox" / "action.yml"
N1 = "+12025550134"


@contextmanager
def program(*options: str, errors: Any = subprocess.DEVNULL) -> Iterator[subprocess.Popen[str]]:
    """`python -m sinch_hosting.sandbox` on a free port; killed at the end if it still runs."""
    command = [sys.executable, "-m", "sinch_hosting.sandbox", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def ready(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What the ready line says."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("# ready "):
            found: dict[str, Any] = json.loads(line.removeprefix("# ready "))
            return found
    raise AssertionError("it did not start")


def test_the_module_serves_until_it_is_told_to_stop(tmp_path):
    """A ready line with the address, a health check, a clean end, and a state that stays."""
    state = tmp_path / "state.json"
    with program("--seed", "5", "--state", str(state)) as process:
        told = ready(process)
        with urlopen(told["health"]) as answer:
            assert (answer.status, json.load(answer)) == (200, {"status": "ok"})
        with urlopen(f"{told['url']}/_sandbox/state") as answer:
            shown = json.load(answer)
        assert (shown["seed"], shown["counts"]["requests"]) == (5, 0)
        assert told["pid"] == process.pid
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert json.loads(state.read_text())["seed"] == 5


def test_the_module_needs_only_what_the_sandbox_needs():
    """Neither the client nor the command's libraries are loaded."""
    code = (
        "import sys, sinch_hosting.sandbox.__main__\n"
        "bad = {'cyclopts', 'rich', 'cattrs', 'phonenumbers', 'sinch_hosting.client'}\n"
        "print(sorted(bad & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--profile", "none"], "no profile is called 'none'"),
        (["--seed-file", "nowhere.json"], "nowhere.json"),
        (["--speed", "-1"], "speed must lie between 0 and"),
    ],
)
def test_what_cannot_start_says_why(options, said, capsys):
    """Exit code 2, and one line."""
    assert main(["--port", "0", *options]) == 2
    assert said in capsys.readouterr().err


async def test_what_is_printed_can_be_read_by_a_shell(sandbox, tmp_path):
    """The lines set the five variables; the rest are comments."""
    file = tmp_path / "sandbox.env"
    file.write_text("\n".join(lines(sandbox)))
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    shell = await asyncio.create_subprocess_exec(
        *("sh", "-c", f'. {file}; "{sys.executable}" -c "{code}"'), stdout=subprocess.PIPE, env={}
    )
    printed, _ = await shell.communicate()
    told = json.loads(printed)
    assert {name: told[name] for name in sandbox.environ} == sandbox.environ


async def test_health_is_in_no_log(sandbox, api):
    """It is no request of the API, whatever faults there are."""
    sandbox.faults.add("drop_before")
    async with api.session.get(f"{sandbox.base_url}/healthz") as response:
        assert (response.status, await response.json()) == (200, {"status": "ok"})
    assert sandbox.requests == []


async def test_requests_are_logged_where_asked(open_api, caplog):
    """A line each, with operation, outcome and fault, and without any secret."""
    caplog.set_level(logging.INFO, "sinch_hosting.sandbox.requests")
    async with Sandbox(speed=0, seed=1, log_requests=True) as sandbox:
        api = await open_api(sandbox)
        token = await api.token()
        await api.ok("PATCH", "/callbackConfiguration", {"hmacSecret": "the-hmac-secret"})
        sandbox.faults.add("error_before", count=1)
        await api("GET", "/qualifiedNumbers", states="GLOBAL_PROCESS_STATE_VERIFIED")
        form = {"grant_type": "client_credentials", "client_secret": sandbox.key_secret}
        async with api.session.post(f"{sandbox.auth_url}?client_secret=in-the-query", data=form):
            pass
        lines = [re.sub(r", [\d.]+ ms", "", record.message) for record in caplog.records]
        path = f"/v1/projects/{sandbox.project_id}"
        assert lines == [
            "POST /oauth2/token 200 token, answered",
            f"PATCH {path}/callbackConfiguration 200 UpdateCallbackConfiguration, answered",
            f"GET {path}/qualifiedNumbers?states=GLOBAL_PROCESS_STATE_VERIFIED 503 "
            "ListQualifiedNumbers, error_before, fault error_before",
            "POST /oauth2/token 401 token, refused",
        ]
        for secret in (token, sandbox.key_secret, "the-hmac-secret", "in-the-query"):
            assert secret not in caplog.text


async def test_requests_are_not_logged_unless_asked(sandbox, api, caplog):
    """Whatever the level of the root logger is."""
    caplog.set_level(logging.DEBUG)
    await api.import_numbers(N1)
    assert [r for r in caplog.records if r.name.startswith("sinch_hosting.sandbox")] == []


def test_the_log_of_the_program_goes_to_standard_error():
    """Where asked; what it prints for shells stays as it is."""
    with program("--log-requests", errors=subprocess.PIPE) as process:
        told = ready(process)
        with pytest.raises(OSError, match="404"):
            urlopen(f"{told['url']}/v1/nothing")
        assert process.stderr is not None
        assert "GET /v1/nothing 404 no operation, refused" in process.stderr.readline()


# ------------------------------------------------------------------ the action


def steps() -> dict[str, dict[str, Any]]:
    """The steps of the action by their names."""
    action = yaml.safe_load(ACTION.read_text(encoding="utf-8"))
    assert action["runs"]["using"] == "composite"
    return {step["name"]: step for step in action["runs"]["steps"]}


def test_the_action_names_only_inputs_that_it_has():
    """Each expression is an input or an output that is declared, and each input is used."""
    text = ACTION.read_text(encoding="utf-8")
    action = yaml.safe_load(text)
    used = set(re.findall(r"\$\{\{ inputs\.([\w-]+) \}\}", text))
    assert used == set(action["inputs"])
    for output in action["outputs"].values():
        name = re.fullmatch(r"\$\{\{ steps\.start\.outputs\.(\w+) \}\}", output["value"])
        assert name is not None
        assert f'"{name[1]}=' in steps()["Start the sandbox"]["run"]
    # Values reach the shell through the environment, so that none of them can be code.
    assert not any("${{" in step["run"] for step in action["runs"]["steps"])


def test_the_steps_are_good_bash():
    """bash can read each of them, and all of them name it."""
    for step in steps().values():
        assert step["shell"] == "bash"
        subprocess.run(["bash", "-n", "-c", step["run"]], check=True)


@pytest.fixture
def runner(tmp_path: Path) -> dict[str, str]:
    """The environment of a runner whose step of installing is done."""
    folder = tmp_path / "sinch-sandbox"
    (folder / "venv" / "bin").mkdir(parents=True)
    python = folder / "venv" / "bin" / "python"
    # A link would not know its packages.
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    start = steps()["Start the sandbox"]
    inputs = yaml.safe_load(ACTION.read_text(encoding="utf-8"))["inputs"]
    given = {
        name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda m: inputs[m[1]]["default"], value)
        for name, value in start["env"].items()
    }
    for name in ("GITHUB_ENV", "GITHUB_OUTPUT"):
        (tmp_path / name).touch()
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_ENV": str(tmp_path / "GITHUB_ENV"),
        "GITHUB_OUTPUT": str(tmp_path / "GITHUB_OUTPUT"),
        **given,
    }


def start(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the step as a runner does."""
    code = steps()["Start the sandbox"]["run"]
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def pairs(path: str) -> dict[str, str]:
    """What a step told the runner."""
    return dict(line.split("=", 1) for line in Path(path).read_text().splitlines())


def test_the_action_starts_a_sandbox(runner, tmp_path):
    """Later steps find the five variables and the outputs; the sandbox outlives the step."""
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps({"qualifiedNumbers": [{"phoneNumber": N1}]}))
    done = start({**runner, "SANDBOX_SEED_FILE": str(seed), "SANDBOX_LOG_REQUESTS": "true"})
    assert done.returncode == 0, done.stdout + done.stderr
    written = (tmp_path / "sinch-sandbox" / "ready").read_text()
    pid = json.loads(re.findall("^# ready (.*)", written, re.M)[0])["pid"]
    try:
        told, outputs = pairs(runner["GITHUB_ENV"]), pairs(runner["GITHUB_OUTPUT"])
        assert set(told) == {
            "SINCH_PROJECT_ID",
            "SINCH_KEY_ID",
            "SINCH_KEY_SECRET",
            "SINCH_HOSTING_BASE_URL",
            "SINCH_HOSTING_AUTH_URL",
        }
        assert outputs["url"] == told["SINCH_HOSTING_BASE_URL"]
        with urlopen(f"{outputs['url']}/_sandbox/state") as answer:
            assert json.load(answer)["counts"]["qualifiedNumbers"] == 1
        with urlopen(outputs["page"]) as answer:
            assert b"<title>" in answer.read()
        assert outputs["log"].endswith("log")
    finally:
        os.kill(pid, signal.SIGTERM)


def test_the_action_says_why_it_failed(runner):
    """The step fails, and its log shows what the sandbox said."""
    done = start({**runner, "SANDBOX_PROFILE": "none"})
    assert done.returncode == 1
    assert "::error::the sandbox did not start" in done.stdout
    assert "no profile is called 'none'" in done.stdout
