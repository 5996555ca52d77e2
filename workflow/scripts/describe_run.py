"""Adapter of rule describe_run."""

from pathlib import Path

from mimicflow.report.run_manifest import describe_run
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    describe_run(
        Path("results").rglob("benchmarks/**/*.tsv"),
        snakemake.params.config,
        snakemake.output[0],
    )
