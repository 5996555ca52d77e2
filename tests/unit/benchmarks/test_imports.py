"""Benchmarks, which no test runs, ask the package for what it has."""

import ast
import importlib


def test_what_benchmarks_import_of_the_package_exists(repository):
    asked = 0
    for file in (repository / "benchmarks").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mimicflow"):
                module = importlib.import_module(node.module)
                for name in node.names:
                    assert hasattr(module, name.name), f"{file.name}: {node.module}.{name.name}"
                    asked += 1
    assert asked > 40
