"""Adapter of rule build_pretraining_targets."""

from mimicflow.ecg.targets import build_pretraining_targets
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    build_pretraining_targets(
        snakemake.input.measurements,
        snakemake.input.records,
        snakemake.output.targets,
        snakemake.output.labels,
        spine=snakemake.input.spine,
        patients=snakemake.params.patients,
    )
