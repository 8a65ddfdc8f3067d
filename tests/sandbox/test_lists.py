"""Lists: filters, orders, pages, and what happens to them while things move."""

from __future__ import annotations

from operator import attrgetter
from random import Random
from typing import Any

import pytest

from sinch_hosting.sandbox import Sandbox, lists, patterns
from sinch_hosting.sandbox.patterns import Pattern
from sinch_hosting.sandbox.store import Bucket, region_of

LINKED = {"servicePlanId": "plan", "campaignId": "campaign"}
NUMBERS = [f"+1202555{n:04d}" for n in range(7)]


async def import_all(api: Any, numbers: list[str], region: str = "US") -> None:
    """Import numbers one by one."""
    for number in numbers:
        body = {"phoneNumber": number, "regionCode": region, "smsConfiguration": LINKED}
        await api.ok("POST", "/importedNumbers", body)


async def walk(api: Any, path: str, field: str, key: str, **query: str) -> list[str]:
    """The keys of all items on all pages."""
    found, token, pages = [], "", 0
    while True:
        page = await api.ok("GET", path, **query, pageToken=token)
        found += [item[key] for item in page[field]]
        token, pages = page["nextPageToken"], pages + 1
        assert pages < 50
        if not token:
            return found


@pytest.mark.parametrize("order_by", [{}, {"orderBy": "createdTime"}, {"orderBy": "updatedTime"}])
@pytest.mark.parametrize("size", ["1", "3", "7", "0"])
async def test_pages_together_are_the_whole_list(sandbox, api, size, order_by):
    """Whatever the size and order, every number comes once."""
    await import_all(api, NUMBERS)
    query = {**LINKED, "pageSize": size, **order_by}
    found = await walk(api, "/importedNumbers", "importedNumbers", "phoneNumber", **query)
    assert found == NUMBERS
    page = await api.ok("GET", "/importedNumbers", **query)
    assert page["totalSize"] == 7


async def test_lists_can_be_ordered_by_the_last_change(sandbox, api):
    """orderBy updatedTime puts what changed last at the end; createdTime does not."""
    await import_all(api, NUMBERS[:3])
    sandbox.advance(seconds=1)
    await api.ok("PATCH", f"/importedNumbers/{NUMBERS[0]}", {"displayName": "x"})
    args = (api, "/importedNumbers", "importedNumbers", "phoneNumber")
    assert await walk(*args, **LINKED, orderBy="updatedTime", pageSize="2") == [
        NUMBERS[1],
        NUMBERS[2],
        NUMBERS[0],
    ]
    assert await walk(*args, **LINKED, orderBy="createdTime", pageSize="2") == NUMBERS[:3]


async def test_lists_by_creation_hold_when_numbers_came_back(sandbox, api):
    """A number that was relinked is filed last, and yet ordered by its creation if asked."""
    await import_all(api, [NUMBERS[0]])
    sandbox.advance(days=1)
    await import_all(api, NUMBERS[1:3])
    path = f"/importedNumbers/{NUMBERS[0]}"
    await api.ok("PATCH", path, {"smsConfiguration": {"servicePlanId": "", "campaignId": ""}})
    sandbox.advance(days=1)
    await api.ok("PATCH", path, {"smsConfiguration": LINKED})
    args = (api, "/importedNumbers", "importedNumbers", "phoneNumber")
    assert (await walk(*args, **LINKED))[-1] == NUMBERS[0]
    assert await walk(*args, **LINKED, orderBy="createdTime", pageSize="1") == NUMBERS[:3]


@pytest.mark.parametrize(
    ("pattern", "search", "found"),
    [
        ("+1202", "START", 7),
        ("+1202", "", 7),
        ("0003", "END", 1),
        ("55500", "CONTAIN", 7),
        ("0003", "START", 0),
    ],
)
async def test_numbers_are_found_by_pattern(api, pattern, search, found):
    """START, which is what goes without saying, CONTAIN and END."""
    await import_all(api, NUMBERS)
    query = {**LINKED, "numberPattern.pattern": pattern}
    if search:
        query["numberPattern.searchPattern"] = search
    page = await api.ok("GET", "/importedNumbers", **query)
    assert len(page["importedNumbers"]) == page["totalSize"] == found


async def test_lists_filter_by_region(sandbox, api):
    """regionCode narrows every list that takes it."""
    canadian = "+14165550134"
    await import_all(api, NUMBERS[:1])
    await import_all(api, [canadian], "CA")
    page = await api.ok("GET", "/importedNumbers", **LINKED, regionCode="CA")
    assert [number["phoneNumber"] for number in page["importedNumbers"]] == [canadian]
    await api.ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": [canadian, NUMBERS[0]]})
    query = {"states": "GLOBAL_PROCESS_STATE_ELIGIBLE_CHECK_PENDING", "regionCode": "CA"}
    page = await api.ok("GET", "/qualifiedNumbers", **query)
    assert [number["regionCode"] for number in page["qualifiedNumbers"]] == ["CA"]
    await api.import_numbers(NUMBERS[5])
    query = {**LINKED, "states": "SUBMITTED", "type": "IMPORT"}
    assert (await api.ok("GET", "/hostingOrders", **query, regionCode="CA"))["totalSize"] == 0
    assert (await api.ok("GET", "/hostingOrders", **query, regionCode="US"))["totalSize"] == 1


