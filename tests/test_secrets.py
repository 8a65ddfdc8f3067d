"""Secrets never show: not in `repr`, logs at any level, errors or tracebacks, whoever echoes them.

Nothing in a test's own frame holds a secret, since the tracebacks are read with all variables.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import io
import json
import logging
import pickle
import traceback

import pytest

from sinch_hosting import (
    BadRequest,
    CallbackConfiguration,
    ConfigurationError,
    InvalidRequest,
    RetryPolicy,
    SinchHosting,
    SinchHostingError,
)
from sinch_hosting._session.secrets import Secret, mask

NUMBER = "+12025550134"
KEY_ID = "key-id-1"
# Characters that JSON, URLs and HTML write differently.
PLAIN = {"key": "plain-key-secret", "hmac": "plain-hmac-secret", "token": "plain-token"}
AWKWARD = {
    "key": 'k/3"y\\é+<secret>&=',
    "hmac": "hm\"ac\\sé/cret'\U0001f511=",
    "token": "tok/en+==",
}
SECRETS = {"plain": PLAIN, "awkward": AWKWARD}
ORDERS = "/hostingOrders:importNumbers"
CONFIGURATION = "/callbackConfiguration"


def basic(secrets):
    """What HTTP Basic makes of a key."""
    return base64.b64encode(f"{KEY_ID}:{secrets['key']}".encode()).decode()


def shown(error):
    """All that can be printed of an error."""
    with_variables = traceback.TracebackException.from_exception(error, capture_locals=True)
    parts = [str(error), repr(error), repr(vars(error)), *with_variables.format()]
    return "".join([*parts, *traceback.format_exception(error)])


def found_in(text, kind):
    """The names of the secrets that a text gives away."""
    secrets = {**SECRETS[kind], "basic": basic(SECRETS[kind])}
    spellings = {
        name: {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
        for name, value in secrets.items()
    }
    spellings = {n: s | {repr(v)[1:-1] for v in s} for n, s in spellings.items()}
    return [name for name, ways in spellings.items() if any(way in text for way in ways)]


def echoed(kind, seen):
    """A text with the Authorization header and all secrets in it."""
    secrets = SECRETS[kind]
    return f"you sent {seen.headers['Authorization']}, {secrets['key']}, {secrets['hmac']}"


def escaped(text):
    """JSON text in which all but letters and digits is escaped, as some encoders do."""

    def units(character):
        codes = character.encode("utf-16-be").hex()
        return "".join(f"\\u{codes[at : at + 4]}" for at in range(0, len(codes), 4))

    return "".join(c if c.isascii() and c.isalnum() else units(c) for c in text)


# What a service may do with a text: as an error or as a 2xx answer.
BODIES = {
    "flat": lambda text: json.dumps({"code": 1, "message": text, "status": text}).encode(),
    "nested": lambda text: json.dumps(
        {
            "error": {
                "message": text,
                "details": [{"fieldViolations": [{"field": text, "description": text}]}, text],
            }
        }
    ).encode(),
    "oauth": lambda text: json.dumps({"error": text, "error_description": text}).encode(),
    "unescaped": lambda text: json.dumps({"message": text}, ensure_ascii=False).encode(),
    "slashes": lambda text: json.dumps({"message": text}).replace("/", "\\/").encode(),
    "escapes": lambda text: b'{"message": "%s"}' % escaped(text).encode(),
    "page": lambda text: f"<html>{text}</html>".encode(),
    "array": lambda text: json.dumps([text]).encode(),
    "text": lambda text: json.dumps(text).encode(),
    "cut": lambda text: json.dumps({"hostingOrderId": [text], "hmacSecret": text}).encode()[:-12],
    "misfit": lambda text: json.dumps(
        {"hostingOrderId": [text], "hmacSecret": [text], "access_token": [text]}
    ).encode(),
}

CALLS = {
    "read": ("GET", "/hostingOrders/1", lambda c, _: c.hosting_orders.get("1")),
    "create": (
        "POST",
        ORDERS,
        lambda c, _: c.hosting_orders.import_numbers(
            [NUMBER], region_code="US", service_plan_id="plan"
        ),
    ),
    "secret": (
        "PATCH",
        CONFIGURATION,
        lambda c, kind: c.callback_configuration.update(hmac_secret=SECRETS[kind]["hmac"]),
    ),
}


@pytest.fixture(params=SECRETS)
def kind(request):
    """Which secrets are used."""
    return request.param


@pytest.fixture
def logged(caplog):
    """All logs, of everybody, at any level."""
    caplog.set_level(logging.DEBUG)
    return lambda: caplog.text + "".join(repr(record.args) for record in caplog.records)


@pytest.fixture
def make(make_client, service, kind):
    """Makes clients whose secrets are those of the test."""
    service.on_token(lambda _: {"access_token": SECRETS[kind]["token"], "expires_in": 3600})

    def made(**settings):
        return make_client(
            key_id=KEY_ID,
            key_secret=SECRETS[kind]["key"],
            retry=RetryPolicy(max_tries=2),
            **settings,
        )

    return made


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    ("call", "auth"),
    [("read", "oauth"), ("read", "basic"), ("create", "oauth"), ("secret", "oauth")],
)
async def test_what_the_service_echoes_is_masked(service, make, kind, logged, call, body, auth):
    """Whatever a service does with the credentials that it gets, no error shows them."""
    method, path, send = CALLS[call]
    service.on("GET", CONFIGURATION, {})
    client = make(auth=auth)
    for status in (200, 401, 500):
        service.on(method, path, lambda seen, s=status: (s, BODIES[body](echoed(kind, seen))))
        error = None
        try:
            await send(client, kind)
        except SinchHostingError as caught:
            error = caught
        assert error is not None or status == 200
        # Other calls than the one that sets it do not know the HMAC secret.
        gives_away = [] if error is None else found_in(shown(error), kind)
        assert [name for name in gives_away if name != "hmac" or call == "secret"] == []
    assert [n for n in found_in(logged(), kind) if n != "hmac" or call == "secret"] == []


@pytest.mark.parametrize("body", BODIES)
async def test_what_the_token_endpoint_echoes_is_masked(service, make, kind, logged, body):
    """The same of the endpoint that sees the key secret itself."""
    client = make()
    for status in (200, 401, 429):
        service.on_token(lambda seen, s=status: (s, BODIES[body](echoed(kind, seen))))
        with pytest.raises(SinchHostingError) as caught:
            await client.hosting_orders.get("1")
        assert [n for n in found_in(shown(caught.value), kind) if n != "hmac"] == []
    assert [n for n in found_in(logged(), kind) if n != "hmac"] == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"access_token": "%s"',
        b"{'access_token': '%s'}",
        b"access_token=%s&expires_in=3600",
        b'"{\\"access_token\\": \\"%s\\"}"',
        b'{"access_token": ["%s"]}',
        b'{"access_token": "%s\\n"}',
        b'["%s"]',
    ],
    ids=repr,
)
async def test_a_token_in_an_answer_that_is_not_understood_is_withheld(
    service, make, kind, logged, body
):
    """What came may hold a token wherever it stands, so none of it is shown."""
    client = make()
    service.on_token(lambda _: body % b"plain-token")
    with pytest.raises(SinchHostingError) as caught:
        await client.hosting_orders.get("1")
    assert found_in(shown(caught.value) + logged(), "plain") == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"hmacSecret": "%s"',
        b"{'hmacSecret': '%s'}",
        b'"{\\"hmacSecret\\": \\"%s\\"}"',
        b'{"hmacSecret": ["%s"]}',
        b'{"projectId": 5, "hmacSecret": "%s"}',
    ],
    ids=repr,
)
async def test_a_callback_secret_that_is_not_understood_is_not_shown(service, make, logged, body):
    """Reading the configuration: the answer holds a secret that the client does not know yet."""
    service.on("GET", CONFIGURATION, lambda _: body % b"plain-hmac-secret")
    client = make()
    with pytest.raises(SinchHostingError) as caught:
        await client.callback_configuration.get()
    assert found_in(shown(caught.value) + logged(), "plain") == []


CUT_OFF = ("Bearer plain-tok", "plain-key-sec", "plain-key-secre")


def is_in(text, which):
    """Whether the half of a secret is in a text."""
    return CUT_OFF[which].split()[-1] in text


@pytest.mark.parametrize("which", range(3))
async def test_a_secret_that_is_cut_off_is_masked(service, make_client, which):
    """The last words of a body that was cut may be the half of a secret."""
    service.on_token({"access_token": PLAIN["token"]})
    service.on("GET", "/hostingOrders/1", lambda _: f'{{"sent": "{CUT_OFF[which]}'.encode())
    client = make_client(key_secret=PLAIN["key"])
    with pytest.raises(SinchHostingError) as caught:
        await client.hosting_orders.get("1")
    assert not is_in(shown(caught.value), which)
    assert caught.value.body.startswith('{"sent": "')


async def test_a_lost_connection_shows_nothing(service, make, kind, logged):
    """aiohttp's own frames in the traceback hold headers and bodies."""
    service.on("PATCH", CONFIGURATION, service.DROP)
    client = make()
    with pytest.raises(SinchHostingError) as caught:
        await CALLS["secret"][2](client, kind)
    assert found_in(shown(caught.value), kind) == []
    assert found_in(logged(), kind) == []


