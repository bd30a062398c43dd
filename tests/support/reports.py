# SPDX-License-Identifier: MIT
"""What sanitizers and valgrind have to say of a program, wherever it says it: on a stderr that a test reads, on a terminal,
or in the files `report.PID` of the temporary folder, to which tests/run sends all of them.

With SOTTO_VALGRIND=1 the programs of the build run under valgrind's memcheck (`make valgrind`).
"""
import os
import pathlib
import re
import tempfile

# Lines that AddressSanitizer, LeakSanitizer, UBSan, TSan, MSan and a quiet valgrind begin a report with.
REPORT = re.compile(r'^==\d+==(?! Warning: set address range).*|^.*: runtime error: .*|^WARNING: \w+Sanitizer: .*', re.M)
PREFIX = 'report'
VALGRIND = ('valgrind', '-q', '--leak-check=full', '--show-leak-kinds=definite', '--errors-for-leak-kinds=definite',
            '--error-exitcode=99', '--num-callers=24', '--keep-debuginfo=yes', '--trace-children=no')


def reports_in(text):
    """The lines of the text that say that something is wrong with a program."""
    return REPORT.findall(text)


def report_option(folder):
    """The option of every sanitizer that sends its reports to the folder."""
    return f'log_path={folder}/{PREFIX}'


def take_reports(folder=None):
    """What stands in the folder's report files (default: the temporary one), which are removed."""
    texts = []
    for path in sorted(pathlib.Path(folder or tempfile.gettempdir()).glob(f'{PREFIX}.*')):
        text = path.read_text(encoding='utf-8', errors='replace')
        path.unlink()
        if reports_in(text):
            texts.append(text)
    return '\n'.join(texts)


def watched(command, folder=None):
    """The command, under valgrind if that is asked for."""
    if os.environ.get('SOTTO_VALGRIND') != '1':
        return list(command)
    return [*VALGRIND, f'--log-file={folder or tempfile.gettempdir()}/{PREFIX}.%p', *command]
