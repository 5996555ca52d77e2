"""Adapter of rule price_leaks."""

from mimicflow.evaluation.study import Study
from mimicflow.mortality.leaks import price_leaks
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    runs = [tuple(run) for run in snakemake.params.runs]
    price_leaks(
        dict(zip(runs, snakemake.input.predictions, strict=True)),
        snakemake.params.priced,
        snakemake.output[0],
        study=Study(**snakemake.params.study),
    )
