"""Adapter of rule make_waveforms."""

from pathlib import Path

from mimicflow.running.rule_log import rule_log
from mimicflow.synthetic import make_waveforms

with rule_log(snakemake.log[0]):
    make_waveforms(
        Path(snakemake.output.files).parents[1],
        n_patients=snakemake.params.synthetic["n_patients"],
        seed=snakemake.params.seed,
        dirt=snakemake.params.synthetic["dirt"],
        permute_labels=snakemake.params.synthetic["permute_labels"],
        processes=snakemake.threads,
    )
