"""Every public name says what it is: a sentence, then shapes, errors and where its formula comes from."""

import ast
import importlib
import inspect
import re
import textwrap
import types
from functools import cache
from pathlib import Path

import pytest

import nnlib

LESSONS, ENGINE = (
    re.findall(r"^    (\w+)  +\w", part, re.MULTILINE) for part in nnlib.__doc__.split("The engine behind")
)


def public(thing):
    """Yield (name, object) for a public object and the methods and properties that its class defines."""
    yield thing.__name__, thing
    if inspect.isclass(thing):
        for name, member in vars(thing).items():
            if not name.startswith("_") and (callable(member) or isinstance(member, property | classmethod)):
                yield f"{thing.__name__}.{name}", getattr(thing, name)


def defined_in(module):
    """Return the functions and classes that a module defines for others."""
    return [
        thing
        for name, thing in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(thing) or inspect.isfunction(thing))
        and thing.__module__ == module.__name__
    ]


OBJECTS = [
    pytest.param(member, id=f"{lesson}.{name}")
    for lesson in LESSONS
    for thing in defined_in(importlib.import_module(f"nnlib.{lesson}"))
    for name, member in public(thing)
]
FUNCTIONS = [p for p in OBJECTS if inspect.isfunction(p.values[0]) or inspect.ismethod(p.values[0])]

ARRAYS = ("Array", "NDArray", "Params", "Rate")
SHAPE = re.compile(
    r"\(\.\.\.[,)]"  # (...), (..., N, units)
    r"|\([A-Z](?:,[^()]*| \+ 1)?\)"  # (N, D), (E,), (L)
    r"|\([a-z_]+, (?:\.\.\.|[a-z_]+|[A-Z])\)"  # (steps, ...), (fan_in, fan_out)
    r"|shapes? of (?:z|the|this)|'s shapes?|elementwise"
)
"""What tells a shape; an errors sentence about "shapes that do not fit" does not."""

WITHOUT_FORMULA = {
    "get_activation", "get_sabotage", "layer_sizes", "load_dataset", "split", "blobs", "accuracy", "confusion",
    "plateaus", "endings", "compare_gradients",
}  # fmt: skip
"""Functions that look up, draw, arrange or count: there is nobody's formula in them."""


def test_all_lists_what_can_be_imported_and_nothing_else():
    found = {
        name
        for name, value in vars(nnlib).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    modules = {name for name in nnlib.__all__ if isinstance(getattr(nnlib, name), types.ModuleType)}
    assert set(nnlib.__all__) == found | modules
    assert all(getattr(nnlib, name).__name__ == f"nnlib.{name}" for name in modules)
    assert len(set(nnlib.__all__)) == len(nnlib.__all__)
    known = {id(p.values[0]) for p in OBJECTS}
    for name in nnlib.__all__:
        thing = getattr(nnlib, name)
        assert id(thing) in known or not (inspect.isclass(thing) or inspect.isfunction(thing)), name


@pytest.mark.parametrize("thing", OBJECTS)
def test_a_public_name_has_a_docstring_that_starts_with_one_sentence(thing):
    doc = inspect.getdoc(thing)
    assert doc, "no docstring"
    assert not doc.startswith(getattr(thing, "__name__", "") + "("), "only the one that dataclass makes"
    first = re.split(r"\n\s*\n", doc)[0]
    assert first[0].isupper()
    assert first.rstrip()[-1] in ".:;", "the first paragraph is a sentence"


def takes_or_gives_arrays(function):
    return any(
        re.search(rf"\b{kind}\b", str(annotation))
        for annotation in function.__annotations__.values()
        for kind in ARRAYS
    )


@pytest.mark.parametrize("thing", FUNCTIONS)
def test_a_function_of_arrays_tells_their_shapes(thing):
    if takes_or_gives_arrays(thing):
        assert SHAPE.search(inspect.getdoc(thing))


@cache
def raisers():
    """Return the names of nnlib's functions that can raise ValueError, by themselves or through another of ours."""
    calls = {}
    for path in Path(nnlib.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                calls.setdefault(node.name, set()).update(raised_or_called(node))
    found = {name for name, called in calls.items() if "raise ValueError" in called}
    while more := {name for name, called in calls.items() if called & found} - found:
        found |= more
    return found


def raised_or_called(node):
    """Return the errors that a function raises and the functions of ours that it may call.

    Of methods only those that check something: the others share their names with methods of everything.
    """
    found = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Raise) and isinstance(inner.exc, ast.Call):
            found.add(f"raise {inner.exc.func.id}")
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name):
            found.add(inner.func.id)
        if (
            isinstance(inner, ast.Call)
            and isinstance(inner.func, ast.Attribute)
            and inner.func.attr.lstrip("_").startswith("check")
        ):
            found.add(inner.func.attr)
    return found - {"replace"}  # the one of dataclasses is not that of Params


