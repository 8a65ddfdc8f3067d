"""Whose account it is: flags, the environment, the configuration file, and where secrets lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sinch_hosting.cli import settings as module
from sinch_hosting.cli.errors import BadInput
from sinch_hosting.cli.options import Account, Place
from sinch_hosting.cli.settings import config_path, read_settings, state_folder

CONFIG = """\
profile = "acme"
service_plan_id = "shared-plan"

[profiles.acme]
project_id = "acme-project"
key_id = "acme-key"
campaign_id = "acme-campaign"

[profiles.other]
project_id = "other-project"
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without settings, and no keyring."""
    for name in [name for name in os.environ if name.startswith("SINCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(module, "_in_keyring", lambda _: None)
    (tmp_path / "config").mkdir()
    return tmp_path


def configure(text: str, mode: int = 0o600) -> Path:
    """Write the configuration file."""
    path = config_path()
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_file_is_found_by_xdg(home: Path) -> None:
    """Both folders follow XDG."""
    assert config_path() == home / "config" / "sinch-hosting.toml"
    assert state_folder() == home / "state" / "sinch-hosting"


def test_flags_go_before_the_environment_and_that_before_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each setting tells where it comes from."""
    path = configure(CONFIG)
    monkeypatch.setenv("SINCH_KEY_ID", "environment-key")
    monkeypatch.setenv("SINCH_HOSTING_CAMPAIGN_ID", "environment-campaign")

    settings = read_settings(Account(key_id="flag-key"))

    found = {name: (one.value, one.source) for name, one in settings.found.items()}
    assert found == {
        "service_plan_id": ("shared-plan", f"{path} [profiles.acme]"),
        "project_id": ("acme-project", f"{path} [profiles.acme]"),
        "key_id": ("flag-key", "--key-id"),
        "campaign_id": ("environment-campaign", "the environment (SINCH_HOSTING_CAMPAIGN_ID)"),
    }
    assert settings.plan(Place()) == "shared-plan"
    assert settings.plan(Place(plan="mine")) == "mine"
    assert settings.campaign(Place(campaign="")) == ""


def test_a_profile_is_chosen_by_flag_or_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The flag goes first."""
    configure(CONFIG)
    monkeypatch.setenv("SINCH_HOSTING_PROFILE", "other")

    assert read_settings(Account()).project_id == "other-project"
    assert read_settings(Account(profile="acme")).project_id == "acme-project"


def test_an_environment_of_another_account_changes_nothing_under_a_named_profile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Reading goes by the environment, as ever; changing an account that was not meant does not."""
    configure(CONFIG)
    monkeypatch.setenv("SINCH_PROJECT_ID", "production")

    settings = read_settings(Account(profile="acme"))

    assert settings.project_id == "production"
    assert settings.overridden == ("project_id",)
    with pytest.raises(BadInput, match="different accounts: unset SINCH_PROJECT_ID"):
        settings.check_identity()
    read_settings(Account()).check_identity()


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_file_with_a_secret_that_others_can_read_is_refused(mode: int) -> None:
    """It says how to close it; without a secret anybody may read it."""
    configure(CONFIG + 'key_secret = "s3cret"\n', mode)
    with pytest.raises(BadInput, match="others can read it: chmod 600") as caught:
        read_settings(Account())
    assert "s3cret" not in str(caught.value)

    configure(CONFIG, mode)
    read_settings(Account())


def test_the_secret_comes_from_where_it_is_kept(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this order: a flag's file, the environment, the profile's file, the profile, a keyring."""
    first, second = home / "first", home / "second"
    first.write_text("from-flag\n")
    second.write_text("from-file\n")
    monkeypatch.setattr(
        module, "_in_keyring", lambda key: module.Setting(value=f"ring-{key}", source="keyring")
    )

    def secret(account: Account) -> str | None:
        return read_settings(account).get("key_secret")

    configure(CONFIG)
    assert secret(Account()) == "ring-acme-key"
    own = CONFIG.replace('key_id = "acme-key"', 'key_id = "acme-key"\nkey_secret = "own"')
    configure(own)
    assert secret(Account()) == "own"
    configure(own.replace('key_secret = "own"', f'key_secret_file = "{second}"'))
    assert secret(Account()) == "from-file"
    monkeypatch.setenv("SINCH_KEY_SECRET", "from-environment")
    assert secret(Account()) == "from-environment"
    assert secret(Account(secret_file=first)) == "from-flag"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("profile =", "is not valid TOML"),
        ("projekt = 'x'", "no setting is called 'projekt'; there are: project_id"),
        ("project_id = true", "project_id must be a text"),
        ("profiles = 3", "profiles must be tables"),
        ("profile = 'nope'", "no profile 'nope'"),
    ],
)
def test_a_file_that_cannot_be_understood_is_one_sentence(text: str, said: str) -> None:
    """What is wrong is named, with the file."""
    configure(text)
    with pytest.raises(BadInput, match=said):
        read_settings(Account())


def test_a_secret_that_cannot_be_read_is_one_sentence(home: Path) -> None:
    """A missing file, and an empty one."""
    with pytest.raises(BadInput, match="the secret cannot be read: No such file"):
        read_settings(Account(secret_file=home / "nope"))
    (home / "empty").write_text("\n")
    with pytest.raises(BadInput, match="is empty; put the secret into it"):
        read_settings(Account(secret_file=home / "empty"))
