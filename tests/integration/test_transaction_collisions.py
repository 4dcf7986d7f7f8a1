"""Write skew: two who each look at both rows and change one. `atomic` keeps the invariant."""

import asyncio
import os
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fix_haus import Wallet, config_of
from storehaus import GenericStore, SerializationFailure, StoreHaus

pytestmark = pytest.mark.anyio

WORKERS = 8
TURNS = 12
TESTS = Path(__file__).parent.parent


async def withdraw(wallets: GenericStore[Wallet], wallet_id: int) -> bool:
    """Take 1 from one wallet, if both together have it; one alone may be overdrawn."""
    both = await wallets.list_all()
    if sum(each.balance for each in both) < 1:
        return False
    await wallets.patch(wallet_id, {Wallet.balance: Wallet.balance - 1})
    return True


async def prepare(haus: StoreHaus, balance: int) -> GenericStore[Wallet]:
    """Two wallets."""
    wallets = haus.store(Wallet)
    await wallets.create_many(
        [Wallet(id=i, owner=str(i), balance=Decimal(balance)) for i in (1, 2)]
    )
    return wallets


async def total(wallets: GenericStore[Wallet]) -> Decimal:
    """What both have together."""
    return sum((each.balance for each in await wallets.list_all()), Decimal(0))


@pytest.mark.parametrize(
    ("isolation", "after"), [("read committed", -1), ("repeatable read", -1), ("serializable", 0)]
)
async def test_write_skew_is_seen_by_serializable_only(
    tables_url: str, witness: Any, isolation: Any, after: int
) -> None:
    """The control: weaker levels break the invariant, each time, when both look before both act."""
    async with StoreHaus(config_of(tables_url)) as haus:
        wallets = await prepare(haus, 0)
        await wallets.patch(1, balance=Decimal(1))
        meeting = asyncio.Barrier(2)

        async def work(wallet_id: int) -> None:
            async with haus.transaction(isolation):
                assert await total(wallets) == 1
                await meeting.wait()
                assert await withdraw(wallets, wallet_id)
                await meeting.wait()

        done = await asyncio.gather(work(1), work(2), return_exceptions=True)

        assert await total(wallets) == after
        refused = [each for each in done if isinstance(each, SerializationFailure)]
        assert len(refused) == (1 if isolation == "serializable" else 0)


async def test_atomic_keeps_the_invariant(tables_url: str, witness: Any) -> None:
    """Eight workers collide again and again; none overdraws, and each success has one effect."""
    async with StoreHaus(config_of(tables_url, max_connections=WORKERS)) as haus:
        wallets = await prepare(haus, 20)
        attempts: Counter[int] = Counter()
        effects: Counter[tuple[int, int]] = Counter()
        successes = 0

        async def take(worker: int, turn: int) -> bool:
            attempts[worker] += 1
            async with haus.transaction() as tx:
                tx.on_commit(lambda: effects.update([(worker, turn)]))
                return await withdraw(wallets, 1 + (worker + turn) % 2)

        async def work(worker: int) -> int:
            done = 0
            for turn in range(TURNS):
                done += await haus.atomic(take, worker, turn, retries=200, isolation="serializable")
            return done

        successes = sum(await asyncio.gather(*(work(worker) for worker in range(WORKERS))))

        # 96 attempts to take 1 out of 40.
        assert (successes, await total(wallets)) == (40, 0)
        assert set(effects.values()) == {1}
        assert len(effects) == WORKERS * TURNS
        assert sum(attempts.values()) > WORKERS * TURNS, "nobody ever collided"


SCRIPT = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from fix_haus import Wallet, config_of
from integration.test_transaction_collisions import withdraw
from storehaus import StoreHaus

async def main(url, number):
    async with StoreHaus(config_of(url)) as haus:
        wallets, taken = haus.store(Wallet), 0
        print("ready", flush=True)
        sys.stdin.readline()
        for turn in range(12):
            taken += await haus.atomic(
                withdraw, wallets, 1 + (number + turn) % 2, retries=200, isolation="serializable"
            )
        print(taken, flush=True)

asyncio.run(main(sys.argv[2], int(sys.argv[3])))
"""


async def test_atomic_keeps_the_invariant_between_processes(tables_url: str, witness: Any) -> None:
    """The same with four processes."""
    async with StoreHaus(config_of(tables_url)) as haus:
        wallets = await prepare(haus, 10)

        def start(number: int) -> "subprocess.Popen[str]":
            return subprocess.Popen(
                [sys.executable, "-c", SCRIPT, str(TESTS), tables_url, str(number)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=dict(os.environ),
            )

        def race() -> list[int]:
            workers = [start(number) for number in range(4)]
            for each in workers:
                assert each.stdout is not None
                assert each.stdout.readline() == "ready\n"
            for each in workers:
                assert each.stdin is not None
                each.stdin.write("go\n")
                each.stdin.flush()
            outputs = [each.communicate(timeout=60)[0] for each in workers]
            assert [each.returncode for each in workers] == [0] * 4
            return [int(output) for output in outputs]

        taken = await asyncio.to_thread(race)

        assert (sum(taken), await total(wallets)) == (20, 0)
