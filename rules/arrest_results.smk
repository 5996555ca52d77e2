"""What a reader of the arrest system gets: every model by itself, all side by side.

INPUTS   results/arrest/{hrv,clinical,both}: features, models, predictions
OUTPUTS  results/arrest/comparison.csv, matched_alarms.csv, hrv_over_time.png; tables and figures per model
STEPS    scores by horizon, calibration, alarms, SHAP, the course before an arrest, the comparison
"""

# All that the arrest system makes.
ARREST_FILES = [
    *(
        f"results/arrest/{file}"
        for file in (
            *("comparison.csv", "monitors.csv", "table_one.csv", "epochs.csv"),
            *("doubtful_controls.csv", "sensitivity.csv", "matched_alarms.csv"),
            *("competing_events.csv", "gaps.csv"),
            *("hrv_over_time.png", "hrv_by_epoch.png"),
        )
    ),
    *(
        f"results/arrest/{model}/{file}"
        for model in ARREST_MODELS
        for file in (
            *("selection.png", "metrics.csv", "alarms.csv", "shap.png", "shap_dots.png"),
            *("calibration.png", "calibration_by_horizon.png", "populations.csv"),
        )
    ),
]


rule score_horizons:
    """Scores of a model for arrests within 24, 18, 12, 6, 3 and 1 h, at the threshold chosen out of fold."""
    input:
        predictions="results/arrest/{arrest_model}/predictions.parquet",
        code=sources("arrest.results.horizons"),
    output:
        metrics=report(
            "results/arrest/{arrest_model}/metrics.csv",
            caption="../workflow/report/arrest/metrics.rst",
            category="arrest",
            subcategory="{arrest_model}",
            labels={"table": "scores by horizon"},
        ),
        roc=report(
            "results/arrest/{arrest_model}/roc.png",
            caption="../workflow/report/arrest/roc.rst",
            category="arrest",
            subcategory="{arrest_model}",
            labels={"figure": "ROC curves"},
        ),
        prc=report(
            "results/arrest/{arrest_model}/prc.png",
            caption="../workflow/report/arrest/prc.rst",
            category="arrest",
            subcategory="{arrest_model}",
            labels={"figure": "precision-recall curves"},
        ),
    log:
        "results/logs/score_horizons/{arrest_model}.log",
    benchmark:
        "results/benchmarks/score_horizons/{arrest_model}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        options=lookup("arrest/evaluation", within=config),
        study=study("arrest"),
    script:
        "../workflow/scripts/score_horizons.py"


rule calibrate_epochs:
    """Predicted probability against the observed share of epochs, with intervals by patient."""
    input:
        predictions="results/arrest/{arrest_model}/predictions.parquet",
        code=sources("arrest.results.calibration"),
    output:
        table="results/arrest/{arrest_model}/calibration.csv",
        figure=report(
            "results/arrest/{arrest_model}/calibration.png",
            caption="../workflow/report/arrest/calibration.rst",
            category="arrest",
            subcategory="{arrest_model}",
            labels={"figure": "calibration"},
        ),
    log:
        "results/logs/calibrate_epochs/{arrest_model}.log",
    benchmark:
        "results/benchmarks/calibrate_epochs/{arrest_model}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        study=study("arrest"),
    script:
        "../workflow/scripts/calibrate_epochs.py"


rule calibrate_horizons:
    """The same at every horizon, as predicted and recalibrated to the horizon out of fold."""
    input:
        predictions="results/arrest/{arrest_model}/predictions.parquet",
        code=sources("arrest.results.calibration"),
    output:
        table="results/arrest/{arrest_model}/calibration_by_horizon.csv",
        figure=report(
            "results/arrest/{arrest_model}/calibration_by_horizon.png",
            caption="../workflow/report/arrest/calibration_by_horizon.rst",
            category="arrest",
            subcategory="{arrest_model}",
            labels={"figure": "calibration by horizon"},
        ),
    log:
        "results/logs/calibrate_horizons/{arrest_model}.log",
    benchmark:
        "results/benchmarks/calibrate_horizons/{arrest_model}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        options=lookup("arrest/evaluation", within=config),
        study=study("arrest"),
    script:
        "../workflow/scripts/calibrate_horizons.py"


