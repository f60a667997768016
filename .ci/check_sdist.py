"""Check that a distribution of the sources has all files of the repository.

``python .ci/check_sdist.py dist/skebm-0.1.0.tar.gz``
"""

import subprocess
import sys
import tarfile

# What only a clone of the repository needs.
LEFT_OUT = {".gitignore"}


def main(archive):
    with tarfile.open(archive) as file:
        packed = {name.partition("/")[2] for name in file.getnames()}
    command = ["git", "ls-files", "--cached"]
    listed = subprocess.run(command, capture_output=True, check=True, text=True)
    missing = set(listed.stdout.splitlines()) - packed - LEFT_OUT
    if missing:
        sys.exit(f"{archive} lacks {', '.join(sorted(missing))}")
    print(f"{archive} has all files of the repository")


if __name__ == "__main__":
    main(*sys.argv[1:])
