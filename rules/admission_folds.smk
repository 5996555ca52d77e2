"""Cross-validation of the admission system: every model in every fold, pooled, under the published names too.

INPUTS   predictions, weights and histories of every fold: results/scenarios/{protocol}_{fold}
OUTPUTS  results/admission/{protocol}/{member}/predictions.parquet, the published files of folds
STEPS    folds pooled, models fused, published files
"""

# Late fusion is the mean of two of the others.
FUSED = {f"late_fusion_{subset}": subset for subset in ("all", "multi")}
EVALUATED["admission"] = {
    "models": {**COMPARED, **FUSED},
    "predictions": "results/admission/{protocol}/{model}/predictions.parquet",
    "cohort": "results/cohort/spine.parquet",
    "row": "stay_id",
    "judged_by": "nested",
    "features": {
        "features": "results/final_ecgs.parquet",
        "vitals": "results/vitals_long_cleaned.parquet",
    },
    "predictors": lambda: len(static_features()),
    "main_model": protocols.EVERYTHING,
    "optimistic": protocols.optimistic(config),
}


wildcard_constraints:
    member="|".join(COMPARED),
    family="|rf_|outputs/gru/",
    fold="[0-9]+",


def prediction_of_scenario(name, model):
    """Where the predictions of a scenario lie: its own, or those of what it does not touch."""
    path = f"admission/{model}/predictions.parquet"
    return f"results/{SCENARIOS.folder(name, path)}{path}"


def predictions_of_folds(wildcards):
    """The predictions of a model in every fold of a protocol."""
    names = protocols.folds(wildcards.protocol, config)
    return [prediction_of_scenario(name, wildcards.member) for name in names]


def published_member(path):
    """An input function: the path for the model behind a folder of published result files."""

    def path_of_member(wildcards):
        folder = wildcards.get("family", wildcards.get("network"))
        member = PUBLISHED_FOLDERS[folder][wildcards.subset]
        return path.format(member=member, **{"fold": wildcards.get("fold")})

    return path_of_member


rule pool_folds:
    """The predictions of all folds of a protocol: each stay out of fold, once."""
    input:
        predictions=predictions_of_folds,
        code=sources("evaluation.pooling"),
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
        code=sources("evaluation.pooling"),
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


rule write_cross_validation:
    """The pooled files of the published five-fold code, of nested folds."""
    input:
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
        study=study("admission"),
    script:
        "../workflow/scripts/write_cross_validation.py"


rule write_fold:
    """Weights, passes and loss of one nested fold, under their published names."""
    input:
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
        study=study("admission"),
    script:
        "../workflow/scripts/write_fold.py"
