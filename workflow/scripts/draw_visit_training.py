"""Adapter of rule draw_visit_training."""

from mimicflow.mortality.model_results import draw_training
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    draw_training(
        snakemake.wildcards.recurrent,
        snakemake.input.history,
        snakemake.input.published,
        snakemake.output[0],
        synthetic=snakemake.params.synthetic,
    )
