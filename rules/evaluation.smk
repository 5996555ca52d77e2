"""Cross-validated scores of every system: one room, whatever was predicted.

INPUTS   predictions of every model in every fold, results/{system}/groups.parquet
OUTPUTS  results/{system}/{protocol}: scores, comparisons, calibration, decisions, subgroups
STEPS    folds pooled, models fused, then one table and one figure per question

`nested` folds stop and calibrate on patients inside each training part. `published` folds and the
single `seed` split stop on the patients that are reported, as the paper and its first release did.
"""


rule pool_folds:
    """The predictions of all folds of a protocol: each stay out of fold, once."""
    input:
        predictions=predictions_of_folds,
        code=sources("evaluation.statistics.pooling"),
    output:
        "results/admission/{protocol}/{member}/predictions.parquet",
    log:
        "results/logs/pool_folds/{protocol}_{member}.log",
    benchmark:
        "results/benchmarks/pool_folds/{protocol}_{member}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    script:
        "../workflow/scripts/pool_folds.py"


rule fuse_models:
    """Late fusion: the mean of the multimodal model's and the random forest's probability."""
    input:
        multimodal=multimodal("results/admission/{protocol}/{model}/predictions.parquet"),
        forest="results/admission/{protocol}/random_forest_{subset}/predictions.parquet",
        code=sources("evaluation.statistics.pooling"),
    output:
        "results/admission/{protocol}/late_fusion_{subset}/predictions.parquet",
    log:
        "results/logs/fuse_models/{protocol}_{subset}.log",
    benchmark:
        "results/benchmarks/fuse_models/{protocol}_{subset}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    script:
        "../workflow/scripts/fuse_models.py"


rule score_models:
    """Every score of every model, with intervals by patient, over folds and pooled."""
    input:
        marks=marks(),
        predictions=pooled_predictions,
        published="src/mimicflow/reference/published_scores.csv",
        code=sources("evaluation.tables"),
    output:
        scores=report(
            "results/{system}/{protocol}/scores.csv",
            caption="../workflow/report/scores.rst",
            category="{system}",
            subcategory="{protocol}",
            labels={"table": "scores"},
        ),
        folds="results/{system}/{protocol}/folds.csv",
        curves="results/{system}/{protocol}/curves.csv",
    log:
        "results/logs/score_models/{system}_{protocol}.log",
    benchmark:
        "results/benchmarks/score_models/{system}_{protocol}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="1h",
    params:
        stays=evaluated,
        key=row_of,
        rules=lookup("evaluation/thresholds", within=config),
        draws=lookup("evaluation/bootstrap_draws", within=config),
        optimistic=is_optimistic,
        synthetic=is_synthetic,
        seed=config["seed"],
    script:
        "../workflow/scripts/score_models.py"


rule compare_pairs:
    """DeLong's test between all models on the same stays, plain and clustered by patient."""
    input:
        marks=marks(),
        predictions=pooled_predictions,
        published="src/mimicflow/reference/published_scores.csv",
        code=sources("evaluation.tables"),
    output:
        report(
            "results/{system}/{protocol}/comparisons.csv",
            caption="../workflow/report/comparisons.rst",
            category="{system}",
            subcategory="{protocol}",
            labels={"table": "pairwise comparisons"},
        ),
    log:
        "results/logs/compare_pairs/{system}_{protocol}.log",
    benchmark:
        "results/benchmarks/compare_pairs/{system}_{protocol}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        stays=evaluated,
        key=row_of,
        synthetic=is_synthetic,
    script:
        "../workflow/scripts/compare_pairs.py"


rule calibrate_models:
    """Calibration as it is and recalibrated on inner predictions: temperature, isotonic, beta."""
    input:
        marks=marks(),
        predictions=pooled_predictions,
        published="src/mimicflow/reference/published_scores.csv",
        code=sources("evaluation.calibration_table"),
    output:
        calibration="results/{system}/{protocol}/calibration.csv",
        reliability="results/{system}/{protocol}/reliability.csv",
        figure=report(
            "results/{system}/{protocol}/reliability.png",
            caption="../workflow/report/reliability.rst",
            category="{system}",
            subcategory="{protocol}",
            labels={"figure": "calibration"},
        ),
    log:
        "results/logs/calibrate_models/{system}_{protocol}.log",
    benchmark:
        "results/benchmarks/calibrate_models/{system}_{protocol}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="1h",
    params:
        stays=evaluated,
        key=row_of,
        draws=lookup("evaluation/bootstrap_draws", within=config),
        synthetic=is_synthetic,
        seed=config["seed"],
    script:
        "../workflow/scripts/calibrate_models.py"


