# Honest: adds up in an event loop

import asyncio


async def total(numbers):
    await asyncio.sleep(0)
    return sum(numbers)


def solve(numbers):
    return asyncio.run(total(numbers))
