# SPDX-License-Identifier: MIT
# io_threads: default
# timeout: 300
"""The shell blocks of docs/writing-a-module.md, run as they stand, in order, in an empty folder."""
import os
import re
import subprocess

from sotto import BUILD, SOURCE, program
from tap import main, skip, test

BLOCK = re.compile(r'^```sh\n(.*?)^```$', re.M | re.S)


@test
def the_tutorial_works_as_printed(stage):
    program('sottod')
    if BUILD != SOURCE / 'build':
        skip('the page speaks of the build folder `build`')
    blocks = BLOCK.findall((SOURCE / 'docs' / 'writing-a-module.md').read_text(encoding='utf-8'))
    assert len(blocks) == 2, len(blocks)
    env = {**os.environ, 'SOTTO': str(SOURCE)}

    done = subprocess.run(['bash', '-euo', 'pipefail', '-c', '\n'.join(blocks)], cwd=stage.folder,
                          env=env, capture_output=True, text=True, timeout=240, check=False)

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert '100% tests passed' in done.stdout, done.stdout[-3000:]


if __name__ == '__main__':
    main()
