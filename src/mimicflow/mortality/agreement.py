"""Check that the configuration of the mortality system does not contradict itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mimicflow.mortality import protocols
from mimicflow.running.agreement import listed, without_training_patients


def disagreements(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each, with the keys; see `mimicflow.running.agreement`."""
    mortality = config["mortality"]
    yield from without_training_patients("mortality.split", mortality["split"])
    sides = [protocols.AUDITED, protocols.PUBLISHED]
    missing = [side for side in sides if side not in mortality["protocols"]]
    if missing:
        yield f"'mortality.protocols' lacks {listed(missing)}, which leak.csv compares"
    made = protocols.priced(config).values()
    taken = sorted(set(made) & set(mortality["protocols"]))
    if taken:
        yield (
            f"'mortality.protocols' names {listed(taken)}, "
            "as a protocol of 'mortality.priced_keys' is called"
        )
