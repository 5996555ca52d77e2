"""Adapter of rule describe_run."""

from pathlib import Path

from mimicflow.report.run_manifest import describe_run
from mimicflow.running.place import results_folder
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    describe_run(
        Path(results_folder()).rglob("benchmarks/**/*.tsv"),
        snakemake.params.config,
        snakemake.output[0],
    )
