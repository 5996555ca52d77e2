"""Adapter of rule ablate_branches."""

from mimicflow.admission.ablation import ablate
from mimicflow.evaluation.titles import read_titles
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    ablate(
        "all_stays_model",
        read_titles(snakemake.input.published)["all_stays_model"],
        snakemake.input.full,
        dict(zip(snakemake.params.branches, snakemake.input.removed, strict=True)),
        snakemake.output.table,
        snakemake.output.figure,
        draws=snakemake.params.draws,
        seed=snakemake.params.seed,
        synthetic=snakemake.params.synthetic,
    )
