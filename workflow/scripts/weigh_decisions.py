"""Adapter of rule weigh_decisions."""

from mimicflow.evaluation.decision import weigh_decisions
from mimicflow.scripting import rule_log

with rule_log(snakemake.log[0]):
    weigh_decisions(
        dict(zip(snakemake.params.stays, snakemake.input.predictions, strict=True)),
        snakemake.params.stays,
        snakemake.input.published,
        snakemake.output.decision,
        snakemake.output.figure,
        thresholds=snakemake.params.thresholds,
        draws=snakemake.params.draws,
        seed=snakemake.params.seed,
        synthetic=snakemake.params.synthetic,
    )