async def test_half_an_answer_shows_nothing(service, make, logged):
    """An answer whose connection breaks leaves its first half in aiohttp's frames."""

    def cut(_):
        body = {"hmacSecret": PLAIN["hmac"], "rest": "x" * 50}
        return service.cut(body, at=60)

    service.on("GET", CONFIGURATION, cut)
    client = make()
    with pytest.raises(SinchHostingError) as caught:
        await client.callback_configuration.get()
    assert found_in(shown(caught.value) + logged(), "plain") == []


@pytest.mark.parametrize("away", [False, True])
async def test_rich_shows_no_secret_of_a_failed_call(service, make, kind, away):
    """It prints the variables of all frames, parts of texts and what is inside of objects."""
    console = pytest.importorskip("rich.console")
    rich_traceback = pytest.importorskip("rich.traceback")
    service.on("PATCH", CONFIGURATION, service.DROP)
    # The password of a proxy is one more secret.
    proxy = {"proxy": f"http://me:{PLAIN['token']}@127.0.0.1:9"} if away else {}
    client = make(**proxy, auth="basic")
    del proxy
    with pytest.raises(SinchHostingError) as caught:
        await CALLS["secret"][2](client, kind)
    lost = rich_traceback.Traceback.from_exception(
        type(caught.value), caught.value, caught.value.__traceback__,
        show_locals=True, locals_max_string=30, locals_hide_dunder=False, locals_hide_sunder=False,
    )  # fmt: skip
    screen = console.Console(width=300, record=True, file=io.StringIO())
    screen.print(lost)
    printed = screen.export_text()
    assert "options" in printed
    assert found_in(printed, kind) == found_in(printed, "plain") == []


