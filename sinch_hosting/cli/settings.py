"""The account's settings: from flags, then the environment, then the configuration file.

The configuration file is `$XDG_CONFIG_HOME/sinch-hosting.toml` (`~/.config/...`), or what
`SINCH_HOSTING_CONFIG` names. Settings at its top hold for all profiles::

    profile = "acme"                      # which one is taken where none is named

    [profiles.acme]
    project_id = "..."
    key_id = "..."
    key_secret_file = "~/.secrets/acme"   # or key_secret = "...", where only you can read this
    service_plan_id = "..."
    campaign_id = "..."
"""

from __future__ import annotations

import os
import stat
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import field, frozen

from ..errors import ConfigurationError
from .errors import BadInput
from .messages import complain, hide

if TYPE_CHECKING:
    from .. import SinchHosting
    from .options import Account, Place

VARIABLES = {
    "project_id": "SINCH_PROJECT_ID",
    "key_id": "SINCH_KEY_ID",
    "key_secret": "SINCH_KEY_SECRET",
    "key_secret_file": "SINCH_KEY_SECRET_FILE",
    "base_url": "SINCH_HOSTING_BASE_URL",
    "auth_url": "SINCH_HOSTING_AUTH_URL",
    "service_plan_id": "SINCH_HOSTING_SERVICE_PLAN_ID",
    "campaign_id": "SINCH_HOSTING_CAMPAIGN_ID",
    "callback_secret_file": "SINCH_HOSTING_CALLBACK_SECRET_FILE",
    "requests_per_second": "SINCH_HOSTING_REQUESTS_PER_SECOND",
}
"""The settings, and the variables of the environment that hold them."""
_IDENTITY = ("project_id", "key_id")
_SECRETS = ("key_secret",)
_KEYRING = "sinch-hosting"
"""The service under which `keyring` keeps secrets, by key id."""


@frozen(kw_only=True)
class Setting:
    """A setting and where it was found."""

    value: str = field(repr=False)
    source: str


@frozen(kw_only=True)
class Settings:
    """All settings that were found, each with its source."""

    profile: str | None
    config: Path
    found: Mapping[str, Setting]
    overridden: tuple[str, ...] = ()
    """Settings of the profile that `--profile` names, which the environment overrides."""

    def get(self, name: str) -> str | None:
        """Return a setting's value, or `None` where it is not set."""
        setting = self.found.get(name)
        return None if setting is None else setting.value

    @property
    def missing(self) -> list[str]:
        """The settings without which nothing can be sent, of those that are not set."""
        return [name for name in ("project_id", "key_id", "key_secret") if not self.get(name)]

    def require(self, name: str, given: str | None, flag: str) -> str:
        """Return what was given, or else the setting.

        Raises:
            BadInput: There is neither.
        """
        value = self.get(name) if given is None else given
        if value is None:
            raise BadInput(
                f"no {name}: give {flag}, set {VARIABLES[name]}, or put {name} into {self.config}"
            )
        return value

    def plan(self, place: Place) -> str:
        """Return the service plan that was named, or that of the settings."""
        return self.require("service_plan_id", place.plan, "--plan")

    def campaign(self, place: Place) -> str:
        """Return the campaign that was named, or that of the settings; `""` is none."""
        return (self.get("campaign_id") if place.campaign is None else place.campaign) or ""

    @property
    def project_id(self) -> str:
        """The project.

        Raises:
            ConfigurationError: There is none.
        """
        project = self.get("project_id")
        if project is None:
            raise ConfigurationError(
                f"no project: set SINCH_PROJECT_ID, or project_id in {self.config}"
            )
        return project

    @property
    def whose(self) -> str:
        """The project and the profile, for people."""
        return f"project {self.project_id}" + (f", profile {self.profile}" if self.profile else "")

    def check_identity(self) -> None:
        """Refuse to change another account than that of the profile that was named.

        Raises:
            BadInput: The environment names another project or key than the profile.
        """
        names = [name for name in self.overridden if name in _IDENTITY]
        if names:
            variables = " and ".join(VARIABLES[name] for name in names)
            raise BadInput(
                f"--profile {self.profile} and the environment name different accounts: unset "
                f"{variables}, or leave --profile out"
            )


def config_path() -> Path:
    """Return the path of the configuration file, whether it is there or not."""
    named = os.environ.get("SINCH_HOSTING_CONFIG")
    if named:
        return Path(named).expanduser()
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(home).expanduser() / "sinch-hosting.toml"


def state_folder() -> Path:
    """Return the folder for ledgers and jobs, whether it is there or not."""
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(home).expanduser() / "sinch-hosting"


def read_settings(account: Account) -> Settings:
    """Return the settings for a command.

    Raises:
        BadInput: The configuration file cannot be read or is open to others, a profile is not
            in it, or a file with a secret cannot be read.
    """
    path = config_path()
    config = _read_config(path)
    name = account.profile or os.environ.get("SINCH_HOSTING_PROFILE") or config.get("profile")
    in_file = _profile(config, name, path)
    in_environment = {
        setting: os.environ[variable]
        for setting, variable in VARIABLES.items()
        if os.environ.get(variable)
    }
    flags = {
        "project_id": account.project_id,
        "key_id": account.key_id,
        "key_secret_file": None if account.secret_file is None else str(account.secret_file),
    }
    found: dict[str, Setting] = {}
    in_profile = f"{path} [profiles.{name}]" if name else f"{path}"
    for setting, value in in_file.items():
        found[setting] = Setting(value=value, source=in_profile)
    for setting, value in in_environment.items():
        found[setting] = Setting(value=value, source=f"the environment ({VARIABLES[setting]})")
    for setting, given in flags.items():
        if given is not None:
            found[setting] = Setting(value=given, source=f"--{setting.replace('_', '-')}")
    overridden = () if account.profile is None else _differing(in_file, found, flags)
    _find_secret(found, account, in_environment)
    return Settings(
        profile=name if isinstance(name, str) else None,
        config=path,
        found=found,
        overridden=overridden,
    )


