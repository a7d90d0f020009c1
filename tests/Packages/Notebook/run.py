"""Runs a notebook's cells, as Jupyter does, with the packages of a folder: run.py NOTEBOOK FOLDER VERSION. Writes what the cells write; ends with the first cell that fails."""

import pathlib
import sys

import nbformat
from nbclient import NotebookClient

path, folder, version = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
notebook = nbformat.read(path, as_version=4)
cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
if '#r "nuget: OptimSharp.Torch, *-*"' not in cells[0].source:
    sys.exit("The first cell does not ask for OptimSharp.Torch.")
cells[0].source = f'#i "nuget:{folder}"\n' + cells[0].source.replace("OptimSharp.Torch, *-*", f"OptimSharp.Torch, {version}")
NotebookClient(notebook, timeout=600, kernel_name=".net-csharp", resources={"metadata": {"path": path.parent}}).execute()
pictures = 0
for cell in cells:
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stdout":
            print(output.text, end="")
        pictures += "data:image/png;base64," in output.get("data", {}).get("text/html", "")
print(f"{pictures} pictures")
