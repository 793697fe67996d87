"""Run the notebooks and write their .ipynb, with output: python notebooks/render.py [name ...]

Each `NN_name.py` (jupytext's percent format) becomes `NN_name.ipynb`. Needs jupytext, nbclient and ipykernel, which
`pip install -e '.[test]'` brings.
"""

import pathlib
import re
import sys
import tempfile
import time

import jupytext
import nbclient

FOLDER = pathlib.Path(__file__).resolve().parent
# What TensorFlow writes on stderr when it starts and exports. Anything else there is a warning that a reader should not meet.
START_UP = re.compile(
    r"([IWE]\d{4} |WARNING: All log messages before absl|To enable the following instructions|INFO:tensorflow:Assets written)"
)


def without_start_up_lines(outputs: list) -> list:
    kept = []
    for output in outputs:
        if output.output_type == "stream":
            lines = output["text"].splitlines(keepends=True)
            output["text"] = "".join(line for line in lines if not START_UP.match(line))
            if output["name"] == "stderr" and output["text"].strip():
                raise SystemExit(f"A cell writes on stderr:\n{output['text']}")
        if output.get("text", "").strip() or output.output_type != "stream":
            kept.append(output)
    return kept


def render(source: pathlib.Path) -> None:
    notebook = jupytext.read(source, fmt="py:percent")
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        resources = {"metadata": {"path": scratch}}
        nbclient.NotebookClient(
            notebook, timeout=1800, record_timing=False, coalesce_streams=True, resources=resources
        ).execute()
    notebook.metadata.pop("language_info", None)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # the same in every run
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = without_start_up_lines(cell.outputs)
    target = source.with_suffix(".ipynb")
    jupytext.write(notebook, target, fmt="ipynb")
    print(f"{target.name}: {time.perf_counter() - began:.0f} s, {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    for source in sorted(FOLDER.glob("[0-9]*.py")):
        if not sys.argv[1:] or any(name in source.name for name in sys.argv[1:]):
            render(source)