rule score_alarms:
    """What a ward would hear: arrests announced, false alarms per patient-day, lead time."""
    input:
        predictions="results/arrest/{arrest_model}/predictions.parquet",
        plan="results/arrest/epochs.parquet",
        spine="results/arrest/spine.parquet",
        measured=recording_shards("results/arrest/hrv_epochs/{shard}.parquet"),
        description="results/arrest/{arrest_model}/model.json",
        code=sources("arrest.results.alarms"),
    output:
        alarms="results/arrest/{arrest_model}/alarms.csv",
        figure=report(
            "results/arrest/{arrest_model}/alarms.png",
            caption="../workflow/report/arrest/alarms.rst",
            category="arrest",
            subcategory="{arrest_model}",
            labels={"figure": "alarms"},
        ),
    log:
        "results/logs/score_alarms/{arrest_model}.log",
    benchmark:
        "results/benchmarks/score_alarms/{arrest_model}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        options=lookup("arrest/evaluation", within=config),
        study=study("arrest"),
    script:
        "../workflow/scripts/score_alarms.py"


rule match_alarms:
    """False alarms of every model where it announces as many arrests as heart-rate variability."""
    input:
        predictions=collect(
            "results/arrest/{arrest_model}/predictions.parquet", arrest_model=ARREST_MODELS
        ),
        plan="results/arrest/epochs.parquet",
        spine="results/arrest/spine.parquet",
        measured=recording_shards("results/arrest/hrv_epochs/{shard}.parquet"),
        description="results/arrest/hrv/model.json",
        code=sources("arrest.results.matched_alarms"),
    output:
        table=report(
            "results/arrest/matched_alarms.csv",
            caption="../workflow/report/arrest/matched_alarms.rst",
            category="arrest",
            labels={"table": "false alarms at the same event sensitivity"},
        ),
        figure=report(
            "results/arrest/matched_alarms.png",
            caption="../workflow/report/arrest/matched_alarms.rst",
            category="arrest",
            labels={"figure": "false alarms at the same event sensitivity"},
        ),
    log:
        "results/logs/match_alarms.log",
    benchmark:
        "results/benchmarks/match_alarms.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        models=ARREST_MODELS,
        reference=EVALUATED["arrest"]["main_model"],
        options=lookup("arrest/evaluation", within=config),
        study=study("arrest"),
    script:
        "../workflow/scripts/match_alarms.py"


rule explain_arrest_model:
    """Which features move the prediction of held-out epochs, and how: exact SHAP values."""
    input:
        features="results/arrest/{arrest_model}/features.parquet",
        model="results/arrest/{arrest_model}/model.txt",
        description="results/arrest/{arrest_model}/model.json",
        calibration="results/arrest/{arrest_model}/calibration.json",
        code=sources("arrest.results.explain"),
    output:
        shap="results/arrest/{arrest_model}/shap.csv",
        ranking_figure=report(
            "results/arrest/{arrest_model}/shap.png",
            caption="../workflow/report/arrest/shap.rst",
            category="arrest",
            subcategory="{arrest_model}",
            labels={"figure": "SHAP ranking"},
        ),
        dots_figure=report(
            "results/arrest/{arrest_model}/shap_dots.png",
            caption="../workflow/report/arrest/shap_dots.rst",
            category="arrest",
            subcategory="{arrest_model}",
            labels={"figure": "SHAP values of all epochs"},
        ),
        dependence_figure=report(
            "results/arrest/{arrest_model}/dependence.png",
            caption="../workflow/report/arrest/dependence.rst",
            category="arrest",
            subcategory="{arrest_model}",
            labels={"figure": "SHAP dependence"},
        ),
        dependence="results/arrest/{arrest_model}/dependence.csv",
    log:
        "results/logs/explain_arrest_model/{arrest_model}.log",
    benchmark:
        "results/benchmarks/explain_arrest_model/{arrest_model}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="2h",
    params:
        study=study("arrest"),
    script:
        "../workflow/scripts/explain_arrest_model.py"


