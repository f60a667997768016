"""Check that the sources have all files of the repository, and the wheel its types.

``python .ci/check_archives.py dist/*.tar.gz dist/*.whl``
"""

import subprocess
import sys
import tarfile
import zipfile

# What only a clone of the repository needs.
LEFT_OUT = {".gitignore"}


def main(sources, wheel):
    with tarfile.open(sources) as file:
        packed = {name.partition("/")[2] for name in file.getnames()}
    command = ["git", "ls-files", "--cached"]
    listed = subprocess.run(command, capture_output=True, check=True, text=True)
    missing = set(listed.stdout.splitlines()) - packed - LEFT_OUT
    if missing:
        sys.exit(f"{sources} lacks {', '.join(sorted(missing))}")
    with zipfile.ZipFile(wheel) as file:
        if "skebm/py.typed" not in file.namelist():
            sys.exit(f"{wheel} lacks skebm/py.typed")
    print("the archives have all files of the repository, and the types")


if __name__ == "__main__":
    main(*sys.argv[1:])