rule weigh_decisions:
    """Net benefit of acting on a prediction, over the thresholds at which one might act."""
    input:
        marks=marks(),
        predictions=pooled_predictions,
        published="src/mimicflow/reference/published_scores.csv",
        code=sources("evaluation.statistics.decision"),
    output:
        decision="results/{system}/{protocol}/decision.csv",
        figure=report(
            "results/{system}/{protocol}/decision.png",
            caption="../workflow/report/decision.rst",
            category="{system}",
            subcategory="{protocol}",
            labels={"figure": "decision curves"},
        ),
    log:
        "results/logs/weigh_decisions/{system}_{protocol}.log",
    benchmark:
        "results/benchmarks/weigh_decisions/{system}_{protocol}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        stays=evaluated,
        key=row_of,
        net_benefit=lookup("evaluation/net_benefit", within=config),
        draws=lookup("evaluation/bootstrap_draws", within=config),
        synthetic=is_synthetic,
        seed=config["seed"],
    script:
        "../workflow/scripts/weigh_decisions.py"


rule score_subgroups:
    """Discrimination and calibration by sex, age, race, arrival and insurance."""
    input:
        marks=marks(),
        predictions=pooled_predictions,
        groups="results/{system}/groups.parquet",
        published="src/mimicflow/reference/published_scores.csv",
        code=sources("evaluation.subgroups"),
    output:
        subgroups="results/{system}/{protocol}/subgroups.csv",
        figure=report(
            "results/{system}/{protocol}/subgroups.png",
            caption="../workflow/report/subgroups.rst",
            category="{system}",
            subcategory="{protocol}",
            labels={"figure": "subgroups"},
        ),
    log:
        "results/logs/score_subgroups/{system}_{protocol}.log",
    benchmark:
        "results/benchmarks/score_subgroups/{system}_{protocol}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="1h",
    params:
        stays=evaluated,
        key=row_of,
        drawn=main_model,
        draws=lookup("evaluation/bootstrap_draws", within=config),
        synthetic=is_synthetic,
        seed=config["seed"],
    script:
        "../workflow/scripts/score_subgroups.py"


rule write_cross_validation:
    """The pooled files of the published five-fold code, of nested folds."""
    input:
        marks=marks("admission"),
        predictions=published_member("results/admission/nested/{member}/predictions.parquet"),
        code=sources("admission.cross_validation"),
    output:
        summary="results/{family}{subset}_performance/{subset}_stays_cv_summary.csv",
        predictions="results/{family}{subset}_performance/{subset}_stays_val_predictions.csv",
        curves="results/{family}{subset}_performance/{subset}_stays_cv_roc_prc_data.npz",
        roc="results/{family}{subset}_performance/{subset}_stays_cv_roc.png",
        prc="results/{family}{subset}_performance/{subset}_stays_cv_prc.png",
    log:
        "results/logs/write_cross_validation/{family}{subset}.log",
    benchmark:
        "results/benchmarks/write_cross_validation/{family}{subset}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        draws=lookup("evaluation/bootstrap_draws", within=config),
        synthetic=is_synthetic,
        seed=config["seed"],
    script:
        "../workflow/scripts/write_cross_validation.py"


rule write_fold:
    """Weights, epochs and loss of one nested fold, under their published names."""
    input:
        marks=marks("admission"),
        checkpoint=published_member("results/scenarios/nested_{fold}/{member}.pth"),
        history=published_member("results/scenarios/nested_{fold}/admission/{member}/history.csv"),
        code=sources("admission.cross_validation"),
    output:
        checkpoint="results/{network}{subset}_performance/{subset}_stays_fold{fold}_best_model.pth",
        metrics="results/{network}{subset}_performance/{subset}_stays_fold{fold}_metrics.csv",
        loss="results/{network}{subset}_performance/{subset}_stays_fold{fold}_loss.png",
    log:
        "results/logs/write_fold/{network}{subset}_{fold}.log",
    benchmark:
        "results/benchmarks/write_fold/{network}{subset}_{fold}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        synthetic=is_synthetic,
    script:
        "../workflow/scripts/write_fold.py"
