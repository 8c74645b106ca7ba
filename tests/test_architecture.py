"""Who may know whom. The house is described in the README; these are its load-bearing walls."""

import ast
import re
import sys
from pathlib import Path

import nnlib

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = sorted((ROOT / "nnlib").rglob("*.py"))
DASHBOARD = sorted((ROOT / "dashboard").rglob("*.py"))
CONTROLS = sorted((ROOT / "dashboard" / "controls").glob("*.py"))
PAGES = sorted((ROOT / "dashboard" / "app_pages").glob("*.py"))
FIGURES = sorted((ROOT / "dashboard").glob("figures*.py")) + sorted((ROOT / "dashboard").glob("figures/**/*.py"))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(path: Path) -> set[str]:
    """Return the full dotted name of everything that a file imports, wherever in the file it does."""
    found = set()
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            home = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*home, *([node.module] if node.module else [])])
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return found


def strangers(path: Path, *allowed: str) -> set[str]:
    """Return the imports of a file that are neither in the standard library nor below one of the allowed names."""
    return {
        name
        for name in imports(path)
        if name.partition(".")[0] not in sys.stdlib_module_names
        and not any(name == known or name.startswith(known + ".") for known in allowed)
    }


def names_used(path: Path) -> set[str]:
    nodes = list(ast.walk(tree(path)))
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return attributes | {node.id for node in nodes if isinstance(node, ast.Name)} | {
        name.rpartition(".")[2] for name in imports(path)
    }  # fmt: skip


def test_the_walls_are_found_where_they_are_looked_for():
    rooms = {str(path.relative_to(ROOT)) for path in (*LIBRARY, *DASHBOARD)}
    library = ["activations", "loss", "network", "backprop", "optimizers", "descent", "landscape", "datasets"]
    assert {f"nnlib/{name}.py" for name in library} <= rooms
    assert {
        f"dashboard/{name}.py"
        for name in ("main", "scenario", "experiment", "controls/session", "figures", "theme", "text")
    } <= rooms
    assert PAGES
    assert FIGURES


def test_the_import_finder_sees_every_way_to_import():
    here = imports(Path(__file__))
    assert {"ast", "pathlib.Path", "nnlib"} <= here
    assert strangers(Path(__file__)) == {"nnlib"}
    assert not strangers(Path(__file__), "nnlib")


def test_nnlib_knows_nobody_but_numpy():
    for path in LIBRARY:
        assert not strangers(path, "numpy", "nnlib"), path.name


def test_the_import_order_of_nnlib_is_its_reading_order():
    lessons, engine = (
        re.findall(r"^    (\w+)  +\w", part, re.MULTILINE) for part in nnlib.__doc__.split("The engine behind")
    )
    assert set(lessons + engine) == {path.stem for path in LIBRARY if not path.stem.startswith("_")}
    for path in LIBRARY:
        known = {name.split(".")[1] for name in imports(path) if name.startswith("nnlib.")} - {"_types"}
        if path.stem in lessons:
            assert known <= {*lessons[: lessons.index(path.stem)], *engine}, path.name
        elif path.stem in engine:
            assert known <= {*lessons, *engine[: engine.index(path.stem)]}, path.name


def test_nnlib_prints_nothing_asks_no_clock_and_rolls_no_global_dice():
    for path in LIBRARY:
        clocks = {"time", "datetime", "random", "os", "socket", "urllib", "logging"}
        assert not {name.partition(".")[0] for name in imports(path)} & clocks, path.name
        assert not names_used(path) & {"print", "input", "open", "write_text", "write_bytes", "savetxt", "save"}, (
            path.name
        )
        for node in ast.walk(tree(path)):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Attribute)
                and node.value.attr == "random"
            ):
                assert node.attr in ("Generator", "default_rng"), f"{path.name}:{node.lineno}"
        if path.stem != "datasets":
            assert "read_text" not in names_used(path), path.name


def test_figures_are_made_from_values_by_plotly_alone():
    for path in FIGURES:
        assert not strangers(path, "nnlib", "plotly", "numpy", "dashboard"), path.name
        for module in DASHBOARD:
            known = ".".join(module.relative_to(ROOT).with_suffix("").parts)
            if any(name == known or name.startswith(known + ".") for name in imports(path)):
                assert not strangers(module, "nnlib", "plotly", "numpy", "dashboard"), f"{path.name} knows {known}"


