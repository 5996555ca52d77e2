"""Adapter of rule draw_selection."""

from mimicflow.arrest.results.selection_figures import draw_selection
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    draw_selection(
        snakemake.input.selected,
        snakemake.input.rounds,
        snakemake.output[0],
        model=snakemake.wildcards.arrest_model,
        study=Study(**snakemake.params.study),
    )
