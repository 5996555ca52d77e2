"""What five minutes of one ECG lead, and the vital signs before their end, are measured as.

INPUTS   results/arrest: cohort, recordings; data.waveforms: the recordings
OUTPUTS  results/arrest: epochs, measures; results/arrest/{hrv,clinical,both}/features.parquet
STEPS    epochs planned -> measured, shard by shard -> counted -> features

Nothing but the samples of an epoch is seen by a prediction (and, for the model of vital signs, the two hours
before its end; for the model of both, the six).
"""

# The models of arrest: one from five minutes of ECG, one from the vital signs, one from both and their slopes.
ARREST_MODELS = ["hrv", "clinical", "both"]
EVALUATED["arrest"] = {
    "models": {model: "all" for model in ARREST_MODELS},
    "predictions": "results/arrest/{model}/predictions.parquet",  # one split, hence no protocols
    "cohort": "results/arrest/spine.parquet",
    "row": "epoch_id",
    "judged_by": "single",
    "features": {"features": "results/arrest/both/features.parquet"},
    "predictors": lambda: len(features_of_arrest_model("hrv")),
    "main_model": "hrv",
    "optimistic": [],
}


wildcard_constraints:
    arrest_model="|".join(ARREST_MODELS),


def features_of_arrest_model(model):
    """The features that are offered to the selection of a model of arrest."""
    # Here, because it takes SciPy along, and each job on a cluster reads this file twice.
    from mimicflow.arrest.features import feature_names

    return feature_names(model, config["arrest"]["measures"])


def features_of_arrest(wildcards):
    """A parameter: the features that are offered to the selection of a model of arrest."""
    return features_of_arrest_model(wildcards.arrest_model)


rule plan_epochs:
    """Which five minutes of which recording are looked at: before the first arrest, or in one random day."""
    input:
        spine="results/arrest/spine.parquet",
        scanned=recording_shards("results/arrest/recordings/{shard}.parquet"),
        code=sources("arrest.epochs"),
    output:
        "results/arrest/epochs.parquet",
    log:
        "results/logs/plan_epochs.log",
    benchmark:
        "results/benchmarks/plan_epochs.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        epochs=lookup("arrest/epochs", within=config),
        seed=config["seed"]["hospital"],
    script:
        "../workflow/scripts/plan_epochs.py"


rule measure_hrv:
    """R peaks, quality and the 43 measures of every epoch of some patients."""
    input:
        plan="results/arrest/epochs.parquet",
        scanned="results/arrest/recordings/{shard}.parquet",
        files=records("waveforms", "records"),
        code=sources("arrest.hrv_features"),
    output:
        "results/arrest/hrv_epochs/{shard}.parquet",
    log:
        "results/logs/measure_hrv/{shard}.log",
    benchmark:
        "results/benchmarks/measure_hrv/{shard}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="12h",
    params:
        preprocessing=lookup("arrest/preprocessing", within=config),
        waveforms=raw_folder("waveforms"),
    script:
        "../workflow/scripts/measure_hrv.py"


rule measure_vitals:
    """The 43 vital features of every epoch of some patients, from the monitor's numerics."""
    input:
        plan="results/arrest/epochs.parquet",
        scanned="results/arrest/recordings/{shard}.parquet",
        files=records("waveforms", "records"),
        code=sources(
            "arrest.vital_features",
        ),
    output:
        "results/arrest/clinical_epochs/{shard}.parquet",
    log:
        "results/logs/measure_vitals/{shard}.log",
    benchmark:
        "results/benchmarks/measure_vitals/{shard}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="4h",
    params:
        waveforms=raw_folder("waveforms"),
        max_wrong_checksums=lookup("arrest/cohort/max_wrong_checksums", within=config),
    script:
        "../workflow/scripts/measure_vitals.py"


rule add_slopes:
    """What the model of both sees: measures, vital features, and how both have changed over 1 and 6 h."""
    input:
        plan="results/arrest/epochs.parquet",
        measured="results/arrest/hrv_epochs/{shard}.parquet",
        vitals="results/arrest/clinical_epochs/{shard}.parquet",
        code=sources("arrest.features"),
    output:
        "results/arrest/both_epochs/{shard}.parquet",
    log:
        "results/logs/add_slopes/{shard}.log",
    benchmark:
        "results/benchmarks/add_slopes/{shard}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="4h",
    script:
        "../workflow/scripts/add_slopes.py"


rule count_epochs:
    """Epochs kept and dropped, by reason."""
    input:
        plan="results/arrest/epochs.parquet",
        measured=recording_shards("results/arrest/hrv_epochs/{shard}.parquet"),
        code=sources("arrest.features"),
    output:
        report(
            "results/arrest/epochs.csv",
            caption="../workflow/report/arrest/epochs.rst",
            category="arrest",
            labels={"table": "epochs kept and dropped"},
        ),
    log:
        "results/logs/count_epochs.log",
    benchmark:
        "results/benchmarks/count_epochs.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        study=study("arrest"),
    script:
        "../workflow/scripts/count_epochs.py"


rule weigh_stays:
    """How many epochs each kept one stands for: of those planned, and of all that was monitored."""
    input:
        spine="results/arrest/spine.parquet",
        plan="results/arrest/epochs.parquet",
        measured=recording_shards("results/arrest/hrv_epochs/{shard}.parquet"),
        scanned=recording_shards("results/arrest/recordings/{shard}.parquet"),
        code=sources("arrest.ward.weights"),
    output:
        "results/arrest/weights.parquet",
    log:
        "results/logs/weigh_stays.log",
    benchmark:
        "results/benchmarks/weigh_stays.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        epochs=lookup("arrest/epochs", within=config),
    script:
        "../workflow/scripts/weigh_stays.py"


rule describe_arrest_cohort:
    """The cohort by outcome: age, sex, unit, monitor, how much was recorded and kept."""
    input:
        spine="results/arrest/spine.parquet",
        groups="results/arrest/groups.parquet",
        plan="results/arrest/epochs.parquet",
        measured=recording_shards("results/arrest/hrv_epochs/{shard}.parquet"),
        code=sources("arrest.results.description"),
    output:
        report(
            "results/arrest/table_one.csv",
            caption="../workflow/report/arrest/table_one.rst",
            category="arrest",
            labels={"table": "cohort by outcome"},
        ),
    log:
        "results/logs/describe_arrest_cohort.log",
    benchmark:
        "results/benchmarks/describe_arrest_cohort.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        study=study("arrest"),
    script:
        "../workflow/scripts/describe_arrest_cohort.py"


rule gather_features:
    """What a model learns from: one row per kept epoch, the same rows for all models."""
    input:
        plan="results/arrest/epochs.parquet",
        spine="results/arrest/spine.parquet",
        measured=recording_shards("results/arrest/hrv_epochs/{shard}.parquet"),
        features=recording_shards("results/arrest/{arrest_model}_epochs/{shard}.parquet"),
        code=sources("arrest.features"),
    output:
        "results/arrest/{arrest_model}/features.parquet",
    log:
        "results/logs/gather_features/{arrest_model}.log",
    benchmark:
        "results/benchmarks/gather_features/{arrest_model}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="30m",
    params:
        names=features_of_arrest,
    script:
        "../workflow/scripts/gather_features.py"
