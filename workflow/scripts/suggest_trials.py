"""Adapter of rule suggest_trials."""

from mimicflow.learning.tuning.suggestion import suggest_trials
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    suggest_trials(
        int(snakemake.wildcards.round),
        snakemake.params.trials,
        space=snakemake.params.space,
        own=snakemake.params.own,
        done=snakemake.input.done,
        seed=snakemake.params.seed,
        output=snakemake.output[0],
    )
