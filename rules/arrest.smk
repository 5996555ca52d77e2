"""Cardiac arrest within 24 hours, from five minutes of one ECG lead of the bedside monitor.

INPUTS   data.registry: recordings.csv, stays.csv, arrests.csv; data.waveforms: the recordings
OUTPUTS  results/arrest: cohort, epochs, measures; results/arrest/{hrv,clinical}: features, models, predictions
STEPS    registry -> recordings looked at -> cohort -> split -> epochs planned -> measured, group by group ->
         features -> selected -> tuned -> fitted and calibrated

Nothing but the samples of an epoch (and, for the clinical model, the two hours before its end) is
seen by a prediction; selection, tuning, rounds, calibration and threshold see development patients only.
"""


rule build_registry:
    """The registry of MIMIC-IV: bedside recordings, ICU stays and their cardiac arrests."""
    input:
        patients=shards("results/tables/hosp/patients/{shard}.parquet"),
        procedures_icd=shards("results/tables/hosp/procedures_icd/{shard}.parquet"),
        icustays=shards("results/tables/icu/icustays/{shard}.parquet"),
        procedureevents=shards("results/tables/icu/procedureevents/{shard}.parquet"),
        manifest="results/arrest/manifest.json",
        code=sources(
            "bedside.mimic_registry",
            *concept("cardiac_arrest"),
            *concept("icu_registry"),
            "reference/arrest_codes.csv",
            "reference/careunits.csv",
            "reference/ecg_leads.csv",
            "reference/mimic_waveform_names.csv",
        ),
    output:
        recordings="results/arrest/registry/recordings.csv",
        stays="results/arrest/registry/stays.csv",
        arrests="results/arrest/registry/arrests.csv",
        unmatched="results/arrest/registry/unmatched.csv",
    log:
        "results/logs/build_registry.log",
    benchmark:
        "results/benchmarks/build_registry.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="4h",
    params:
        waveforms=raw_folder("waveforms"),
        records=records_there,
    script:
        "../workflow/scripts/build_registry.py"


rule scan_recordings:
    """The recordings of some patients: which lead, how long, or why they cannot be used."""
    input:
        registry=declared(registry_files),
        files=records("waveforms", "records"),
        code=sources(
            "bedside.scan",
            "reference/recording_reasons.csv",
            "reference/registry.csv",
            "reference/ecg_leads.csv",
        ),
    output:
        "results/arrest/recordings/{group}.parquet",
    log:
        "results/logs/scan_recordings/{group}.log",
    benchmark:
        "results/benchmarks/scan_recordings/{group}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="2h",
    params:
        registry=raw_folder("registry"),
        raw=raw_content(registry_files),
        waveforms=raw_folder("waveforms"),
        groups=lookup("arrest/groups", within=config),
        max_wrong_checksums=lookup("arrest/cohort/max_wrong_checksums", within=config),
        awaited="results/.awaited/arrest/{group}.parquet",
        arrivals=arrivals("results/.awaited/arrest/{group}.parquet"),
    script:
        "../workflow/scripts/scan_recordings.py"


rule build_arrest_cohort:
    """Adults of medical and surgical ICUs with a usable ECG, and everything left out with its reason."""
    input:
        registry=declared(registry_files),
        scanned=groups("results/arrest/recordings/{group}.parquet"),
        code=sources(
            "arrest.cohort",
            "reference/arrest_attrition.csv",
            "reference/vital_ranges.csv",
            "reference/arrest_exclusions.csv",
            "reference/registry.csv",
        ),
    output:
        stays="results/arrest/stays.parquet",
        attrition=report(
            "results/arrest/attrition.csv",
            caption="../workflow/report/attrition.rst",
            category="arrest",
            labels={"table": "attrition"},
        ),
        exclusions=report(
            "results/arrest/exclusions.csv",
            caption="../workflow/report/arrest_exclusions.rst",
            category="arrest",
            labels={"table": "exclusions"},
        ),
    log:
        "results/logs/build_arrest_cohort.log",
    benchmark:
        "results/benchmarks/build_arrest_cohort.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        registry=raw_folder("registry"),
        raw=raw_content(registry_files),
        cohort=lookup("arrest/cohort", within=config),
        epochs=lookup("arrest/epochs", within=config),
    script:
        "../workflow/scripts/build_arrest_cohort.py"


rule split_arrest_patients:
    """Development and held-out patients, and the five folds of the former, drawn once for both models."""
    input:
        stays="results/arrest/stays.parquet",
        code=sources("arrest.folds"),
    output:
        "results/arrest/spine.parquet",
    log:
        "results/logs/split_arrest_patients.log",
    benchmark:
        "results/benchmarks/split_arrest_patients.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        split=lookup("arrest/split", within=config),
        seed=config["seed"],
    script:
        "../workflow/scripts/split_arrest_patients.py"


rule plan_epochs:
    """Which five minutes of which recording are looked at: before the first arrest, or in one random day."""
    input:
        spine="results/arrest/spine.parquet",
        scanned=groups("results/arrest/recordings/{group}.parquet"),
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
        seed=config["seed"],
    script:
        "../workflow/scripts/plan_epochs.py"


