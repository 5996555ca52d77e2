"""Adapter of rule write_performance."""

from mimicflow.admission.published import write_performance
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    write_performance(
        snakemake.params.style,
        f"{snakemake.params.title}, {snakemake.wildcards.subset} stays",
        snakemake.input.predictions,
        snakemake.input.history,
        snakemake.input.confusion,
        snakemake.input.checkpoint,
        outputs=dict(snakemake.output.items()),
        threshold=snakemake.params.threshold,
        positive_class=snakemake.params.positive_class,
        study=Study(**snakemake.params.study),
    )
