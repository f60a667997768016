"""Runs the sessions of a section of a page: run_section.py PAGE TITLE."""

import doctest
import re
import sys
import warnings
from pathlib import Path

page, title = sys.argv[1:]
text = Path(page).read_text()
start = re.search(rf"^{re.escape(title)}\n=+$", text, flags=re.M).end()
end = re.search(r"^[^\n]+\n=+$", text[start:], flags=re.M)
text = text[start : start + end.start() if end else None]
warnings.simplefilter("ignore")
runner = doctest.DocTestRunner()
runner.run(doctest.DocTestParser().get_doctest(text, {}, title, page, 0))
print(results := runner.summarize(verbose=False))
sys.exit(results.failed > 0 or results.attempted == 0)