rule describe_hrv_over_time:
    """How the measures that matter most change from 24 hours to half an hour before the arrest."""
    input:
        features="results/arrest/hrv/features.parquet",
        importance="results/arrest/hrv/shap.csv",
        selected="results/arrest/hrv/selected_features.csv",
        code=sources("arrest.results.over_time"),
    output:
        table="results/arrest/hrv_over_time.csv",
        figure=report(
            "results/arrest/hrv_over_time.png",
            caption="../workflow/report/arrest/over_time.rst",
            category="arrest",
            labels={"figure": "measures before the arrest"},
        ),
    log:
        "results/logs/describe_hrv_over_time.log",
    benchmark:
        "results/benchmarks/describe_hrv_over_time.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        options=lookup("arrest/evaluation", within=config),
        study=study("arrest"),
    script:
        "../workflow/scripts/describe_hrv_over_time.py"


rule describe_hrv_by_epoch:
    """The same measures in steps of one epoch: median and quartiles, beside those of controls."""
    input:
        features="results/arrest/hrv/features.parquet",
        importance="results/arrest/hrv/shap.csv",
        selected="results/arrest/hrv/selected_features.csv",
        code=sources("arrest.results.over_time"),
    output:
        table="results/arrest/hrv_by_epoch.csv",
        figure=report(
            "results/arrest/hrv_by_epoch.png",
            caption="../workflow/report/arrest/by_epoch.rst",
            category="arrest",
            labels={"figure": "measures before the arrest, by epoch"},
        ),
    log:
        "results/logs/describe_hrv_by_epoch.log",
    benchmark:
        "results/benchmarks/describe_hrv_by_epoch.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        options=lookup("arrest/evaluation", within=config),
        minutes=lookup("arrest/epochs/minutes", within=config),
        study=study("arrest"),
    script:
        "../workflow/scripts/describe_hrv_by_epoch.py"


rule compare_arrest_models:
    """Heart-rate variability beside vital signs, and both beside it, on the same epochs, with DeLong's test."""
    input:
        predictions=collect(
            "results/arrest/{arrest_model}/predictions.parquet", arrest_model=ARREST_MODELS
        ),
        metrics=collect("results/arrest/{arrest_model}/metrics.csv", arrest_model=ARREST_MODELS),
        code=sources("arrest.results.comparison"),
    output:
        table=report(
            "results/arrest/comparison.csv",
            caption="../workflow/report/arrest/comparison.rst",
            category="arrest",
            labels={"table": "models by horizon"},
        ),
        figure=report(
            "results/arrest/comparison.png",
            caption="../workflow/report/arrest/comparison.rst",
            category="arrest",
            labels={"figure": "models by horizon"},
        ),
    log:
        "results/logs/compare_arrest_models.log",
    benchmark:
        "results/benchmarks/compare_arrest_models.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        models=ARREST_MODELS,
        pairs={"hrv": "clinical", "both": "hrv"},
        options=lookup("arrest/evaluation", within=config),
        study=study("arrest"),
    script:
        "../workflow/scripts/compare_arrest_models.py"


rule score_monitors:
    """Scores of the models on the patients of each monitor, at every horizon."""
    input:
        predictions=collect(
            "results/arrest/{arrest_model}/predictions.parquet", arrest_model=ARREST_MODELS
        ),
        groups="results/arrest/groups.parquet",
        code=sources("arrest.results.monitors"),
    output:
        report(
            "results/arrest/monitors.csv",
            caption="../workflow/report/arrest/monitors.rst",
            category="arrest",
            labels={"table": "scores by monitor and horizon"},
        ),
    log:
        "results/logs/score_monitors.log",
    benchmark:
        "results/benchmarks/score_monitors.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        models=ARREST_MODELS,
        options=lookup("arrest/evaluation", within=config),
        study=study("arrest"),
    script:
        "../workflow/scripts/score_monitors.py"
