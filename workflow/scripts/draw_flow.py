"""Adapter of rule draw_flow."""

from mimicflow.evaluation.figures.flow import draw_flow
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    draw_flow(
        snakemake.input.attrition,
        snakemake.input.spine,
        snakemake.output.table,
        snakemake.output.svg,
        snakemake.output.png,
        study=Study(**snakemake.params.study),
        folds=snakemake.input.get("folds"),
    )
