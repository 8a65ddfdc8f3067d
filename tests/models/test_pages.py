"""Walking lists page by page."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from attrs import evolve

from sinch_hosting import (
    DecodeError,
    InvalidRequest,
    NotFound,
    OrderState,
    Page,
    Pages,
    PageTokenRepeated,
    UnreadableList,
    UsageError,
)


class Listing:
    """A list as `Pages` sees it: per state a chain of pages by token, each asked for in turn."""

    def __init__(self, **chains):
        self.chains = chains
        self.asked = []
        self.fails_at = None

    async def fetch(self, state, token, on_body=None):
        """One page; items are texts, and their keys the part before a colon."""
        self.asked.append((state, token))
        if len(self.asked) == self.fails_at:
            raise NotFound("gone", operation="List", status_code=404)
        chain = self.chains[str(state)]
        items, following = chain[token]
        return Page(items=tuple(items), next_page_token=following, total_size=None, state=state)

    def pages(self, *states, **options):
        """The list over some states."""
        return Pages(
            "List", self.fetch, lambda item: item.split(":")[0], states=states or (None,), **options
        )


def chain(*pages):
    """Pages that follow each other, under the tokens t1, t2, …"""
    tokens = [None, *(f"t{n}" for n in range(1, len(pages)))]
    following = [*tokens[1:], None]
    return {
        token: (items, then) for token, items, then in zip(tokens, pages, following, strict=True)
    }


async def everything(walk):
    """All that a walk gives."""
    return [each async for each in walk]


async def test_items_of_all_pages_in_order():
    """Pages that are empty do not end a list; an absent token does."""
    listing = Listing(**{"None": chain(["a"], [], [], ["b", "c"], [])})
    assert await everything(listing.pages()) == ["a", "b", "c"]
    assert len(listing.asked) == 5


async def test_pages_come_with_their_tokens():
    """Each tells where the next one starts, the last one that there is none."""
    listing = Listing(**{"None": chain(["a"], [], ["b"])})
    pages = await everything(listing.pages().pages())
    assert [(page.items, page.next_page_token) for page in pages] == [
        (("a",), "t1"),
        ((), "t2"),
        (("b",), None),
    ]


async def test_a_list_is_read_as_it_is_walked():
    """No page is asked for before its items are wanted."""
    listing = Listing(**{"None": chain(["a", "b"], ["c"])})
    walk = aiter(listing.pages())
    assert listing.asked == []
    assert [await anext(walk), await anext(walk)] == ["a", "b"]
    assert len(listing.asked) == 1
    await walk.aclose()


async def test_each_walk_starts_anew():
    """The same object can be walked twice."""
    listing = Listing(**{"None": chain(["a"], ["b"])})
    pages = listing.pages()
    assert await everything(pages) == await everything(pages) == ["a", "b"]


async def test_two_walks_at_once_do_not_disturb_each_other():
    """Each has its own place."""
    pages = Listing(**{"None": chain(["a"], ["b"])}).pages()
    one, other = aiter(pages), aiter(pages)
    found = [await anext(one), await anext(other), await anext(one), await anext(other)]
    assert found == ["a", "a", "b", "b"]
    for walk in (one, other):
        await walk.aclose()


@pytest.mark.parametrize(
    ("rounds", "given"),
    [
        ({None: (["a"], "x"), "x": (["b"], "x")}, ["a", "b"]),
        ({None: (["a"], "x"), "x": (["b"], "y"), "y": (["c"], "x")}, ["a", "b", "c"]),
    ],
    ids=["the same again", "a longer round"],
)
async def test_a_repeated_token_ends_the_walk(rounds, given):
    """After the items that came with it: `PageTokenRepeated`, with the token."""
    listing = Listing(**{"None": rounds})
    walk = aiter(listing.pages())
    assert [await anext(walk) for _ in given] == given
    with pytest.raises(PageTokenRepeated) as caught:
        await anext(walk)
    assert caught.value.page_token == "x"
    assert len(listing.asked) == len(given)


async def test_a_token_that_leads_back_to_the_start_is_repeated():
    """So it is where the walk began with it."""
    listing = Listing(**{"None": {"x": (["a"], "x")}})
    walk = aiter(listing.pages(page_token="x"))
    assert await anext(walk) == "a"
    with pytest.raises(PageTokenRepeated):
        await anext(walk)


def endless(total_size, *items):
    """A fetch of pages without end, a fresh token each, and the tokens that it was asked for."""
    asked = []

    async def fetch(state, token):
        asked.append(token)
        place = len(asked)
        found = tuple(f"{item}-{place}" for item in items)
        return Page(items=found, next_page_token=f"t{place}", total_size=total_size)

    return fetch, asked


@pytest.mark.parametrize(
    ("total_size", "size", "most"),
    [(None, 0, 100), (3, 0, 100), (3, 1, 1005), (None, 1, 10_000), (3, 500, 3), (2000, 500, 9)],
)
async def test_pages_without_end_end_in_an_error(total_size, size, most):
    """Empty ones soon, others once they are more than any list; the token tells where."""
    fetch, asked = endless(total_size, *range(size))
    pages = Pages("ListThings", fetch, str)
    with pytest.raises(UnreadableList, match="do not end") as caught:
        async for _ in pages.pages():
            pass
    assert len(asked) == most
    assert caught.value.page_token == f"t{most}"
    assert pages.page_token == asked[-1]


async def test_the_most_that_a_list_has_counted_is_its_bound():
    """Pages shift and lists shrink while they are read: later pages may count fewer items."""
    fetch, asked = endless(3, *range(500))

    async def shrinking(state, token):
        page = await fetch(state, token)
        return evolve(page, total_size=2000) if len(asked) == 1 else page

    with pytest.raises(UnreadableList, match="4500 items, and a further page, of 2000 in all"):
        await Pages("ListThings", shrinking, str).collect()


@pytest.mark.parametrize("total_size", [1_000_000, None])
async def test_a_million_items_are_no_endless_list(total_size, caplog):
    """With a total or without one; each hundredth page is told in the log."""
    read = 0

    async def fetch(state, token):
        nonlocal read
        read += 1
        following = None if read == 1000 else f"t{read}"
        return Page(items=(0,) * 1000, next_page_token=following, total_size=total_size)

    with caplog.at_level("INFO", logger="sinch_hosting"):
        found = [len(page.items) async for page in Pages("ListThings", fetch, str).pages()]
    assert sum(found) == 1_000_000
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 10
    of_all = "" if total_size is None else " of 1000000"
    assert lines[0] == f"ListThings: 100 pages, 100000{of_all} items"


async def test_empty_pages_on_the_way_are_no_end():
    """A service may give 99 empty pages, and many small ones, before the next item."""
    listing = Listing(**{"None": chain(*([[]] * 99), ["a"], *([[]] * 99), ["b"])})
    assert await everything(listing.pages()) == ["a", "b"]


async def test_a_walk_goes_on_from_a_token():
    """`page_token` starts in the middle; an empty one is none."""
    listing = Listing(**{"None": chain(["a"], ["b"], ["c"])})
    assert await everything(listing.pages(page_token="t1")) == ["b", "c"]
    assert await everything(listing.pages(page_token="")) == ["a", "b", "c"]


async def test_what_ends_a_walk_early_leaves_where_it_was():
    """`state` and `page_token` name the page that was asked for last: go on from there."""
    listing = Listing(DRAFT=chain(["a"]), SUBMITTED=chain(["b"], ["c"], ["d"]))
    listing.fails_at = 3
    pages = listing.pages(OrderState.DRAFT, OrderState.SUBMITTED)
    walk = aiter(pages)
    assert [await anext(walk), await anext(walk)] == ["a", "b"]
    with pytest.raises(NotFound):
        await anext(walk)
    assert (pages.state, pages.page_token) == (OrderState.SUBMITTED, "t1")
    again = listing.pages(pages.state, page_token=pages.page_token)
    assert await everything(again) == ["c", "d"]


async def test_a_break_leaves_where_it_was():
    """The page whose items were being given is the one to read again."""
    pages = Listing(**{"None": chain(["a"], ["b", "c"], ["d"])}).pages()
    async for item in pages:
        if item == "b":
            break
    assert pages.page_token == "t1"


async def test_several_states_one_after_the_other():
    """Each from its first page to its last, and what moved between them comes once."""
    listing = Listing(
        DRAFT=chain(["a:draft"], ["b:draft"]),
        SUBMITTED=chain(["b:submitted", "c:submitted"]),
        COMPLETED=chain(["a:completed"], ["d:completed"]),
    )
    pages = listing.pages(OrderState.DRAFT, OrderState.SUBMITTED, OrderState.COMPLETED)
    found = await everything(pages)
    assert found == ["a:draft", "b:draft", "c:submitted", "d:completed"]
    assert [state for state, _ in listing.asked] == [
        "DRAFT",
        "DRAFT",
        "SUBMITTED",
        "COMPLETED",
        "COMPLETED",
    ]


async def test_pages_of_several_states_name_theirs():
    """Those whose items were all seen before are empty, and still come with their token."""
    listing = Listing(DRAFT=chain(["a"]), SUBMITTED=chain(["a"], ["b"]))
    pages = listing.pages(OrderState.DRAFT, OrderState.SUBMITTED).pages()
    assert [(p.state, p.items, p.next_page_token) async for p in pages] == [
        ("DRAFT", ("a",), None),
        ("SUBMITTED", (), "t1"),
        ("SUBMITTED", ("b",), None),
    ]


async def test_an_item_that_comes_twice_in_a_page_of_several_states_comes_once():
    """Without duplicates means without duplicates."""
    listing = Listing(DRAFT=chain(["a", "a"]), SUBMITTED=chain(["b", "b", "a"]))
    found = await everything(listing.pages(OrderState.DRAFT, OrderState.SUBMITTED))
    assert found == ["a", "b"]


async def test_tokens_are_of_one_state_each():
    """The same token under two states is no repetition."""
    same = {None: (["a"], "x"), "x": (["b"], None)}
    listing = Listing(DRAFT=same, SUBMITTED=same)
    assert await everything(listing.pages(OrderState.DRAFT, OrderState.SUBMITTED)) == ["a", "b"]
    assert len(listing.asked) == 4


def test_a_token_goes_with_one_state():
    """With several it is `InvalidRequest`: it belongs to the list of one."""
    with pytest.raises(InvalidRequest) as caught:
        Listing().pages(OrderState.DRAFT, OrderState.SUBMITTED, page_token="t")
    assert caught.value.field == "page_token"


def test_a_list_prints_where_it_is():
    """Its operation, its state and its token."""
    shown = repr(Listing().pages(OrderState.DRAFT, page_token="t"))
    assert "List" in shown
    assert "DRAFT" in shown
    assert "'t'" in shown


# ------------------------------------------------- first, collect, prefetch


async def test_the_first_item_reads_no_page_more():
    """Empty pages are passed over; an empty list has none."""
    listing = Listing(**{"None": chain([], ["a", "b"], ["c"])})
    assert await listing.pages().first() == "a"
    assert len(listing.asked) == 2
    assert await Listing(**{"None": chain([])}).pages().first() is None


@pytest.mark.parametrize(
    ("limit", "found", "asked"),
    [(None, ["a", "b", "c", "d"], 3), (2, ["a", "b"], 1), (3, ["a", "b", "c"], 2), (9, None, 3)],
)
async def test_collecting_reads_no_page_more_than_the_limit_needs(limit, found, asked):
    """All items by default."""
    listing = Listing(**{"None": chain(["a", "b"], ["c", "d"], [])})
    assert await listing.pages().collect(limit=limit) == (found or ["a", "b", "c", "d"])
    assert len(listing.asked) == asked


@pytest.mark.parametrize("limit", [0, -1, True, "3", 1.0])
async def test_a_limit_is_a_whole_number_from_one(limit):
    """Nothing is read otherwise."""
    listing = Listing(**{"None": chain(["a"])})
    with pytest.raises(InvalidRequest, match="limit"):
        await listing.pages().collect(limit=limit)
    assert listing.asked == []


async def test_what_was_collected_before_a_failure_is_kept():
    """With the token to go on from."""
    listing = Listing(**{"None": chain(["a"], ["b"], ["c"])})
    listing.fails_at = 3
    pages = listing.pages()
    with pytest.raises(NotFound):
        await pages.collect()
    assert (pages.collected, pages.page_token) == (["a", "b"], "t2")
    rest = listing.pages(page_token=pages.page_token)
    assert pages.collected + await rest.collect() == ["a", "b", "c"]


async def test_prefetch_reads_the_next_page_while_one_is_handled():
    """One page ahead, never two; the items and their order are the same."""
    listing = Listing(**{"None": chain(["a", "b"], ["c"], ["d"])})
    async with listing.pages().prefetch() as items:
        assert await anext(items) == "a"
        await asyncio.sleep(0)
        assert len(listing.asked) == 2
        await asyncio.sleep(0)
        assert len(listing.asked) == 2
        assert [item async for item in items] == ["b", "c", "d"]
    assert len(listing.asked) == 3


async def test_prefetched_pages_of_several_states_are_the_same():
    """With their tokens and states, and each item once."""
    listing = Listing(DRAFT=chain(["a"], ["b"]), SUBMITTED=chain(["a"], ["c"]))
    states = (OrderState.DRAFT, OrderState.SUBMITTED)
    plain = await everything(listing.pages(*states).pages())
    async with listing.pages(*states).prefetch() as ahead:
        assert await everything(ahead.pages()) == plain


class Stuck(Listing):
    """A list whose second page never comes."""

    async def fetch(self, state, token, on_body=None):
        """Wait for ever on it, and note how that ends."""
        if token is not None:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self.asked.append("ended")
        return await super().fetch(state, token)


@pytest.mark.parametrize("way", ["break", "error", "cancel"])
async def test_nothing_is_left_behind_by_a_walk_that_reads_ahead(way):
    """However the block ends, the read that is under way has ended with it."""
    before = asyncio.all_tasks()
    listing = Stuck(**{"None": chain(["a", "b"], ["c"])})
    pages = listing.pages()

    async def walk():
        async with pages.prefetch() as items:
            async for item in items:
                await asyncio.sleep(0)
                if way == "break":
                    break
                if way == "error":
                    raise KeyError(item)

    walking = asyncio.ensure_future(walk())
    for _ in range(9):
        await asyncio.sleep(0)
    walking.cancel()
    await asyncio.wait({walking})
    assert listing.asked[1:] == ["ended"]
    assert asyncio.all_tasks() == before
    assert walking.cancelled() == (way == "cancel")
    assert pages.page_token == (None if way != "cancel" else "t1")


async def test_an_error_of_a_page_that_nobody_wanted_is_nobodys():
    """And one of a page that is wanted is raised when it is, with the place to go on from."""
    listing = Listing(**{"None": chain(["a"], ["b"])})
    listing.fails_at = 2
    async with listing.pages().prefetch() as items:
        assert await anext(items) == "a"
        await asyncio.sleep(0)
    listing.fails_at = 4
    pages = listing.pages()
    async with pages.prefetch() as items:
        assert await anext(items) == "a"
        with pytest.raises(NotFound):
            await anext(items)
    assert pages.page_token == "t1"


async def test_reading_ahead_needs_its_block():
    """Outside of it nobody would end the read; and a block is one walk."""
    ahead = Listing(**{"None": chain(["a"])}).pages().prefetch()
    with pytest.raises(UsageError, match="async with"):
        await anext(ahead)
    async with ahead:
        with pytest.raises(UsageError, match="prefetch"):
            await ahead.__aenter__()


async def test_reading_ahead_sees_a_list_without_end():
    """The repeated token is not asked for a second time."""
    listing = Listing(**{"None": {None: (["a"], "x"), "x": (["b"], "x")}})
    async with listing.pages().prefetch() as items:
        assert [await anext(items), await anext(items)] == ["a", "b"]
        with pytest.raises(PageTokenRepeated):
            await anext(items)
    assert len(listing.asked) == 2


class Textual(Listing):
    """A list that tells of the text of each page before it makes its items."""

    texts = '{"nextPageToken": "%s"}'

    async def fetch(self, state, token, on_body=None):
        """Note when the items are made."""
        page = await super().fetch(state, token)
        for _ in range(5):
            await asyncio.sleep(0)
        if on_body is not None:
            await on_body(self.texts.replace("%s", page.next_page_token or "").encode())
        self.asked.append(f"made {token}")
        return page


async def test_the_next_page_is_asked_for_before_the_items_of_one_are_made():
    """Where the page is waited for; the page behind the next one has to wait until that is so."""
    listing = Textual(**{"None": chain(["a"], ["b"], ["c"])})
    async with listing.pages().prefetch() as items:
        assert await anext(items) == "a"
        assert listing.asked == [(None, None), (None, "t1"), "made None"]
        for _ in range(9):
            await asyncio.sleep(0)
        assert listing.asked[3:] == ["made t1"]  # never two ahead
        assert [item async for item in items] == ["b", "c"]
    assert listing.asked[4:] == [(None, "t2"), "made t2"]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('{"nextPageToken": "%s", "extra": {"nextPageToken": "a"}}', "a"),
        ('{"nextPageToken": "no%s"}', None),
        ('{"displayName": "\\"nextPageToken\\": \\"a\\""}', None),
        ('{"nextPageToken": "\\x%s"}', None),
        ('{"nextPageToken": 5}', None),
        ("", None),
    ],
)
async def test_a_text_that_misleads_changes_nothing_of_a_list(text, wrong):
    """What was asked for with a token that is none has ended; the right page is read."""
    listing = Textual(**{"None": chain(["a"], ["b"], ["c"]) | {"a": (["x"], None)}})
    listing.texts = text
    before = asyncio.all_tasks()
    async with listing.pages().prefetch() as items:
        assert [item async for item in items] == ["a", "b", "c"]
    assert asyncio.all_tasks() == before
    assert "made a" not in listing.asked
    assert ((None, "a") in listing.asked) is (wrong is not None)


async def test_a_repeated_token_in_a_text_is_not_asked_for_again():
    """As where it is read with the items."""
    listing = Textual(**{"None": {None: (["a"], "x"), "x": (["b"], "x")}})
    async with listing.pages().prefetch() as items:
        assert [await anext(items), await anext(items)] == ["a", "b"]
        with pytest.raises(PageTokenRepeated):
            await anext(items)
    assert [each for each in listing.asked if type(each) is tuple] == [(None, None), (None, "x")]


async def test_a_client_asks_for_the_next_page_before_it_decodes_one(service, make_client):
    """Each list does, also in turn with others."""
    events = []

    async def note(session, context, sent):
        if "pageSize" in sent.url.query:
            events.append(f"asked for {sent.url.query.get('pageToken')}")

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(note)
    client = make_client(trace_configs=[trace], auth="basic").with_options(max_concurrency=2)
    lists = {
        "importedNumbers": client.imported_numbers.list(
            service_plan_id="plan", campaign_id="campaign", page_size=1
        ),
        "qualifiedNumbers": client.qualified_numbers.list(states="ELIGIBLE", page_size=1),
        "hostingOrders": client.hosting_orders.list(
            states="COMPLETED", type="IMPORT", service_plan_id="p", campaign_id="c", page_size=1
        ),
        "numbers": client.hosting_orders.numbers("1", page_size=1),
    }
    for name, pages in lists.items():
        path = "/hostingOrders/1/numbers" if name == "numbers" else f"/{name}"
        # What does not fit says when the page was decoded.
        service.on("GET", path, {name: [], "nextPageToken": "t1"}, {name: [5]})
        events.clear()
        async with pages.prefetch() as ahead:
            async for page in ahead.pages():
                events.append("decoded")
                assert page.items == ()
                with pytest.raises(DecodeError):
                    await anext(ahead.pages())
                break
        assert events == ["asked for None", "asked for t1", "decoded"]
        assert pages.page_token == "t1"
