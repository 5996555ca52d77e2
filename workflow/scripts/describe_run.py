"""Adapter of rule describe_run."""

from mimicflow.report.run_manifest import describe_run
from mimicflow.scripting import rule_log

with rule_log(snakemake.log[0]):
    describe_run("results", snakemake.params.config, snakemake.output[0])