rule measure_hrv:
    """R peaks, quality and the 43 measures of every epoch of some patients."""
    input:
        plan="results/arrest/epochs.parquet",
        scanned="results/arrest/recordings/{group}.parquet",
        files=records("waveforms", "records"),
        code=sources("arrest.hrv_features", "reference/hrv_measures.csv"),
    output:
        "results/arrest/hrv_epochs/{group}.parquet",
    log:
        "results/logs/measure_hrv/{group}.log",
    benchmark:
        "results/benchmarks/measure_hrv/{group}.tsv"
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
    """The 43 clinical features of every epoch of some patients, from the monitor's numerics."""
    input:
        plan="results/arrest/epochs.parquet",
        scanned="results/arrest/recordings/{group}.parquet",
        files=records("waveforms", "records"),
        code=sources(
            "arrest.vital_features",
            "reference/clinical_features.csv",
            "reference/arrest_vitals.csv",
            "reference/numerics_names.csv",
            "reference/mimic_waveform_names.csv",
        ),
    output:
        "results/arrest/clinical_epochs/{group}.parquet",
    log:
        "results/logs/measure_vitals/{group}.log",
    benchmark:
        "results/benchmarks/measure_vitals/{group}.tsv"
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


rule count_epochs:
    """Epochs kept and dropped, by reason."""
    input:
        plan="results/arrest/epochs.parquet",
        measured=groups("results/arrest/hrv_epochs/{group}.parquet"),
        code=sources("arrest.features"),
    output:
        report(
            "results/arrest/epochs.csv",
            caption="../workflow/report/arrest_epochs.rst",
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
    script:
        "../workflow/scripts/count_epochs.py"


rule gather_features:
    """What a model learns from: one row per kept epoch, the same rows for both models."""
    input:
        plan="results/arrest/epochs.parquet",
        spine="results/arrest/spine.parquet",
        measured=groups("results/arrest/hrv_epochs/{group}.parquet"),
        values=groups("results/arrest/{arrest_model}_epochs/{group}.parquet"),
        code=sources("arrest.features", "reference/clinical_features.csv"),
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


rule select_features:
    """Boruta-SHAP on development patients: which features are better than their shadows."""
    input:
        features="results/arrest/{arrest_model}/features.parquet",
        code=sources("arrest.selection"),
    output:
        report(
            "results/arrest/{arrest_model}/selected_features.csv",
            caption="../workflow/report/arrest_selection.rst",
            category="arrest",
            subcategory="{arrest_model}",
            labels={"table": "selected features"},
        ),
    log:
        "results/logs/select_features/{arrest_model}.log",
    benchmark:
        "results/benchmarks/select_features/{arrest_model}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="12h",
    params:
        selection=lookup("arrest/selection", within=config),
        seed=config["seed"],
    script:
        "../workflow/scripts/select_features.py"


rule tune_arrest_model:
    """Gaussian-process search of LightGBM's parameters over folds by patient."""
    input:
        features="results/arrest/{arrest_model}/features.parquet",
        selected="results/arrest/{arrest_model}/selected_features.csv",
        code=sources("arrest.tuning", "reference/tuning_space.csv"),
    output:
        best="results/arrest/{arrest_model}/best_params.json",
        trials="results/arrest/{arrest_model}/trials.csv",
    log:
        "results/logs/tune_arrest_model/{arrest_model}.log",
    benchmark:
        "results/benchmarks/tune_arrest_model/{arrest_model}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="24h",
    params:
        tuning=lookup("arrest/tuning", within=config),
        seed=config["seed"],
    script:
        "../workflow/scripts/tune_arrest_model.py"


rule fit_arrest_model:
    """The final model: rounds from a second pass over the folds, beta calibration out of fold."""
    input:
        marks=marks("arrest"),
        features="results/arrest/{arrest_model}/features.parquet",
        selected="results/arrest/{arrest_model}/selected_features.csv",
        best="results/arrest/{arrest_model}/best_params.json",
        code=sources("arrest.training"),
    output:
        model="results/arrest/{arrest_model}/model.txt",
        calibration="results/arrest/{arrest_model}/calibration.json",
        description="results/arrest/{arrest_model}/model.json",
        predictions="results/arrest/{arrest_model}/predictions.parquet",
        rounds="results/arrest/{arrest_model}/rounds.csv",
    log:
        "results/logs/fit_arrest_model/{arrest_model}.log",
    benchmark:
        "results/benchmarks/fit_arrest_model/{arrest_model}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="4h",
    params:
        options=arrest_fit,
        seed=config["seed"],
        synthetic=is_synthetic,
    script:
        "../workflow/scripts/fit_arrest_model.py"


rule describe_arrest_groups:
    """The groups in which performance is told apart: sex, age, unit and monitor."""
    input:
        spine="results/arrest/stays.parquet",
        code=sources("evaluation.groups", *concept("arrest_stay_groups"), "reference/age_bands.csv"),
    output:
        "results/arrest/groups.parquet",
    log:
        "results/logs/describe_arrest_groups.log",
    benchmark:
        "results/benchmarks/describe_arrest_groups.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    script:
        "../workflow/scripts/describe_arrest_groups.py"
