import contextlib
import io
import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_example_prints_what_the_readme_says():
    code, printed = re.search(r"```python\n(.*?)```\n\nprints\n\n```\n(.*?)```", README, re.DOTALL).groups()
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "README.md", "exec"), {})  # noqa: S102 (our own README)
    assert out.getvalue() == printed
    assert len([line for line in code.splitlines() if line.strip()]) == 15


def test_both_commands_stand_in_the_readme():
    lines = README.splitlines()
    assert "pip install -r requirements.txt && streamlit run app.py" in lines
    assert "pip install -r tests/requirements.txt && pytest" in lines


def test_every_file_the_readme_links_to_exists():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (Path(__file__).parents[1] / target).exists(), target
