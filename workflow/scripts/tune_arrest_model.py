"""Adapter of rule tune_arrest_model."""

from mimicflow.arrest.tuning import tune_arrest_model
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    tune_arrest_model(
        snakemake.input.features,
        snakemake.input.selected,
        options=snakemake.params.tuning,
        seed=snakemake.params.seed,
        best=snakemake.output.best,
        trials=snakemake.output.trials,
        record=snakemake.output.record,
        threads=snakemake.threads,
    )
