"""Adapter of rule build_ecg_store."""

from mimicflow.ecg.store import build_ecg_store
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    options = snakemake.params.ecg
    build_ecg_store(
        snakemake.params.folder,
        snakemake.input.record_list,
        snakemake.output.store,
        snakemake.output.index,
        snakemake.output.excluded,
        sampling_rate=options["sampling_rate"],
        seconds=options["seconds"],
        cleaning=options["cleaning"],
        powerline=options["powerline"],
        dtype=options["dtype"],
        max_wrong_checksums=options["max_wrong_checksums"],
        min_valid_share=options["min_valid_share"],
        awaited=snakemake.params.awaited,
        arrivals=snakemake.params.arrivals,
    )
