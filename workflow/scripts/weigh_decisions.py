"""Adapter of rule weigh_decisions."""

from mimicflow.evaluation.statistics.decision import probability_grid, weigh_decisions
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    weigh_decisions(
        dict(zip(snakemake.params.subsets, snakemake.input.predictions, strict=True)),
        snakemake.params.subsets,
        snakemake.input.published,
        snakemake.output.decision,
        snakemake.output.figure,
        thresholds=probability_grid(**snakemake.params.net_benefit),
        draws=snakemake.params.draws,
        seed=snakemake.params.seed,
        synthetic=snakemake.params.synthetic,
        key=snakemake.params.key,
    )