def can_raise(thing):
    source = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    found = raised_or_called(source)
    return {error for error in ("ValueError", "KeyError") if f"raise {error}" in found} | (
        {"ValueError"} if found & raisers() else set()
    )


def test_an_error_is_followed_through_the_functions_that_pass_it_on():
    assert {"forward", "loss_surface", "weight_product", "_passes"} <= raisers()
    assert can_raise(nnlib.weight_product) == {"ValueError"}
    assert can_raise(nnlib.ForwardPass.__getitem__) == {"KeyError"}
    assert not can_raise(nnlib.slope_products)


@pytest.mark.parametrize("thing", FUNCTIONS)
def test_a_function_that_raises_says_so(thing):
    for error in can_raise(thing):
        assert error in inspect.getdoc(thing)


@pytest.mark.parametrize("thing", [p for p in OBJECTS if inspect.isclass(p.values[0])])
def test_a_class_that_refuses_numbers_says_so(thing):
    made_by = [vars(thing).get(name) for name in ("__init__", "__post_init__")]
    for make in made_by:
        if inspect.isfunction(make) and "<string>" not in make.__code__.co_filename and can_raise(make):
            assert "Raises ValueError" in inspect.getdoc(thing)


@pytest.mark.parametrize(
    "thing",
    [p for p in FUNCTIONS if "." not in p.values[0].__qualname__ and p.id.partition(".")[0] not in ("chain", "trace")],
)
def test_a_formula_has_a_source(thing):
    assert ("Source" in inspect.getdoc(thing)) == (thing.__name__ not in WITHOUT_FORMULA)


@pytest.mark.parametrize("name", LESSONS)
def test_every_public_constant_says_what_it_is(name):
    source = ast.parse(Path(importlib.import_module(f"nnlib.{name}").__file__).read_text(encoding="utf-8")).body
    for node, following in zip(source, [*source[1:], None], strict=True):
        target = (
            node.target
            if isinstance(node, ast.AnnAssign)
            else node.targets[0]
            if isinstance(node, ast.Assign)
            else None
        )
        if isinstance(target, ast.Name) and target.id.isupper() and not target.id.startswith("_"):
            assert isinstance(following, ast.Expr), target.id
            assert isinstance(following.value, ast.Constant), target.id


def test_everything_that_a_registry_holds_says_what_it_is():
    for makers in (nnlib.DATASETS, nnlib.OPTIMIZERS):
        for name, make in makers.items():
            assert inspect.getdoc(make), name
    assert all(nnlib.SCHEMES.values())
    for name, activation in nnlib.ACTIVATIONS.items():
        assert activation.formula.startswith("f(z) = "), name
        assert activation.slope_formula.startswith("f'(z) = "), name
    for module in vars(nnlib).values():
        if isinstance(module, types.ModuleType) and module.__name__.startswith("nnlib."):
            assert inspect.getdoc(module), module.__name__


def test_measures_have_their_units():
    assert "cm" in inspect.getdoc(nnlib.DATASETS["iris"])
    assert "bytes" in inspect.getdoc(nnlib.descend)
