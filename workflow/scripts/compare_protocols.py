"""Adapter of rule compare_protocols."""

from mimicflow.evaluation.study import Study
from mimicflow.mortality.comparison import compare_protocols
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    source, runs = snakemake.input, [tuple(run) for run in snakemake.params.runs]
    compare_protocols(
        dict(zip(runs, source.predictions, strict=True)),
        dict(zip(runs, source.repeats, strict=True)),
        dict(zip(runs, source.seconds, strict=True)),
        snakemake.output.table,
        snakemake.output.figure,
        snakemake.output.times,
        optimistic=snakemake.params.optimistic,
        threshold=snakemake.params.threshold,
        study=Study(**snakemake.params.study),
    )
