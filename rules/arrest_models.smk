"""Cardiac arrest within 24 hours, from five minutes of one ECG lead of the bedside monitor.

INPUTS   results/arrest/{hrv,clinical,both}/features.parquet
OUTPUTS  results/arrest/{hrv,clinical,both}: selected features, trials, model, predictions
STEPS    selected -> tuned -> fitted and calibrated -> what of a ward the sample does not show

Selection, tuning, rounds, calibration and threshold see development patients only.
"""


def arrest_fit(wildcards):
    """A parameter: what the final model of arrest is fitted by, and what a scorer must know of it."""
    arrest = config["arrest"]
    return {
        **{section: arrest[section] for section in ("tuning", "preprocessing")},
        "epoch_minutes": arrest["epochs"]["minutes"],
        "event_window_h": arrest["epochs"]["event_window_h"],
        **{key: arrest["evaluation"][key] for key in ("specificity", "confidence")},
    }


rule select_features:
    """Boruta-SHAP on development patients: which features are better than their shadows."""
    input:
        features="results/arrest/{arrest_model}/features.parquet",
        code=sources("arrest.selection"),
    output:
        selected=report(
            "results/arrest/{arrest_model}/selected_features.csv",
            caption="../workflow/report/arrest/selection.rst",
            category="arrest",
            subcategory="{arrest_model}",
            labels={"table": "selected features"},
        ),
        rounds="results/arrest/{arrest_model}/selection_rounds.csv",
        record="results/arrest/{arrest_model}/selection.json",
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
        seed=config["seed"]["weights"],
    script:
        "../workflow/scripts/select_features.py"


rule draw_selection:
    """The rounds of Boruta: how important each feature was, and how often it beat the best shadow."""
    input:
        selected="results/arrest/{arrest_model}/selected_features.csv",
        rounds="results/arrest/{arrest_model}/selection_rounds.csv",
        code=sources("arrest.results.selection_figures"),
    output:
        report(
            "results/arrest/{arrest_model}/selection.png",
            caption="../workflow/report/arrest/selection_rounds.rst",
            category="arrest",
            subcategory="{arrest_model}",
            labels={"figure": "rounds of Boruta"},
        ),
    log:
        "results/logs/draw_selection/{arrest_model}.log",
    benchmark:
        "results/benchmarks/draw_selection/{arrest_model}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        study=study("arrest"),
    script:
        "../workflow/scripts/draw_selection.py"


rule tune_arrest_model:
    """Gaussian-process search of LightGBM's parameters over folds by patient."""
    input:
        features="results/arrest/{arrest_model}/features.parquet",
        selected="results/arrest/{arrest_model}/selected_features.csv",
        code=sources("arrest.tuning"),
    output:
        best="results/arrest/{arrest_model}/best_params.json",
        trials="results/arrest/{arrest_model}/trials.csv",
        record="results/arrest/{arrest_model}/tuning.json",
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
        seed=config["seed"]["weights"],
    script:
        "../workflow/scripts/tune_arrest_model.py"


rule fit_arrest_model:
    """The final model: rounds from a second pass over the folds, beta calibration out of fold."""
    input:
        features="results/arrest/{arrest_model}/features.parquet",
        selected="results/arrest/{arrest_model}/selected_features.csv",
        best="results/arrest/{arrest_model}/best_params.json",
        weights="results/arrest/weights.parquet",
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
        seed=config["seed"]["weights"],
        synthetic=is_synthetic("arrest"),
    script:
        "../workflow/scripts/fit_arrest_model.py"


rule score_populations:
    """The same probabilities as of the sample, of the planned epochs and of all monitored time."""
    input:
        predictions="results/arrest/{arrest_model}/predictions.parquet",
        weights="results/arrest/weights.parquet",
        description="results/arrest/{arrest_model}/model.json",
        code=sources("arrest.ward.populations"),
    output:
        report(
            "results/arrest/{arrest_model}/populations.csv",
            caption="../workflow/report/arrest/ward/populations.rst",
            category="arrest",
            subcategory="{arrest_model}",
            labels={"table": "probabilities by population"},
        ),
    log:
        "results/logs/score_populations/{arrest_model}.log",
    benchmark:
        "results/benchmarks/score_populations/{arrest_model}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="1h",
    params:
        options=lookup("arrest/evaluation", within=config),
        study=study("arrest"),
    script:
        "../workflow/scripts/score_populations.py"


rule count_doubtful_controls:
    """How many controls died without an arrest or had their treatment limited, where that is known."""
    input:
        spine="results/arrest/spine.parquet",
        plan="results/arrest/epochs.parquet",
        exclusions="results/arrest/exclusions.csv",
        code=sources("arrest.ward.doubtful"),
    output:
        report(
            "results/arrest/doubtful_controls.csv",
            caption="../workflow/report/arrest/ward/doubtful_controls.rst",
            category="arrest",
            labels={"table": "doubtful controls"},
        ),
    log:
        "results/logs/count_doubtful_controls.log",
    benchmark:
        "results/benchmarks/count_doubtful_controls.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        epochs=lookup("arrest/epochs", within=config),
        study=study("arrest"),
    script:
        "../workflow/scripts/count_doubtful_controls.py"


rule score_without_doubtful:
    """The scores of every model with all controls, and without those who may have had an arrest."""
    input:
        predictions=collect(
            "results/arrest/{arrest_model}/predictions.parquet", arrest_model=ARREST_MODELS
        ),
        spine="results/arrest/spine.parquet",
        plan="results/arrest/epochs.parquet",
        code=sources("arrest.ward.doubtful"),
    output:
        report(
            "results/arrest/sensitivity.csv",
            caption="../workflow/report/arrest/ward/sensitivity.rst",
            category="arrest",
            labels={"table": "without doubtful controls"},
        ),
    log:
        "results/logs/score_without_doubtful.log",
    benchmark:
        "results/benchmarks/score_without_doubtful.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="1h",
    params:
        models=ARREST_MODELS,
        options=lookup("arrest/evaluation", within=config),
        epochs=lookup("arrest/epochs", within=config),
        study=study("arrest"),
    script:
        "../workflow/scripts/score_without_doubtful.py"


rule count_competing_stays:
    """How many stays die without a listed arrest or have their treatment limited, of all planned ones."""
    input:
        spine="results/arrest/spine.parquet",
        plan="results/arrest/epochs.parquet",
        code=sources("arrest.ward.competing"),
    output:
        report(
            "results/arrest/competing_events.csv",
            caption="../workflow/report/competing_events.rst",
            category="arrest",
            labels={"table": "competing events"},
        ),
    log:
        "results/logs/count_competing_stays.log",
    benchmark:
        "results/benchmarks/count_competing_stays.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        epochs=lookup("arrest/epochs", within=config),
        study=study("arrest"),
    script:
        "../workflow/scripts/count_competing_stays.py"


rule score_gaps:
    """The scores of every model when the last hours before the arrest are left out; nothing is fitted anew."""
    input:
        predictions=collect(
            "results/arrest/{arrest_model}/predictions.parquet", arrest_model=ARREST_MODELS
        ),
        code=sources("arrest.ward.gap"),
    output:
        report(
            "results/arrest/gaps.csv",
            caption="../workflow/report/arrest/ward/gaps.rst",
            category="arrest",
            labels={"table": "gap before the arrest"},
        ),
    log:
        "results/logs/score_gaps.log",
    benchmark:
        "results/benchmarks/score_gaps.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="1h",
    params:
        models=ARREST_MODELS,
        options=lookup("arrest/evaluation", within=config),
        study=study("arrest"),
    script:
        "../workflow/scripts/score_gaps.py"
