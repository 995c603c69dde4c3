from __future__ import annotations

import asyncio
import itertools
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.hubs.quota_server import Server, send
from virtual_time import clock, run

from reseen.hubs.hub import Usage
from reseen.hubs.quota import LONGEST, Quota, retry_after
from reseen.settings import RateLimit

STEADY = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


async def crowd(quota: Quota, server: Server, requests: int, tasks: int, seed: int) -> None:
    """Many tasks that have nothing to do but ask."""
    rng = random.Random(seed)
    waits = iter([rng.choice([0.02, 0.05, 0.2, 1.5]) for _ in range(requests)])

    async def one() -> None:
        for wait in waits:
            await send(quota, server, wait)

    async with asyncio.TaskGroup() as group:
        for _ in range(tasks):
            group.create_task(one())


@pytest.mark.parametrize("rolling", [False, True])
@pytest.mark.parametrize("floor", [False, True])
@pytest.mark.parametrize(("limit", "tasks"), [(500, 64), (500, 3), (7, 64), (1, 8)])
def test_all_of_the_quota_is_used_and_none_is_refused(
    limit: int, tasks: int, rolling: bool, floor: bool
) -> None:
    server = Server(limit, 300.0, rolling, floor)

    async def main() -> float:
        await crowd(Quota(Usage(), clock, asyncio.sleep), server, limit * 6, tasks, limit)
        return clock()

    took = run(main())
    assert server.refused == 0
    full = sorted(server.used)[:-1]
    assert all(server.used[number] >= 0.95 * limit for number in full)
    windows = 6 * 300.0
    assert took <= windows * 1.05


def test_a_quota_used_by_others_too_is_seen_at_once() -> None:
    server = Server(100, 300.0)

    async def main() -> None:
        for _ in range(95):
            server.take()
        quota = Quota(Usage(), clock, asyncio.sleep)
        await crowd(quota, server, 60, 32, 1)

    run(main())
    assert server.refused == 0


def test_kinds_have_windows_of_their_own() -> None:
    api, other = Server(5, 300.0), Server(5, 300.0)

    def resolvers() -> tuple[int, dict[str, str]]:
        status, headers = Server.take(other)
        return status, {k: v.replace('"api"', '"resolvers"') for k, v in headers.items()}

    other.take = resolvers  # type: ignore[method-assign]

    async def main() -> float:
        quota = Quota(Usage(), clock, asyncio.sleep)
        for _ in range(5):
            await send(quota, api, 0.1)
        for _ in range(5):
            await send(quota, other, 0.1, "resolvers")
        return clock()

    assert run(main()) < 10


def test_one_window_for_several_kinds_is_shared() -> None:
    server = Server(10, 300.0)

    async def main() -> None:
        quota = Quota(Usage(), clock, asyncio.sleep)
        async with asyncio.TaskGroup() as group:
            for number in range(40):
                kind = ("api", "resolvers")[number % 2]
                group.create_task(send(quota, server, 0.1, kind))

    run(main())
    # Each kind learns by its first answer which window it is counted in.
    assert server.refused == 0


def test_without_headers_nobody_waits() -> None:
    async def main() -> float:
        quota = Quota(Usage(), clock, asyncio.sleep)

        async def one() -> None:
            slot = await quota.enter("api")
            await asyncio.sleep(1.0)
            slot.answered(200, {})

        await asyncio.gather(*(one() for _ in range(50)))
        return clock()

    assert run(main()) == pytest.approx(2.0)


def test_a_request_that_fails_is_counted_and_blocks_nobody() -> None:
    server = Server(10, 300.0)

    async def main() -> float:
        quota = Quota(Usage(), clock, asyncio.sleep)
        for _ in range(3):
            slot = await quota.enter("api")  # the first of a window goes alone
            slot.leave()
        await send(quota, server, 0.1)
        for _ in range(4):
            (await quota.enter("api")).leave()
            server.take()
        for _ in range(5):
            await send(quota, server, 0.1)
        return clock()

    assert run(main()) < 290
    assert server.refused == 0


def test_a_cancelled_wait_leaves_the_line_in_order() -> None:
    server = Server(1, 300.0)

    async def main() -> None:
        quota = Quota(Usage(), clock, asyncio.sleep)
        await send(quota, server, 0.1)
        tasks = [asyncio.create_task(send(quota, server, 0.1)) for _ in range(3)]
        await asyncio.sleep(1.0)
        tasks[0].cancel()
        tasks[1].cancel()
        await tasks[2]
        assert len(asyncio.all_tasks()) == 1

    run(main())
    assert server.refused == 0