async def test_no_connection_shows_nothing(deaf_service, make, kind, logged):
    """The same where none was opened, with HTTP Basic in the headers."""
    client = make(base_url=deaf_service.base_url, auth="basic")
    with pytest.raises(SinchHostingError) as caught:
        await CALLS["secret"][2](client, kind)
    assert found_in(shown(caught.value), kind) == []
    assert found_in(logged(), kind) == []


async def test_a_good_life_logs_nothing(service, make, kind, logged):
    """Token, renewal, update and read, all in order: nothing of it is in the logs."""
    secret = SECRETS[kind]["hmac"]
    expired = (401, {}, {"WWW-Authenticate": "expired"})
    service.on("PATCH", CONFIGURATION, expired, lambda _: {"hmacSecret": secret})
    service.on("GET", CONFIGURATION, lambda _: {"hmacSecret": secret})
    client = make()
    updated = await CALLS["secret"][2](client, kind)
    assert updated.hmac_secret == (await client.callback_configuration.get()).hmac_secret == secret
    assert found_in(logged(), kind) == []
    assert found_in(repr(updated) + str(updated) + f"{updated}", kind) == []
    assert "PATCH /v1/projects/project-1/callbackConfiguration: 200" in logged()


async def test_no_repr_shows_a_secret(make, kind):
    """Neither the client nor what it is made of."""
    client = make()
    async with client:
        parts = [client, *vars(client).values()]
        parts += [part for each in parts for part in getattr(each, "__dict__", {}).values()]
        parts += [part for each in parts for part in getattr(each, "__dict__", {}).values()]
        assert found_in(repr(parts), kind) == []


