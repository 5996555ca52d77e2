"""Adapter of rule combine_importance."""

from mimicflow.evaluation.importance import combine_importance
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    made = dict(snakemake.output.items())
    combine_importance(
        {name: snakemake.input[name] for name in snakemake.params.subsets},
        snakemake.params.subsets,
        made.pop("table"),
        made,
        study=Study(**snakemake.params.study),
    )