def test_scenario_scene_and_experiment_know_no_screen():
    data_input = "dashboard.data_input"
    assert not strangers(ROOT / "dashboard" / "data_input.py", "nnlib", "numpy")
    assert not strangers(ROOT / "dashboard" / "scenario.py", "nnlib", data_input)
    assert not strangers(ROOT / "dashboard" / "scene.py", "nnlib", "numpy")
    ours = ("dashboard.scenario", "dashboard.scene", data_input)
    assert not strangers(ROOT / "dashboard" / "experiment.py", "nnlib", "numpy", *ours)
    ours = (*ours, "dashboard.experiment", "dashboard.training", "dashboard.text")
    for name in ("training", "exports"):
        assert not strangers(ROOT / "dashboard" / f"{name}.py", "nnlib", "numpy", *ours)


def test_pages_never_import_each_other_and_nobody_imports_them():
    for path in DASHBOARD:
        assert not any("app_pages" in name for name in imports(path)), path.name
        assert not any(name.startswith("dashboard.main") for name in imports(path)), path.name
    stems = {path.stem for path in PAGES}
    for path in PAGES:
        assert not {name.partition(".")[0] for name in imports(path)} & stems, path.name


REDUCE = {
    "sum",
    "mean",
    "std",
    "var",
    "prod",
    "cumsum",
    "cumprod",
    "min",
    "max",
    "argmin",
    "argmax",
    "any",
    "all",
    "dot",
}
"""Methods of arrays that compute with their entries; Python's own min, max and sum are functions, not methods."""

NETWORKS = {"exp", "expm1", "tanh", "logaddexp", "log1p", "logistic"}
"""What activations are made of: nnlib computes it, so the dashboard never does."""

ALGEBRA = {
    "dot",
    "matmul",
    "vdot",
    "vecdot",
    "inner",
    "outer",
    "tensordot",
    "einsum",
    "linalg",
    "polyfit",
    "trapezoid",
    "gradient",
}
"""Products of arrays and what is built on them."""

LESSONS = {
    "rates": "a bowl is built to order, and a step's promise is compared with the loss",
    "slices": "a direction's share of the gradient and of a path",
    "training": "the principal axes that a cloud of hidden values is drawn along",
}
"""The only modules of the dashboard that multiply arrays, each for a number that belongs to its lesson alone."""


def calculations(path: Path) -> set[str]:
    """Return the mathematics of arrays that a file does: functions of numpy, methods, and the operators @ and **."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "np":
            found.add(node.attr)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in REDUCE:
            found.add(node.func.attr)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult | ast.Pow):
            found.add("@" if isinstance(node.op, ast.MatMult) else "**")
        elif isinstance(node, ast.ImportFrom) and node.module == "numpy":
            found |= {alias.name for alias in node.names}
    return found


def test_pages_wire_and_do_no_array_arithmetic():
    for path in PAGES:
        assert not strangers(path, "streamlit", "nnlib", "dashboard"), path.name
        assert not calculations(path), path.name


def test_the_dashboard_does_no_mathematics_of_networks():
    assert {"exp", "negative"} <= calculations(ROOT / "nnlib" / "activations.py")
    assert {"@", "linalg", "sum"} <= calculations(ROOT / "nnlib" / "curvature.py")
    for path in DASHBOARD:
        assert not calculations(path) & NETWORKS, path.name
        assert not imports(path) & {f"nnlib.activations.{name}" for name in NETWORKS}, path.name
        if path.stem not in LESSONS:
            assert not calculations(path) & {*ALGEBRA, "@"}, path.name
    for name in LESSONS:
        assert calculations(ROOT / "dashboard" / f"{name}.py") & {*ALGEBRA, "@"}, f"{name} needs no exception"


def test_what_draws_and_what_keeps_state_only_hands_numbers_on():
    for name in ("main", "text", "theme", "links", "security"):
        assert not calculations(ROOT / "dashboard" / f"{name}.py"), name
    for path in CONTROLS:
        assert not calculations(path), path.name
    for path in (ROOT / "dashboard" / "components").glob("*.py"):
        assert not calculations(path) - {"**"}, path.name  # powers of ten for a slider, number by number


def test_session_state_and_caches_have_one_home():
    state = {"session_state", "cache_data", "cache_resource"}
    for path in (*DASHBOARD, *ROOT.glob("*.py")):
        if path not in CONTROLS:
            assert not names_used(path) & state, path.name
    assert "session_state" in names_used(ROOT / "dashboard" / "controls" / "session.py")


def test_nothing_but_the_dashboard_and_its_server_knows_streamlit():
    outside = [path for path in ROOT.rglob("*.py") if ROOT / "dashboard" not in path.parents]
    outside = [path for path in outside if not {".venv", "tests", "benchmarks"} & set(path.relative_to(ROOT).parts)]
    assert ROOT / "nnlib" / "network.py" in outside
    for path in outside:
        if path.name != "app.py":
            assert not {name.partition(".")[0] for name in imports(path)} & {"streamlit", "plotly"}, path.name