async def test_copies_of_an_error_are_as_masked(service, make, kind):
    """Pickled to another process, an error takes no secret along."""
    service.on("GET", "/hostingOrders/1", lambda seen: (400, BODIES["flat"](echoed(kind, seen))))
    client = make()
    with pytest.raises(SinchHostingError) as caught:
        await client.hosting_orders.get("1")
    for again in (pickle.loads(pickle.dumps(caught.value)), copy.deepcopy(caught.value)):
        assert str(again) == str(caught.value)
        assert [n for n in found_in(repr(vars(again)), kind) if n != "hmac"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: SinchHosting("", KEY_ID, PLAIN["key"]),
        lambda: SinchHosting("p", "", PLAIN["key"]),
        lambda: SinchHosting("p/q", KEY_ID, PLAIN["key"]),
        lambda: SinchHosting("p", KEY_ID, PLAIN["key"], base_url="nowhere"),
        lambda: SinchHosting("p", KEY_ID, PLAIN["key"], timeout=-1),
        SinchHosting.from_env,
        lambda: SinchHosting.from_env(base_url="nowhere", project_id="p"),
    ],
    ids=range(7),
)
def test_a_wrong_setting_shows_no_secret(monkeypatch, wrong):
    """Not even the variables of the frames that refused it."""
    monkeypatch.setenv("SINCH_KEY_SECRET", PLAIN["key"])
    monkeypatch.setenv("SINCH_KEY_ID", KEY_ID)
    monkeypatch.delenv("SINCH_PROJECT_ID", raising=False)
    with pytest.raises(ConfigurationError) as caught:
        wrong()
    assert found_in(shown(caught.value), "plain") == []


@pytest.mark.parametrize("setting", ["key_id", "key_secret"])
@pytest.mark.parametrize(
    ("unusable", "said"),
    [
        ("%s\udce9", "no text"),
        ("%s\n", "ends with a blank; is there a newline at its end"),
        ("%s ", "ends with a blank"),
        ("\t%s", "begins with a blank"),
        ("%s\r\n%s", "control characters"),
        ("\x00%s", "control characters"),
    ],
)
@pytest.mark.parametrize("auth", ["oauth", "basic"])
def test_a_key_that_cannot_be_sent_is_refused_unseen(monkeypatch, setting, unusable, said, auth):
    """What an environment or a file makes of a key is told by its kind, and not shown."""
    monkeypatch.setenv("SINCH_PROJECT_ID", "p")
    monkeypatch.setenv("SINCH_KEY_ID", KEY_ID)
    # Passed and not exported: an environment can hold no NUL.
    overrides = {setting: Secret(unusable.replace("%s", PLAIN["key"]))}
    with pytest.raises(ConfigurationError, match=rf"^{setting} \(SINCH.*{said}") as caught:
        SinchHosting.from_env(**{"key_secret": "s", "auth": auth, **overrides})
    assert found_in(shown(caught.value), "plain") == []
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_a_key_id_with_the_secret_behind_it_is_refused_unseen():
    """HTTP Basic would take what follows the colon for the secret."""
    pair = Secret(f"{KEY_ID}:{PLAIN['key']}")
    with pytest.raises(ConfigurationError, match=r"^key_id .*holds a colon") as caught:
        SinchHosting("p", pair, "s")
    assert found_in(str(caught.value) + repr(caught.value), "plain") == []


