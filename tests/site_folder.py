"""A folder of packages that are installed for a test alone."""

from pathlib import Path


def make_site_folder(folder: Path) -> None:
    """Makes a folder in which Python, finding it on its path, looks for packages as it does in site-packages.

    So editable installs work there, too, with ``pip install --target``.
    """
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text("import os, site\nsite.addsitedir(os.path.dirname(__file__))\n")
