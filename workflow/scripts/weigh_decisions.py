"""Adapter of rule weigh_decisions."""

from mimicflow.evaluation.decisions import weigh_decisions
from mimicflow.evaluation.statistics.decision import probability_grid
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    weigh_decisions(
        dict(zip(snakemake.params.subsets, snakemake.input.predictions, strict=True)),
        snakemake.params.subsets,
        snakemake.output.decision,
        snakemake.output.figure,
        study=Study(**snakemake.params.study),
        thresholds=probability_grid(**snakemake.params.net_benefit),
        beside=snakemake.input.beside,
    )
