"""Each 12-lead ECG is decoded and cleaned once; the encoder learns from all of them but the test patients'.

INPUTS   WFDB records, results/tables/ecg
OUTPUTS  results/ecg/store, exclusions with reasons, results/pretrained_model.pth
STEPS    store per shard, collect, report labels and measurements, pretraining; or weights of one's own
"""

from mimicflow.ecg.given.code import code_of
from mimicflow.ecg.given.contract import contract_of

# Without pretraining the machine measurements are not read; the list of records has the times too.
PRETRAINING = config["pretraining"]["patients"] != "none"
# Scenarios, the configuration itself among them, whose encoder is one of one's own.
GIVEN = [
    name for name in ("", *SCENARIOS.known) if SCENARIOS.config(name)["encoder"]["file"] != "none"
]


def given_encoder(wildcards):
    """What the configuration says of the encoder, as the rule's scenario has it."""
    return SCENARIOS.config(scenario_of(wildcards))["encoder"]


def given(path):
    """A file of the user's as an input: moved with no results."""
    return str(Path(path).absolute()) if PLACE.moves else str(path)


def network_files(wildcards):
    """An input function: the class of an encoder of one's own, with all that it may import."""
    return [given(file) for file in code_of(given_encoder(wildcards)["architecture"])]


rule build_ecg_store:
    """Decode, clean and resample the ECGs of a shard into a memory-mapped array."""
    input:
        record_list="results/tables/ecg/record_list/{shard}.parquet",
        waveforms=records("ecg", "files"),
        code=sources("ecg.store"),
    output:
        store="results/{scenario}ecg/store/{shard}.npy",
        index="results/{scenario}ecg/store/{shard}.parquet",
        excluded="results/{scenario}ecg/excluded/{shard}.parquet",
    log:
        "results/{scenario}logs/build_ecg_store/{shard}.log",
    benchmark:
        "results/{scenario}benchmarks/build_ecg_store/{shard}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1500),
        runtime="4h",
    params:
        # Not max_damaged_share: another limit makes no other store.
        ecg=chosen(
            ecg=[
                "sampling_rate",
                "seconds",
                "cleaning",
                "powerline",
                "dtype",
                "max_wrong_checksums",
                "min_valid_share",
            ]
        ),
        folder=raw_folder("ecg"),
        awaited="results/.awaited/{scenario}ecg/{shard}.parquet",
        arrivals=arrivals("results/.awaited/{scenario}ecg/{shard}.parquet"),
    script:
        "../workflow/scripts/build_ecg_store.py"


rule collect_ecg_records:
    """The readable ECGs of all shards, and those excluded with their reasons, counted."""
    input:
        indices=at(shards("ecg/store/{shard}.parquet")),
        excluded=at(shards("ecg/excluded/{shard}.parquet")),
        code=sources("ecg.store"),
    output:
        records="results/{scenario}ecg/records.parquet",
        excluded="results/{scenario}ecg/excluded.csv",
    log:
        "results/{scenario}logs/collect_ecg_records.log",
    benchmark:
        "results/{scenario}benchmarks/collect_ecg_records.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        max_damaged_share=setting("ecg/max_damaged_share"),
    script:
        "../workflow/scripts/collect_ecg_records.py"


if PRETRAINING:

    ruleorder: import_encoder > pretrain_encoder

    rule build_pretraining_targets:
        """Seven measurements and 75 report labels per ECG, as the device printed them.

        A statement seen once teaches nothing: it is counted without the test patients.
        """
        input:
            measurements=shards("results/tables/ecg/machine_measurements/{shard}.parquet"),
            records=at("ecg/records.parquet"),
            spine=at("cohort/spine.parquet"),
            code=sources("ecg.targets"),
        output:
            targets="results/{scenario}pretraining_ecgs.parquet",
            labels="results/{scenario}ecg/report_labels.json",
        log:
            "results/{scenario}logs/build_pretraining_targets.log",
        benchmark:
            "results/{scenario}benchmarks/build_pretraining_targets.tsv"
        conda:
            "../envs/cpu.yaml"
        resources:
            mem_mb=memory(4000),
            runtime="30m",
        params:
            patients=setting("pretraining/patients"),
        script:
            "../workflow/scripts/build_pretraining_targets.py"

    rule pretrain_encoder:
        """ResNet-18-1D learns to read the ECG as the device did, without the test patients."""
        input:
            targets=at("pretraining_ecgs.parquet"),
            labels=at("ecg/report_labels.json"),
            stores=at(shards("ecg/store/{shard}.npy")),
            indices=at(shards("ecg/store/{shard}.parquet")),
            spine=at("cohort/spine.parquet"),
            code=sources("ecg.pretraining"),
        output:
            model="results/{scenario}pretrained_model.pth",
            history="results/{scenario}loss_history.csv",
        log:
            "results/{scenario}logs/pretrain_encoder.log",
        benchmark:
            "results/{scenario}benchmarks/pretrain_encoder.tsv"
        conda:
            "../envs/gpu.yaml"
        threads: DEVICES
        resources:
            mem_mb=memory(4000),
            runtime="2d",
            gpu=DEVICES,
            save_minutes=config["computing"]["save_minutes"],
        params:
            computing=COMPUTING,
            encoder=chosen(encoder=["width", "depth"]),
            pretraining=setting("pretraining"),
            seed=setting("seed/weights"),
        script:
            "../workflow/scripts/pretrain_encoder.py"

else:

    ruleorder: import_encoder > initialise_encoder

    rule initialise_encoder:
        """Random weights, for data without machine measurements, such as the open ECG demo."""
        input:
            stores=at(shards("ecg/store/{shard}.npy")),
            indices=at(shards("ecg/store/{shard}.parquet")),
            code=sources("ecg.pretraining"),
        output:
            model="results/{scenario}pretrained_model.pth",
            history="results/{scenario}loss_history.csv",
        log:
            "results/{scenario}logs/initialise_encoder.log",
        benchmark:
            "results/{scenario}benchmarks/initialise_encoder.tsv"
        conda:
            "../envs/gpu.yaml"
        resources:
            mem_mb=memory(2000),
            runtime="30m",
        params:
            encoder=chosen(encoder=["width", "depth"]),
            seed=setting("seed/weights"),
        script:
            "../workflow/scripts/initialise_encoder.py"


rule import_encoder:
    """Weights of one's own in place of pretraining, if they keep their contract."""
    input:
        weights=lambda wildcards: given(given_encoder(wildcards)["file"]),
        contract=lambda wildcards: given(contract_of(given_encoder(wildcards)["file"])),
        network=network_files,
        code=sources("ecg.given.importing"),
    output:
        model="results/{scenario}pretrained_model.pth",
        history="results/{scenario}loss_history.csv",
    log:
        "results/{scenario}logs/import_encoder.log",
    benchmark:
        "results/{scenario}benchmarks/import_encoder.tsv"
    wildcard_constraints:
        scenario="|".join(f"scenarios/{name}/" if name else "()" for name in GIVEN) or "(?!)",
    priority: 1  # weights that cannot be used stop a run before its hours
    conda:
        "../envs/gpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        ecg=chosen(ecg=["sampling_rate", "seconds", "cleaning", "powerline", "dtype"]),
        encoder=chosen(encoder=["architecture", "width", "depth"]),
        seed=setting("seed/weights"),
    script:
        "../workflow/scripts/import_encoder.py"
