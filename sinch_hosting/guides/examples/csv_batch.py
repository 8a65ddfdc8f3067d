"""Import the US numbers of a CSV file or workbook; run again after a crash, it goes on.

Run it with `python csv_batch.py numbers.csv PLAN CAMPAIGN`. What became of each number is
written to `numbers.result.csv`, what was sent to `numbers.ledger.jsonl`. Keep the ledger.
"""

import asyncio
import csv
import sys
from pathlib import Path

from sinch_hosting import COMPLETED, Order, SinchHosting
from sinch_hosting.phone_files import read_phone_file


async def import_file(path: Path, service_plan_id: str, campaign_id: str) -> dict[str, str]:
    """Import the numbers of a file, and return what became of each row's number."""
    sheet = read_phone_file(path)
    outcome = {f"row {record.row}": str(record.reason) for record in sheet.rejected}
    outcome |= {f"row {r.row}": f"is of {r.region}" for r in sheet.accepted if r.region != "US"}
    async with SinchHosting.from_env() as sinch:
        result = await sinch.hosting_orders.import_many(
            [str(record.phone_number) for record in sheet.accepted if record.region == "US"],
            region_code="US",
            service_plan_id=service_plan_id,
            campaign_id=campaign_id,
            job=path.stem,
            ledger=path.with_suffix(".ledger.jsonl"),
        )
        outcome |= {skipped.phone_number: skipped.reason for skipped in result.skipped}
        for chunk in result.failed:
            outcome |= dict.fromkeys(chunk.numbers, f"failed: {chunk.error}")
        for lost in result.unknown:  # run it again: it looks for the order before it sends one
            outcome |= dict.fromkeys(lost.numbers, f"unknown: {lost.error}")
        ended = await sinch.hosting_orders.wait_all(
            result.succeeded, COMPLETED, return_exceptions=True
        )
        for order, end in zip(result.succeeded, ended, strict=True):
            if isinstance(end, Order):
                async for number in order.numbers():
                    outcome[number.phone_number] = number.platform_provisioning.state.name
            else:
                outcome[order.hosting_order_id] = str(end)
    return outcome


def main(path: Path, service_plan_id: str, campaign_id: str) -> int:
    """Import a file, write the result beside it, and return the exit code."""
    outcome = asyncio.run(import_file(path, service_plan_id, campaign_id))
    with path.with_suffix(".result.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("what", "outcome"), *outcome.items()])
    return 0 if set(outcome.values()) == {"DONE"} else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
