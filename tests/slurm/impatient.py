"""Snakemake as it is, but for asking Slurm every second how the jobs are.

The executor waits ten seconds longer after each time that no job has ended, which suits jobs of
hours, and has no setting for it. Jobs of seconds would spend most of their time waiting to be seen.
"""

import asyncio
import sys

from snakemake.cli import main
from snakemake_executor_plugin_slurm import Executor


async def sleep(self: Executor) -> None:
    await asyncio.sleep(1)


Executor.sleep = sleep
sys.exit(main())
