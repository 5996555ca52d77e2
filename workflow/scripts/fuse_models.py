"""Adapter of rule fuse_models."""

from mimicflow.evaluation.statistics.pooling import fuse
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    fuse([snakemake.input.multimodal, snakemake.input.forest], snakemake.output[0])