@pytest.mark.parametrize("setting", ["base_url", "auth_url"])
@pytest.mark.parametrize("user", ["me:%s", ":%s", "%s", "%s:"])
def test_credentials_in_an_address_are_refused_unseen(setting, user):
    """An address with a password in it is not printed in the error about it."""
    address = f"https://{user % PLAIN['key']}@host.example"
    with pytest.raises(ConfigurationError, match=f"{setting}: must hold no credentials") as caught:
        SinchHosting("p", KEY_ID, "s", **{setting: address})
    assert found_in(str(caught.value) + repr(caught.value), "plain") == []


@pytest.mark.parametrize("value", ["", None, 5])
async def test_a_wrong_callback_secret_is_not_shown(make_client, value):
    """What is refused may be most of a secret."""
    with pytest.raises(InvalidRequest) as caught:
        await make_client().callback_configuration.update(hmac_secret=value)
    assert caught.value.value == "***"


async def test_a_cancelled_update_logs_no_secret(service, make, kind, logged):
    """asyncio's debug log of what was cancelled shows neither headers nor bodies."""
    hold = service.hold({})
    service.on("PATCH", CONFIGURATION, hold)
    client = make()
    task = asyncio.create_task(CALLS["secret"][2](client, kind))
    await hold.arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    hold.release()
    assert found_in(shown(caught.value), kind) == []
    assert found_in(logged() + repr(task), kind) == []


def test_the_model_hides_its_secret():
    """A configuration that is printed says everything but the secret."""
    configuration = CallbackConfiguration(project_id="p", hmac_secret=PLAIN["hmac"])
    assert PLAIN["hmac"] not in repr(configuration)
    assert "'p'" in repr(configuration)


VIOLATION = {"field": "callbackConfiguration.hmacSecret", "description": "must be 16 characters"}


def refusal(message):
    """A refusal that names the field."""
    details = [{"fieldViolations": [VIOLATION]}]
    return 400, {"error": {"status": "INVALID_ARGUMENT", "message": message, "details": details}}


async def test_a_refused_callback_secret_is_explained(service, make, kind):
    """The secret is known and masked exactly; what is wrong with it is the caller's to read."""
    service.on(
        "PATCH",
        CONFIGURATION,
        lambda _: refusal(f"The secret {SECRETS[kind]['hmac']} is too short, as hmacSecret goes"),
    )
    client = make()
    with pytest.raises(BadRequest) as caught:
        await CALLS["secret"][2](client, kind)
    assert caught.value.message == "The secret *** is too short, as hmacSecret goes"
    assert caught.value.field_violations == (VIOLATION,)
    assert found_in(shown(caught.value), kind) == []


async def test_the_field_of_a_refusal_is_never_withheld(service, make):
    """Where the secret is not known, what may hold it is withheld, and not where it stands."""
    service.on("GET", CONFIGURATION, lambda _: refusal("the secret is plain-hmac-secret"))
    client = make()
    with pytest.raises(BadRequest) as caught:
        await client.callback_configuration.get()
    assert caught.value.message == "(withheld)"
    assert caught.value.field_violations == (VIOLATION,)


@pytest.mark.parametrize("backwards", [False, True])
def test_a_secret_that_begins_with_another_is_masked_whole(backwards):
    """The shorter one, or the beginning of one, must not leave the rest of the longer."""
    known = ["twelve-chars", "twelve-chars-and-more", "and-more-of-it"]
    said = "<twelve-chars-and-more> <twelve-chars> twelve-chars-and-m"
    assert mask(said, known[::-1] if backwards else known) == "<***> <***> ***"
    assert mask("it is twelve-chars-and-more", ["and-more-of-it", known[1]]) == "it is ***"