async def test_an_orders_numbers_are_filtered_by_state(sandbox, api):
    """The three state filters narrow the list; pages are of what is left."""
    sandbox.plan(NUMBERS[1], osr="INVALID_NNID")
    order_id = await api.text_enable(*NUMBERS)
    sandbox.complete(order_id)
    path = f"/hostingOrders/{order_id}/numbers"
    page = await api.ok("GET", path, osrUpdateState="FAILED")
    assert [number["phoneNumber"] for number in page["numbers"]] == [NUMBERS[1]]
    query = {"platformProvisioningState": "DONE", "campaignProvisioningState": "DONE"}
    found = await walk(api, path, "numbers", "phoneNumber", **query, pageSize="4")
    assert found == [NUMBERS[0], *NUMBERS[2:]]
    assert (await api("GET", path, osrUpdateState="GOOD"))[0] == 400


async def test_a_token_belongs_to_its_query(sandbox, api):
    """A token used with other parameters is refused rather than answered with nonsense."""
    await import_all(api, NUMBERS)
    page = await api.ok("GET", "/importedNumbers", **LINKED, pageSize="2")
    token = page["nextPageToken"]
    query = {**LINKED, "numberPattern.pattern": "+1202", "pageToken": token}
    assert (await api("GET", "/importedNumbers", **query))[0] == 400
    page = await api.ok("GET", "/importedNumbers", **LINKED, pageSize="5", pageToken=token)
    assert [n["phoneNumber"] for n in page["importedNumbers"]] == NUMBERS[2:]


async def test_a_page_is_capped(sandbox, api, monkeypatch):
    """A large page size is cut down to the server's own, with a token for the rest."""
    monkeypatch.setattr(lists, "LARGEST_PAGE", 3)
    await import_all(api, NUMBERS)
    page = await api.ok("GET", "/importedNumbers", **LINKED, pageSize="1000")
    assert len(page["importedNumbers"]) == 3
    assert page["nextPageToken"]


async def test_a_long_filtered_list_is_not_counted(sandbox, api, monkeypatch):
    """Where counting would cost, the optional total is left out."""
    monkeypatch.setattr(lists, "COUNTED", 3)
    await import_all(api, NUMBERS)
    page = await api.ok("GET", "/importedNumbers", **LINKED, regionCode="US")
    assert len(page["importedNumbers"]) == 7
    assert "totalSize" not in page


async def test_what_leaves_a_state_between_two_pages_does_not_hide_others(open_api):
    """Orders that move while a list is walked shift nothing that stays."""
    async with Sandbox(speed=0, profile="manual") as sandbox:
        api = await open_api(sandbox)
        ids = [await api.import_numbers(number) for number in NUMBERS]
        query = {**LINKED, "states": "SUBMITTED", "type": "IMPORT", "pageSize": "3"}
        first = await api.ok("GET", "/hostingOrders", **query)
        sandbox.trigger(ids[0])
        sandbox.trigger(ids[4])
        second = await api.ok("GET", "/hostingOrders", **query, pageToken=first["nextPageToken"])
        found = [order["hostingOrderId"] for order in first["hostingOrders"]]
        found += [order["hostingOrderId"] for order in second["hostingOrders"]]
        assert found == [*ids[:4], *ids[5:]]


class Record:
    """The least that an index needs."""

    def __init__(self, entry: int) -> None:
        self.bucket: tuple[str, ...] | None = ("x",)
        self.entry = entry
        self.created = self.updated = float(entry)


def test_a_bucket_sweeps_out_what_left():
    """Dead entries do not pile up, and pages skip them."""
    bucket: Bucket[Record] = Bucket()
    records = [Record(entry) for entry in range(1, 201)]
    for record in records:
        bucket.add(record)
    for record in records[:150]:
        record.entry = 0
        bucket.drop()
    assert len(bucket.records) < 110
    assert bucket.live == 50
    assert list(bucket.after(0)) == records[150:]
    assert next(bucket.after(0)) is records[150]
    even = bucket.after(160, lambda record: record.entry % 2 == 0)
    assert [next(even), next(even)] == [records[161], records[163]]


class Text(Record):
    """A record with a text."""

    def __init__(self, entry: int, text: str) -> None:
        super().__init__(entry)
        self.text = text


@pytest.mark.parametrize("search", ["START", "CONTAIN", "END"])
@pytest.mark.parametrize("region", ["", "US", "CA", "USA"])
def test_patterns_find_what_looking_at_each_number_finds(monkeypatch, search, region):
    """By blocks or one by one, from any place on, with gaps, before and after a sweep."""
    monkeypatch.setattr(patterns, "BLOCK", 32)
    monkeypatch.setattr(patterns, "_ALL", (1 << 32) - 1)
    dice, bucket = Random(1), Bucket(attrgetter("text"))
    records = [
        Text(entry, f"+1{dice.randrange(10**10):010}{dice.choice(('US', 'CA'))}")
        for entry in range(1, 500)
    ]
    for record in records:
        bucket.add(record)
    digits = ["", "+", "+12", "2", "55", "99", "12345", "x", records[7].text[:12], "+" * 13]
    for leaving in (0, 200, 100):
        for record in dice.sample([record for record in records if record.entry], leaving):
            record.entry = 0
            bucket.drop()
        for wanted in (Pattern(each, search, region) for each in digits):
            expected = [r for r in records if r.entry > 70 and seen(r.text, wanted)]
            assert list(bucket.after(70, wanted)) == expected, wanted


def seen(text: str, wanted: Pattern) -> bool:
    """What a pattern means, said plainly."""
    number, region = text[:12], text[12:]
    found = {
        "START": number.startswith(wanted.digits),
        "CONTAIN": wanted.digits in number,
        "END": number.endswith(wanted.digits),
    }
    return found[wanted.search] and wanted.region in ("", region)


def test_regions_follow_the_area_code():
    """Canadian area codes are CA; territories count as US."""
    assert region_of("+14165550134") == "CA"
    assert region_of("+17875550134") == "US"
    assert region_of("+12025550134") == "US"
