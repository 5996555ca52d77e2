"""Adapter of rule draw_visit_training."""

from mimicflow.evaluation.study import Study
from mimicflow.mortality.model_results import draw_visit_training
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    draw_visit_training(
        snakemake.wildcards.recurrent,
        snakemake.input.history,
        snakemake.output[0],
        study=Study(**snakemake.params.study),
    )
