"""Adapter of rule choose_trial."""

from mimicflow.evaluation.study import Study
from mimicflow.learning.tuning.choice import choose_trial
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    choose_trial(
        snakemake.wildcards.tuned,
        snakemake.input.trials,
        of_round=snakemake.params.trials,
        space=snakemake.params.space,
        own=snakemake.params.own,
        table=snakemake.output.table,
        best=snakemake.output.best,
        figure=snakemake.output.figure,
        study=Study(**snakemake.params.study),
    )
