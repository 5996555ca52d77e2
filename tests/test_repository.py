"""Facts that stand in more than one place agree."""

import ast
import importlib.metadata
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from vulture import Vulture

from mimicflow.running.sources import sources

HASHED = (
    "requirements.lock",
    "envs/uv.txt",
    "profiles/kubernetes/requirements.txt",
    "tests/kubernetes.txt",
    "docs/site/requirements.txt",
)

USED_FROM_OUTSIDE = {
    "_options": "Typer calls it",
    "describe": "Typer calls it",
    "golden": "Typer calls it",
    "_check_params": "Boruta calls it",
    "_add_shadows_get_imps": "Boruta calls it",
    "n_jobs": "scikit-learn and LightGBM read it",
    "__class__": "isinstance reads it",
    "known_by": "read by name, with the other fields",
    "kind_of": "for whoever shares results, as docs/privacy.md says",
    "score_ecg": "for programs, as docs/arrest.md says",
}


def rules_of(repository):
    """Return rule -> (its adapter, its text); a variant of a rule (`use rule`) has its adapter."""
    found, variants = {}, {}
    for file in (repository / "rules").glob("*.smk"):
        for block in re.split(r"^ *(?=(?:use )?rule )", file.read_text(), flags=re.M)[1:]:
            if variant := re.match(r"use rule (\w+) as (\w+) with:", block):
                variants[variant[2]] = variant[1], block
            else:
                rule = re.match(r"rule (\w+):", block)[1]
                found[rule] = re.search(r"scripts/(\w+)\.py", block)[1], block
    return found | {rule: (found[base][0], block) for rule, (base, block) in variants.items()}


def modules_of(repository, adapter):
    """Return the modules of the package that an adapter imports."""
    text = (repository / f"workflow/scripts/{adapter}.py").read_text()
    return set(re.findall(r"^from mimicflow\.([\w.]+) import", text, re.M))


def code_of(repository, block):
    """Return what a rule names as its code, itself or in an input function."""
    named = re.search(r"code=sources\((.*?)\),\n", block, re.S)
    if named is None:
        function = re.search(r"code=(\w+),\n", block)[1]
        texts = "".join(file.read_text() for file in (repository / "rules").glob("*.smk"))
        named = re.search(rf"def {function}\(.*?\n\n\n", texts, re.S)
    return set(re.findall(r'"([\w./]+)"', named[0]))


def requirements(file):
    """The requirements of a file, each on one line with its hashes."""
    lines = file.read_text().replace("\\\n", "").splitlines()
    return [line for line in lines if line and not line.startswith(("#", "-r "))]


@pytest.fixture(scope="module")
def locked(repository):
    locks = (repository / "requirements.lock", repository / "torch.lock")
    pins = [line.split()[0].split("==") for file in locks for line in requirements(file)]
    return {canonicalize_name(name): version for name, version in pins}


@pytest.mark.parametrize("name", HASHED)
def test_every_requirement_is_pinned_and_has_its_hashes(repository, name):
    assert requirements(repository / name)
    for line in requirements(repository / name):
        assert re.fullmatch(r"[\w.-]+==[^\s;]+( +--hash=sha256:[0-9a-f]{64})+", line), line[:80]


def test_torch_alone_is_pinned_without_a_hash(repository):
    [line] = requirements(repository / "torch.lock")

    assert re.fullmatch(r"torch==[\d.]+", line)


def test_whoever_installs_from_a_list_asks_for_its_hashes(repository):
    """And for nothing beside it, since what is not on the list would have none."""
    known = ["Makefile", "Dockerfile", ".ci/run", "tests/kubernetes.txt", "docs/kubernetes.md"]
    found = set()
    for name in (*known, "README.md", "CONTRIBUTING.md", "docs/gpu.md", "docs/cluster.md"):
        text = (repository / name).read_text().replace("\\\n", "")
        for command in re.findall(r"pip (?:install|download|wheel)\b[^\n&|;`]*", text):
            lists = re.findall(r" (?:-r|-c|--requirement|--constraint)[ =](\S+)", command)
            if lists and lists != ["torch.lock"]:
                assert " --require-hashes --no-deps " in command, f"{name}: {command}"
                found.add(name)
    assert found >= set(known)