def test_a_refusal_without_headers_makes_all_pause_longer_each_time() -> None:
    async def main() -> list[float]:
        quota = Quota(Usage(), clock, asyncio.sleep)
        times = []
        for _ in range(5):
            slot = await quota.enter("api")
            times.append(clock())
            slot.answered(429, {})
        return times

    times = run(main())
    pauses = [b - a for a, b in itertools.pairwise(times)]
    assert pauses == [2.0, 4.0, 8.0, 16.0]


def test_retry_after_is_obeyed_as_number_and_as_date() -> None:
    async def main() -> list[float]:
        quota = Quota(Usage(), clock, asyncio.sleep)
        date = "Wed, 21 Oct 2026 07:28:00 GMT"
        times = []
        for headers in (
            {"Retry-After": "40"},
            {"Retry-After": "Wed, 21 Oct 2026 07:29:10 GMT", "Date": date},
            {"Retry-After": "soon"},
        ):
            (await quota.enter("api")).answered(429, headers)
            (await quota.enter("api")).answered(200, {})
            times.append(clock())
        return times

    assert run(main()) == [40.0, 110.0, 112.0]


def test_absurd_values_are_waited_for_an_hour_at_most_and_told_in_words() -> None:
    usage = Usage()

    async def main() -> float:
        quota = Quota(usage, clock, asyncio.sleep)
        (await quota.enter("api")).answered(200, {"RateLimit": '"api";r=0;t=99999999999'})
        (await quota.enter("api")).answered(429, {"Retry-After": "99999999999"})
        (await quota.enter("api")).leave()
        return clock()

    assert run(main()) <= 2 * LONGEST + 2
    assert any("99999999999" in remark for remark in usage.remarks)
    assert usage.waits >= LONGEST


def test_the_policy_corrects_what_contradicts_it() -> None:
    usage = Usage()

    async def main() -> float:
        quota = Quota(usage, clock, asyncio.sleep)
        policy = {"RateLimit-Policy": '"fixed window";"api";q=5;w=60'}
        (await quota.enter("api")).answered(200, {"RateLimit": '"api";r=900;t=9000', **policy})
        assert usage.quota_left == {"api": 5}
        for _ in range(6):
            await quota.enter("api")
        return clock()

    assert 60.0 <= run(main()) <= 62.0


@STEADY
@given(
    st.lists(
        st.tuples(
            st.sampled_from([200, 404, 429, 500]),
            st.text(alphabet='"api;rtqw=0159.,- \x00é', max_size=40)
            | st.from_regex(r'"(api|x)";r=\d{1,16};t=\d{1,16}(\.\d)?', fullmatch=True),
            st.text(alphabet="0159 GMT:,-", max_size=20),
        ),
        max_size=8,
    )
)
def test_no_header_makes_us_wait_for_ever(answers: list[tuple[int, str, str]]) -> None:
    async def main() -> None:
        quota = Quota(Usage(), clock, asyncio.sleep)
        for status, limit, after in answers:
            before = clock()
            slot = await quota.enter("api")
            assert clock() - before <= LONGEST + 2
            headers = {"RateLimit": limit, "RateLimit-Policy": limit, "Retry-After": after}
            slot.answered(status, headers)

    run(main())


@STEADY
@given(st.text(max_size=40))
def test_retry_after_reads_anything(value: str) -> None:
    seconds = retry_after({"Retry-After": value})
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize(("requests", "seconds"), [(1, 10.0), (5, 30.0), (40, 7.0)])
def test_a_limit_of_our_own_holds_in_any_window_whatever_the_hub_allows(
    requests: int, seconds: float
) -> None:
    sent: list[float] = []

    async def one(quota: Quota, kind: str, server: Server) -> None:
        await send(quota, server, 0.05, kind)
        sent.append(clock())

    async def main() -> float:
        usage = Usage()
        quota = Quota(usage, clock, asyncio.sleep, RateLimit(requests, seconds))
        server = Server(10_000, 300.0)
        kinds = itertools.cycle(("api", "resolvers", "pages"))
        await asyncio.gather(*(one(quota, next(kinds), server) for _ in range(3 * requests)))
        return usage.waits

    waited = run(main())
    sent.sort()
    # Answers come 0.05 s after a request was sent: as much earlier or later may one be counted.
    for first, beyond in zip(sent, sent[requests:], strict=False):
        assert beyond - first >= seconds - 0.1
    assert len(sent) == 3 * requests
    assert waited >= 2 * seconds - 0.5
    assert sent[-1] <= 2 * seconds + 1.0  # and no longer than that
