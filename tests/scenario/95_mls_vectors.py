# SPDX-License-Identifier: MIT
# io_threads: default
"""All of the working group's MLS vectors run: the cases in the files are counted here, those that ran by the tests."""
import collections
import json
import os
import pathlib
import re
import subprocess

from sotto import BUILD
from tap import main, skip, test

FOLDER = pathlib.Path(os.environ.get('SOTTO_VECTORS', '')) / 'mls'
FILES = 16
SUITES = (1, 3)  # the other five are not ours
PROGRAMS = ('crypto_basics', 'deserialization', 'key_schedule', 'message_protection', 'messages', 'passive_client', 'psk',
            'secret_tree', 'transcript', 'tree_math', 'tree_operations', 'tree_validation', 'treekem', 'welcome')
RAN = re.compile(r'^# mls/(\S+\.json)(?: suite (\d+))?: (\d+) cases$', re.MULTILINE)


def cases_in_files():
    """{(file, suite or None): how many}"""
    counts = collections.Counter()
    for path in FOLDER.glob('*.json'):
        counts.update((path.name, case.get('cipher_suite')) for case in json.loads(path.read_text(encoding='utf-8')))
    return {key: count for key, count in counts.items() if key[1] in (None, *SUITES)}


def cases_that_ran():
    counts = collections.Counter()
    for name in PROGRAMS:
        done = subprocess.run([BUILD / 'tests' / f'test_mls_{name}'], capture_output=True, text=True, check=True)
        assert '# SKIP' not in done.stdout, name
        for file, suite, count in RAN.findall(done.stdout):
            counts[file, int(suite) if suite else None] += int(count)
    return dict(counts)


@test
def every_case_of_every_file_runs_in_both_suites(_stage):
    if not FOLDER.is_dir():
        skip(f'no test vectors in {FOLDER}')
    wanted = cases_in_files()
    assert len({file for file, _suite in wanted}) == FILES
    assert cases_that_ran() == wanted


if __name__ == '__main__':
    main()