def test_the_lock_satisfies_pyproject(repository, locked):
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]

    for line in project["dependencies"] + project["optional-dependencies"]["dev"]:
        requirement = Requirement(line)
        version = locked[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{line} is locked at {version}"


def test_the_locked_versions_are_the_installed_ones(locked):
    installed = {name: importlib.metadata.version(name).split("+")[0] for name in locked}

    assert installed == locked


@pytest.mark.parametrize("environment", ["cpu", "gpu"])
def test_environments_pin_what_the_lock_pins(repository, locked, environment):
    content = yaml.safe_load((repository / f"envs/{environment}.yaml").read_text())
    pins = next(entry["pip"] for entry in content["dependencies"] if isinstance(entry, dict))

    assert pins
    for pin in pins:
        name, version = pin.split("==")
        assert locked[canonicalize_name(name)] == version


def test_each_rule_has_its_adapter_and_each_adapter_its_rule(repository):
    rules = rules_of(repository)
    adapters = {file.stem for file in (repository / "workflow/scripts").glob("*.py")}

    assert {adapter for adapter, _ in rules.values()} == adapters
    assert adapters <= set(rules)


def test_the_profile_of_slurm_names_rules_that_there_are(repository):
    """Snakemake passes over any other name in silence."""
    profile = yaml.safe_load((repository / "profiles/slurm/profile.yaml").read_text())
    named = {*profile["groups"], *profile["set-resources"]}

    assert len(named) > 50 and named <= set(rules_of(repository))


def test_rule_adapter_and_function_have_one_name(repository):
    for file in (repository / "workflow/scripts").glob("*.py"):
        adapter = ast.parse(file.read_text())
        imported = {
            name.name
            for node in adapter.body
            if isinstance(node, ast.ImportFrom) and node.module.startswith("mimicflow")
            for name in node.names
        }
        called = {
            ast.unparse(node.func) for node in ast.walk(adapter) if isinstance(node, ast.Call)
        }
        assert file.stem in imported & called, file.name


def test_adapters_hold_no_logic(repository):
    for file in (repository / "workflow/scripts").glob("*.py"):
        text = file.read_text()
        tree = ast.parse(text)
        assert len(text.splitlines()) <= 30, file.name
        assert not any(
            isinstance(node, ast.For | ast.While | ast.If | ast.FunctionDef)
            for node in ast.walk(tree)
        ), file.name
        assert "snakemake.config" not in text, file.name


def test_the_package_knows_nothing_of_snakemake(repository):
    for file in (repository / "src").rglob("*.py"):
        assert not re.search(r"^\s*(import|from) snakemake", file.read_text(), re.M), file


def test_rules_name_the_code_that_their_adapter_uses(repository):
    """What an adapter imports is named by its rule's ``code=``, or imported by what is named."""
    for rule, (adapter, block) in rules_of(repository).items():
        used = modules_of(repository, adapter) - {"running.rule_log"}
        if block.startswith("use ") and "    input:" not in block:
            continue  # it has the inputs of the rule that it varies
        named = used & code_of(repository, block)
        unnamed = set(sources(*used)) - set(sources(*named))
        assert not unnamed, f"{rule} uses {unnamed} without naming it"


def test_files_stay_short(repository):
    """All but the schema of config.yaml, which has one line per key and grows with the keys."""
    checked = 0
    for folder in ("src", "rules", "workflow", "tests", "benchmarks"):
        for file in (repository / folder).rglob("*"):
            written = file.suffix in {".py", ".smk", ".sql", ".yaml", ".sh", ".css", ".js", ".html"}
            if written and file.name != "config.schema.yaml":
                n_lines = len(file.read_text(encoding="utf-8").splitlines())
                assert n_lines <= 420, f"{file} has {n_lines}"
                checked += 1
    assert checked > 400


def test_rules_in_the_environment_without_torch_do_not_import_it(repository):
    """Imports at the head of a module run with it; those inside a function wait for its call."""
    checked = 0
    for rule, (adapter, block) in rules_of(repository).items():
        if "envs/cpu.yaml" not in block:
            continue
        for file in sources(*modules_of(repository, adapter)):
            head = re.findall(r"^(?:from|import) (\w+)", (repository / file).read_text(), re.M)
            assert "torch" not in head, f"rule {rule} imports torch by {file}"
            checked += 1
    assert checked > 50


def test_jobs_of_continuous_integration_may_only_read_and_take_actions_by_their_commit(repository):
    """A tag can be moved to other code, a commit cannot. Only the site is written, by one job."""
    files = {file.stem: file for file in (repository / ".github/workflows").glob("*.y*ml")}
    assert files.keys() == {"pages", "test"}
    tests = yaml.safe_load(files["test"].read_text(encoding="utf-8"))["jobs"]
    assert {"lint", "test"} <= tests.keys()
    for name, file in files.items():
        text = file.read_text(encoding="utf-8")
        workflow = yaml.safe_load(text)
        uses = re.findall(r"\buses: *(.+)", text)

        assert workflow["permissions"] == {"contents": "read"}
        assert len(uses) >= 4
        for job, of in workflow["jobs"].items():
            assert 0 < of["timeout-minutes"] <= 60
            writes = {"pages": "write", "id-token": "write"} if job == "deploy" else None
            assert of.get("permissions") == writes and (writes is None or name == "pages")
        for action in uses:
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+){2}", action), action


def test_nothing_in_the_package_is_unused(repository):
    """Names that neither the package, its adapters, rules and templates nor a benchmark reads."""
    finder = Vulture()
    finder.scavenge([repository / "src", repository / "workflow", repository / "benchmarks"])
    chapters = [repository / "Snakefile", *(repository / "rules").glob("*.smk")]
    templates = (repository / "src").rglob("*.j2")
    read = set(re.findall(r"\w+", " ".join(file.read_text() for file in [*chapters, *templates])))

    unused = {
        item.name for item in finder.get_unused_code() if "benchmarks" not in item.filename.parts
    }

    assert unused - read == set(USED_FROM_OUTSIDE)


def test_every_caption_of_the_report_is_there_and_used(repository):
    text = "".join(file.read_text() for file in (repository / "rules").glob("*.smk"))
    named = set(re.findall(r'"\.\./(workflow/report/[^"]+\.rst)"', text))
    there = {
        file.relative_to(repository).as_posix()
        for file in (repository / "workflow/report").rglob("*.rst")
    }

    assert named == there


def test_lint_of_the_workflow_lets_only_what_is_meant_pass(repository):
    lint = runpy.run_path(str(repository / "workflow/lint.py"))
    said = "Lints for rule x:\n    * No log directive defined:\n      Without\n    * {}\n"

    assert lint["objections"](said.format(lint["MEANT"])) == ["No log directive defined:"]


def test_lint_sees_every_file(repository):
    ruff = shutil.which("ruff", path=Path(sys.executable).parent)
    seen = subprocess.run(
        [ruff, "check", "--show-files"], cwd=repository, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    files = {
        str(file)
        for folder in ("src", "tests", "workflow", "benchmarks")
        for file in (repository / folder).rglob("*.py")
    }

    assert files <= set(seen)
