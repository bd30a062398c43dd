# SPDX-License-Identifier: MIT
# io_threads: default
# timeout: 600
"""The shell blocks of docs/writing-a-module.md, run as they stand, in order, in an empty folder."""
import os
import re
import subprocess

from sotto import BUILD, SOURCE, program
from tap import main, test

BLOCK = re.compile(r'^```sh\n(.*?)^```$', re.M | re.S)


def instrumentation():
    """Flags for what links an SDK whose build carries sanitizers or counters; the two cannot be mixed."""
    cache = dict(line.split('=', 1) for line in (BUILD / 'CMakeCache.txt').read_text().splitlines() if '=' in line)
    flags = ''
    if cache['SOTTO_SANITIZE:STRING']:
        flags = f'-fsanitize={cache["SOTTO_SANITIZE:STRING"]} -fno-omit-frame-pointer'
    elif cache['SOTTO_COVERAGE:BOOL'] == 'ON':
        flags = '--coverage'
    return {'CFLAGS': flags, 'LDFLAGS': flags} if flags else {}


@test
def the_tutorial_works_as_printed(stage):
    program('sottod')
    blocks = BLOCK.findall((SOURCE / 'docs' / 'writing-a-module.md').read_text(encoding='utf-8'))
    assert len(blocks) == 2, len(blocks)
    env = {**os.environ, 'SOTTO': str(SOURCE), **instrumentation()}
    # The page speaks of the build folder `build`; this test also runs on others.
    script = '\n'.join(blocks).replace('$SOTTO/build', str(BUILD))

    done = subprocess.run(['bash', '-euo', 'pipefail', '-c', script], cwd=stage.folder,
                          env=env, capture_output=True, text=True, timeout=240, check=False)

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert '100% tests passed' in done.stdout, done.stdout[-3000:]


if __name__ == '__main__':
    main()
