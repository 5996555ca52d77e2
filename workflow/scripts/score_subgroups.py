"""Adapter of rule score_subgroups."""

from mimicflow.evaluation.study import Study
from mimicflow.evaluation.subgroups import score_subgroups
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    score_subgroups(
        dict(zip(snakemake.params.subsets, snakemake.input.predictions, strict=True)),
        snakemake.params.subsets,
        snakemake.input.groups,
        snakemake.input.cohort,
        snakemake.output.subgroups,
        {snakemake.params.drawn: snakemake.output.figure},
        study=Study(**snakemake.params.study),
        rules=snakemake.params.rules,
    )
