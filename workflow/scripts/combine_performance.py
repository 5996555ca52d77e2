"""Adapter of rule combine_performance."""

from mimicflow.admission.published import combine_performance
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    combine_performance(
        snakemake.input.all_stays,
        snakemake.input.multi_stays,
        outputs=dict(snakemake.output.items()),
        title=snakemake.params.title,
        study=Study(**snakemake.params.study),
    )
