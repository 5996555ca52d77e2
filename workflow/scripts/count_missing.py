"""Adapter of rule count_missing."""

from mimicflow.evaluation.missing import count_missing
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    count_missing(
        snakemake.input.features,
        snakemake.input.cohort,
        snakemake.output[0],
        Study(**snakemake.params.study),
        system=snakemake.wildcards.system,
        vitals=snakemake.input.get("vitals"),
    )
