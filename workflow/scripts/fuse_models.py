"""Adapter of rule fuse_models."""

from mimicflow.evaluation.pooling import fuse_models
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    fuse_models([snakemake.input.multimodal, snakemake.input.forest], snakemake.output[0])