def _differing(
    in_file: Mapping[str, str], found: Mapping[str, Setting], flags: Mapping[str, str | None]
) -> tuple[str, ...]:
    return tuple(
        name
        for name, value in in_file.items()
        if name in VARIABLES and flags.get(name) is None and found[name].value != value
    )


def _read_config(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            config = tomllib.load(file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: is not valid TOML: {error}") from error
    open_to_others = os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO)
    if open_to_others and _holds_secret(config):
        raise BadInput(
            f"{path}: holds a secret and others can read it: chmod 600 {path}, or keep the "
            "secret elsewhere (key_secret_file)"
        )
    return config


def _holds_secret(config: Mapping[str, object]) -> bool:
    return any(
        name in _SECRETS or (isinstance(value, dict) and _holds_secret(value))
        for name, value in config.items()
    )


def _profile(config: Mapping[str, object], name: object, path: Path) -> dict[str, str]:
    """Return the settings of a profile, over those at the top of the file."""
    profiles = config.get("profiles", {})
    if not isinstance(profiles, dict):
        raise BadInput(f"{path}: profiles must be tables: [profiles.NAME]")
    if name is not None and not isinstance(profiles.get(name), dict):
        known = ", ".join(profiles) or "none"
        raise BadInput(f"no profile {name!r} in {path}; there are: {known}")
    own = profiles[name] if name is not None else {}
    return _texts({**config, **own}, path)


def _texts(table: Mapping[str, object], path: Path) -> dict[str, str]:
    found = {}
    for name, value in table.items():
        if name in ("profile", "profiles"):
            continue
        if name not in VARIABLES:
            raise BadInput(f"{path}: no setting is called {name!r}; there are: {_NAMES}")
        if not isinstance(value, (str, int, float)) or isinstance(value, bool):
            raise BadInput(f"{path}: {name} must be a text")
        found[name] = str(value)
    return found


_NAMES = ", ".join(VARIABLES)


def _find_secret(
    found: dict[str, Setting], account: Account, in_environment: Mapping[str, str]
) -> None:
    """Find the key's secret (file, environment, keyring) and add it to the settings."""
    file, secret = found.get("key_secret_file"), found.get("key_secret")
    # A flag's file goes before the environment's text, and that before the profile's file.
    is_file_first = account.secret_file is not None or "key_secret" not in in_environment
    if file is not None and (secret is None or is_file_first):
        secret = Setting(value=read_secrets(Path(file.value))[0], source=f"the file {file.value}")
    if secret is None and "key_id" in found:
        secret = _in_keyring(found["key_id"].value)
    if secret is not None:
        hide(secret.value)
        found["key_secret"] = secret


def read_secrets(path: Path) -> list[str]:
    """Return the lines of a file with secrets, one a line.

    Raises:
        BadInput: It cannot be read, or is empty.
    """
    try:
        text = path.expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise BadInput(f"{path}: the secret cannot be read: {why}") from error
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise BadInput(f"{path}: is empty; put the secret into it")
    for line in lines:
        hide(line)
    return lines


def _in_keyring(key_id: str) -> Setting | None:
    try:
        import keyring  # noqa: PLC0415 - only where it is installed, and asked last

        secret = keyring.get_password(_KEYRING, key_id)
    except Exception:
        return None  # not installed, locked, or without a backend: `doctor` says it is missing
    return None if secret is None else Setting(value=secret, source="the keyring")


def open_client(settings: Settings) -> SinchHosting:
    """Return a client for the settings; asks for the secret on a terminal where it is missing.

    Raises:
        ConfigurationError: Settings are missing or malformed.
    """
    # aiohttp is loaded only to send something.
    from ..client import AUTH_URL, BASE_URL, SinchHosting  # noqa: PLC0415

    secret = settings.get("key_secret") or _asked_for(settings)
    missing = [
        VARIABLES[name] for name in settings.missing if not (name == "key_secret" and secret)
    ]
    if missing:
        raise ConfigurationError(
            f"{' and '.join(missing)} not set: export them, or put a profile into {settings.config}"
        )
    if settings.overridden:
        complain(
            f"{', '.join(VARIABLES[name] for name in settings.overridden)} of the environment go "
            f"before --profile {settings.profile}"
        )
    return SinchHosting(
        settings.project_id,
        settings.get("key_id") or "",
        secret or "",
        base_url=settings.get("base_url") or BASE_URL,
        auth_url=settings.get("auth_url") or AUTH_URL,
        requests_per_second=_pace(settings),
        trust_env=True,  # HTTPS_PROXY and its kin, as all commands do
    )


def _pace(settings: Settings) -> float | None:
    given = settings.get("requests_per_second")
    try:
        return None if given is None else float(given)
    except ValueError:
        raise BadInput(f"requests_per_second = {given!r}: must be a number") from None


def _asked_for(settings: Settings) -> str | None:
    if settings.get("key_id") is None or not sys.stdin or not sys.stdin.isatty():
        return None
    from .prompts import ask_secret  # noqa: PLC0415 - few are asked

    return ask_secret(f"Secret of key {settings.get('key_id')}: ")
