"""Let Snakemake sleep while jobs run.

While starts are limited to so many a second, as they are by default, Snakemake (9.27) wakes again
every second for each time that it has woken before, and looks each time at all inputs of all jobs
that wait. After two hundred jobs that is half a core. Cores limit the starts on one machine, and on
a cluster the jobs that may be in its queue, each submitted after the other.
"""

from __future__ import annotations

from typing import Any

DEFAULT = (100, 1.0)
"""Jobs, and the s in which no more than so many start: Snakemake's ``--max-jobs-per-timespan``."""


def sleep_while_jobs_run(scheduler: Any) -> None:
    """Take the limit of starts off, unless it is the user's own.

    Parameters
    ----------
    scheduler : snakemake.scheduling.job_scheduler.JobScheduler
        Of a run before its first job.
    """
    limiter = scheduler.job_rate_limiter
    if limiter is not None and (limiter.max_jobs, limiter.timespan) == DEFAULT:
        scheduler.job_rate_limiter = None
