"""What is looked at before the workflow is built, and before its first job; no rules."""

from mimicflow.admission.agreement import disagreements as of_admission
from mimicflow.arrest.agreement import disagreements as of_arrest
from mimicflow.mortality.agreement import disagreements as of_mortality
from mimicflow.raw.needs import check_raw
from mimicflow.running.agreement import check_agreement
from mimicflow.running.configuration import complete
from mimicflow.running.identity import announce
from mimicflow.running.lock import record_owner
from mimicflow.running.privacy import is_private, keep_private
from mimicflow.running.storage import check_place, check_writable

check_place(workflow.basedir)
config = complete(config, "workflow/schemas/config.schema.yaml")
check_agreement(config, of_admission, of_mortality, of_arrest)
announce()  # jobs end when this process does, and never write into the run of another

if is_private(config):
    # Jobs inherit the mask; one on a cluster reads this file itself. Snakemake's own folder has its log.
    for folder in ("results", ".snakemake"):
        keep_private(folder)

if workflow.storage_settings.default_storage_provider:

    # On Kubernetes jobs read from the volume itself, not from a copy (docs/kubernetes.md).
    inputflags:
        access.sequential,


onstart:
    check_writable("results")
    record_owner(jobs_elsewhere=workflow.non_local_exec)
    check_raw(config["data"], *raw_needs(workflow.dag.needrun_jobs()))
