"""Adapter of rule make_hospital."""

from pathlib import Path

from mimicflow.running.rule_log import rule_log
from mimicflow.synthetic import make_hospital

with rule_log(snakemake.log[0]):
    make_hospital(
        Path(snakemake.output.truth).parent,
        n_patients=snakemake.params.synthetic["n_patients"],
        seed=snakemake.params.seed,
        dirt=snakemake.params.synthetic["dirt"],
        permute_labels=snakemake.params.synthetic["permute_labels"],
        processes=snakemake.threads,
    )
